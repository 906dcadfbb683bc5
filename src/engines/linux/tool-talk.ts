import type { CoProcessSpec } from '../../kernel/exec/coprocess.ts'
import { netnsPath } from './names.ts'

/** How the programs that are kept running are told things, and what their words mean. */

/** Ends what a shell is told to pass on. */
export const END = 'end of lines'

export const shell: CoProcessSpec = {
  command: 'sh',
  args: [],
  marker: (number) => `echo marker${number}z >&2`,
  complaint: (number) => new RegExp(`marker${number}z\\n`),
}

export const batchOf = (where: readonly string[]): CoProcessSpec => ({
  command: 'ip',
  args: [...where, '-force', '-batch', '-'],
  marker: (number) => `link show dev marker${number}z`,
  complaint: (number) =>
    new RegExp(`Device "marker${number}z" does not exist\\.\\s*\\nCommand failed -:\\d+\\n`),
})

/** What was said, if all of it may be; throws the rest otherwise. */
export function tolerable(what: string, said: string, tolerated: RegExp | undefined): string {
  const words = said
    .split('\n')
    .filter((line) => !line.startsWith('Command failed') && tolerated?.test(line) !== true)
  if (words.join('') === '') return said
  // the kernel's own word for it says nothing to whoever reads it in a fault
  const text = words.join(' ').replace('Exchange full', 'a Linux bridge takes 1023 ports at most')
  throw new Error(`${what} said: ${text.slice(0, 400)}`)
}

export const nftIn = (name: string): CoProcessSpec => ({
  command: 'nsenter',
  args: [`--net=${netnsPath(name)}`, 'nft', '-i'],
  env: { HOME: '/dev/null' }, // where its history file would go
  marker: (number) => `marker${number}z`,
  complaint: (number) => new RegExp(`Error: syntax error[^\\n]*\\nmarker${number}z\\n[ ^~]*\\n`),
})

/** nft repeats the whole command below each reason; the reasons are enough. */
export function nftReasons(said: string): string {
  const reasons = said.split('\n').filter((line) => line.startsWith('Error:'))
  return (reasons.length === 0 ? said : reasons.join(' ')).slice(0, 400)
}
