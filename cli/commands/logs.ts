import { existsSync } from 'node:fs'
import { logFile } from '../cloud.ts'
import { CommandError, defineCommand, isSet, textOption } from '../command.ts'
import { follow, lastLines } from '../log-file.ts'
import { dataOption, readSettings } from '../settings.ts'
import { print } from '../terminal.ts'

export default defineCommand({
  name: 'logs',
  summary: "the cloud's own log (-f follows it, -n N shows the last N lines)",
  group: 'look',
  options: {
    ...dataOption,
    follow: { type: 'boolean', short: 'f', help: 'go on until Ctrl-C' },
    lines: { type: 'string', short: 'n', value: 'N', help: 'how many of the last lines (100)' },
  },
  run: async (args) => {
    const file = logFile(readSettings(args).data)
    const count = Number(textOption(args, 'lines') ?? '100')
    if (!Number.isInteger(count) || count < 0) throw new CommandError('-n wants a number of lines')
    if (!existsSync(file)) throw new CommandError(`there is no log yet at ${file}`)
    // The place is taken before the end is read, so that nothing written meanwhile is lost.
    const more = follow(file)
    const first = isSet(args, 'follow') ? more.next() : undefined
    const last = count === 0 ? [] : lastLines(file, count)
    if (last.length > 0) print(last.join('\n'))
    if (first === undefined) return 0
    const { value } = await first
    if (typeof value === 'string') process.stdout.write(value)
    for await (const text of more) process.stdout.write(text)
    return 0
  },
})
