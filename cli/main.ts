import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { reasonOf } from '../src/kernel/errors/cloud-error.ts'
import { CommandError, type Arguments, type Command } from './command.ts'
import { commandHelp, firstScreen } from './help.ts'
import { print, red, say } from './terminal.ts'

/** `./stackyard COMMAND`: finds the command among the files of `commands/`, parses its options, runs it. */
async function main(argv: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = argv
  const commands = await loadCommands()
  if (name === 'help' || name === '--help' || name === '-h') {
    const about = commands.find((command) => command.name === rest[0])
    print(about === undefined ? firstScreen(commands) : commandHelp(about))
    return 0
  }
  const command = commands.find((candidate) => candidate.name === name)
  if (command === undefined) {
    const names = commands.map((known) => known.name).join(', ')
    throw new CommandError(`there is no command «${name}»`, [`Commands: ${names}, help`])
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    print(commandHelp(command))
    return 0
  }
  return await command.run(parseArguments(command, rest))
}

async function loadCommands(): Promise<Command[]> {
  const folder = join(import.meta.dirname, 'commands')
  const files = (await readdir(folder)).filter((file) => /^[a-z-]+\.ts$/.test(file))
  const modules = await Promise.all(
    files.map(async (file): Promise<{ default: Command }> => await import(join(folder, file))),
  )
  return modules.map((module) => module.default)
}

function parseArguments(command: Command, rest: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...rest],
      options: { ...command.options },
      allowPositionals: command.usage !== undefined,
    })
    const single = Object.entries(values).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.at(-1) : value,
    ])
    return { values: Object.fromEntries(single), words: positionals }
  } catch (cause) {
    const advice = [`./stackyard ${command.name} --help shows what it understands`]
    throw new CommandError(reasonOf(cause), advice)
  }
}

function report(error: unknown): number {
  say(`${red('stackyard:')} ${reasonOf(error)}`)
  if (error instanceof CommandError) for (const line of error.advice) say(`  ${line}`)
  return 1
}

// A reader that closes the pipe early (`logs | head`) is no error.
process.stdout.on('error', () => process.exit(0))
process.exitCode = await main(process.argv.slice(2)).catch(report)
