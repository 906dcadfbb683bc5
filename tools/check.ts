import { report, runStep, staticSteps, unitStep } from './steps.ts'

/** `npm run check`: types, lint, format, rooms, unit and API tests on the fake engine. Everything that can runs at once. */
const started = performance.now()
const lines: string[] = []
let failed = false

// types, lint and format share the processors badly with the tests: first the quick ones, then the tests
for (const group of [staticSteps, [unitStep]]) {
  const results = await Promise.all(group.map(async (step) => await runStep(step)))
  for (const result of results) {
    failed ||= result.code !== 0
    if (result.code === 0 && result.name === unitStep.name) process.stdout.write(result.output)
    lines.push(report(result))
  }
}
const seconds = ((performance.now() - started) / 1000).toFixed(1)
const verdict = `check: ${failed ? 'failed' : 'passed'} in ${seconds} s`
process.stdout.write(`${lines.join('\n')}\n${verdict}\n`)
process.exit(failed ? 1 : 0)
