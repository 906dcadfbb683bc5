import type { ParseArgsOptionsConfig } from 'node:util'

/** One command of `./stackyard`: a file of `commands/` whose name is the command's. */
export interface Command {
  readonly name: string
  /** One line for the first screen. */
  readonly summary: string
  /** Place on the first screen. */
  readonly group: 'start' | 'use' | 'look' | 'stop' | 'help'
  /** What follows the name in «Usage». */
  readonly usage?: string
  /** From the first word on everything is somebody else's: options after it are not ours (`run IMAGE ls -l`). */
  readonly takesCommand?: boolean
  readonly options: Readonly<Record<string, OptionHelp>>
  /** Answers the exit code. */
  readonly run: (args: Arguments) => Promise<number>
}

export type OptionHelp = ParseArgsOptionsConfig[string] & {
  readonly help: string
  /** What stands for the value in the help, e.g. `PORT`. */
  readonly value?: string
}

/** Parsed options and the words beside them. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  readonly words: readonly string[]
}

export function defineCommand(command: Command): Command {
  return command
}

export function textOption(args: Arguments, name: string): string | undefined {
  const value = args.values[name]
  return typeof value === 'string' ? value : undefined
}

export function isSet(args: Arguments, name: string): boolean {
  return args.values[name] === true
}

/** Of an option that may be given several times (`multiple`). */
export function listOption(args: Arguments, name: string): readonly string[] {
  const value = args.values[name]
  return typeof value === 'object' ? value : []
}

/** A failure that the user can act on: printed without a stack, with advice below. */
export class CommandError extends Error {
  readonly advice: readonly string[]
  constructor(message: string, advice: readonly string[] = [], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.advice = advice
  }
}
