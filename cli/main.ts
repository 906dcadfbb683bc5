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
    const own = command.takesCommand === true ? rest.slice(0, firstWord(command, rest)) : rest
    const { values, positionals } = parseArgs({
      args: [...own],
      options: { ...command.options },
      allowPositionals: command.usage !== undefined,
    })
    // every option's value is text, a switch, or a list of texts
    return {
      values: values as Arguments['values'],
      words: [...positionals, ...rest.slice(own.length)],
    }
  } catch (cause) {
    const advice = [`./stackyard ${command.name} --help shows what it understands`]
    throw new CommandError(reasonOf(cause), advice)
  }
}

/** Where the first word stands that is neither an option nor an option's value. */
function firstWord(command: Command, rest: readonly string[]): number {
  const { tokens } = parseArgs({
    args: [...rest],
    options: { ...command.options },
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  return tokens.find(({ kind }) => kind === 'positional')?.index ?? rest.length
}

function report(error: unknown): number {
  say(`${red('stackyard:')} ${reasonOf(error)}`)
  if (error instanceof CommandError) for (const line of error.advice) say(`  ${line}`)
  return 1
}

// A reader that closes the pipe early (`logs | head`) is no error.
process.stdout.on('error', () => process.exit(0))
process.exitCode = await main(process.argv.slice(2)).catch(report)
