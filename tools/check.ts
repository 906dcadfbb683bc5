import { spawn } from 'node:child_process'

/** `npm run check`: types, lint, format, rooms, unit and API tests on the fake engine. Everything that can runs at once. */
const steps: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit']],
  [
    'lint',
    ['node_modules/oxlint/bin/oxlint', '--type-aware', '--quiet', 'src', 'cli', 'test', 'tools'],
  ],
  ['format', ['node_modules/oxfmt/bin/oxfmt', '--check', 'src', 'cli', 'test', 'tools']],
  ['rooms', ['tools/rooms.ts']],
  ['generated', ['tools/gen.ts', '--check']],
  ['tests', ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--reporter', 'dot']],
]

const results: string[] = []
let failed = false
const started = performance.now()
// types, lint and format share the processors badly with the tests: first the quick ones, then the tests
for (const group of [steps.slice(0, 5), steps.slice(5)]) {
  await Promise.all(group.map(async ([name, args]) => await step(name, args)))
}
process.stdout.write(
  `${results.join('\n')}\ncheck: ${failed ? 'failed' : 'passed'} in ${seconds(started)}\n`,
)
process.exit(failed ? 1 : 0)

async function step(name: string, args: readonly string[]): Promise<void> {
  const begin = performance.now()
  const { code, output } = await run(args)
  if (code !== 0) {
    failed = true
    process.stdout.write(`── ${name} ──\n${output}\n`)
  } else if (name === 'tests') process.stdout.write(output)
  results.push(`${code === 0 ? '✓' : '✗'} ${name} ${seconds(begin)}`)
}

async function run(args: readonly string[]): Promise<{ code: number; output: string }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }),
    )
  })
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
