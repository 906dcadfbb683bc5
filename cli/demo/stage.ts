import { cyan, dim, green, print, red, seconds, spin } from '../terminal.ts'

/** Shows a step of the demo: the command it stands for, then what came of it and how long it took. */
export async function show<T>(
  command: string,
  work: () => Promise<{ readonly result: string; readonly value: T }>,
): Promise<T> {
  print(`${dim('$')} ${cyan(command)}`)
  const began = performance.now()
  const spinner = spin('')
  try {
    const { result, value } = await work()
    spinner.stop()
    const took = dim(seconds(performance.now() - began))
    const [first = '', ...rest] = result.split('\n')
    print(`  ${green('→')} ${first}  ${took}`)
    for (const line of rest) print(`    ${line}`)
    return value
  } catch (error) {
    spinner.stop()
    print(`  ${red('✗')} failed after ${seconds(performance.now() - began)}`)
    throw error
  }
}
