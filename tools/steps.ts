import { spawn } from 'node:child_process'

/** A program of a check: what it is called and its arguments for Node. */
export interface Step {
  readonly name: string
  readonly args: readonly string[]
}

export interface StepResult {
  readonly name: string
  readonly code: number
  /** stdout and stderr as they came; empty when it was shown at once. */
  readonly output: string
  readonly seconds: number
}

/** Types, lint, format, rooms and generated files: everything that is checked without running what is checked. */
export const staticSteps: readonly Step[] = [
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  {
    name: 'lint',
    args: [
      'node_modules/oxlint/bin/oxlint',
      '--type-aware',
      '--quiet',
      'src',
      'cli',
      'test',
      'tools',
    ],
  },
  {
    name: 'format',
    args: ['node_modules/oxfmt/bin/oxfmt', '--check', 'src', 'cli', 'test', 'tools'],
  },
  { name: 'rooms', args: ['tools/rooms.ts'] },
  { name: 'generated', args: ['tools/gen.ts', '--check'] },
]

/** The unit and API tests, on the fake engine. */
export const unitStep: Step = {
  name: 'tests',
  args: ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--reporter', 'dot'],
}

export interface StepOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  /** On our own terminal, line by line, instead of kept. */
  readonly show?: boolean
}

export async function runStep(step: Step, options: StepOptions = {}): Promise<StepResult> {
  const began = performance.now()
  return await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, step.args, {
      stdio: options.show === true ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
    })
    const chunks: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      const seconds = (performance.now() - began) / 1000
      resolve({
        name: step.name,
        code: code ?? 1,
        output: Buffer.concat(chunks).toString(),
        seconds,
      })
    })
  })
}

/** One line for the summary; what a failed step said goes out at once. */
export function report(result: StepResult): string {
  const { name, code, output, seconds } = result
  if (code !== 0) process.stdout.write(`── ${name} ──\n${output}\n`)
  return `${code === 0 ? '✓' : '✗'} ${name} ${seconds.toFixed(1)} s`
}
