import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureDocker, stopOurDocker } from '../cli/host/dockerd.ts'
import { findProgram, installPackages, missingRequirements } from '../cli/host/packages.ts'
import { report, runStep, staticSteps, unitStep, type Step } from './steps.ts'

/**
 * `npm test`: everything that `npm run check` does, then the tests on real engines, after making sure of what they need.
 * Where STACKYARD_TEST_DATABASE_URL names a PostgreSQL server, the API tests run on it as well. The last line counts.
 * Arguments go to vitest of the real tests: `npm test -- test/e2e/heal.test.ts`.
 */
const DOCKER_SOCKET = '/var/run/docker.sock'
/** What the tests use beyond what the cloud itself needs. */
const TEST_PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['openstack', 'python3-openstackclient'],
  ['zun', 'python3-zunclient'],
  ['ssh', 'openssh-client'],
  ['busybox', 'busybox-static'],
  ['curl', 'curl'],
  ['ping', 'iputils-ping'],
  ['docker', 'docker.io'],
]

const scratch = mkdtempSync(join(tmpdir(), 'stackyard-test-'))
const only = process.argv.slice(2)
const lines: string[] = []
let passed = 0
let failed = 0

try {
  await checks()
  await postgres()
  await real()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.stdout.write(`${lines.join('\n')}\n${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)

async function checks(): Promise<void> {
  const results = await Promise.all(staticSteps.map(async (step) => await runStep(step)))
  for (const result of results) {
    if (result.code === 0) passed++
    else failed++
    lines.push(report(result))
  }
  await vitest(unitStep, { STACKYARD_TEST_DATABASE_URL: '' })
}

async function postgres(): Promise<void> {
  const url = process.env['STACKYARD_TEST_DATABASE_URL'] ?? ''
  if (url === '') {
    skip('API tests on PostgreSQL: STACKYARD_TEST_DATABASE_URL names no server')
    return
  }
  await vitest({ name: 'tests on PostgreSQL', args: [...unitStep.args, 'test/api/'] }, {})
}

async function real(): Promise<void> {
  const reason = cannotRunReal()
  if (reason !== undefined) {
    skip(`tests on real engines: ${reason}`)
    return
  }
  const docker = join(scratch, 'docker')
  try {
    await prepareHost()
    const version = await ensureDocker(DOCKER_SOCKET, docker, (text) => tell(`Docker: ${text}`))
    tell(`real engines: Docker ${version}, Linux networking`)
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'real', ...only]
    await vitest({ name: 'tests on real engines', args: [...args, '--reporter', 'verbose'] }, {})
  } catch (error) {
    failed++
    lines.push(`✗ tests on real engines: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    await stopOurDocker(docker)
  }
}

function cannotRunReal(): string | undefined {
  if (process.platform !== 'linux') return `they need Linux, and this is ${process.platform}`
  return process.getuid?.() === 0 ? undefined : 'they need root (sudo ./stackyard test)'
}

/** Installs what is missing where there is apt; elsewhere the tests that need a program fail and name it. */
async function prepareHost(): Promise<void> {
  const missing = [
    ...missingRequirements(existsSync(DOCKER_SOCKET)).map((requirement) => requirement.package),
    ...TEST_PROGRAMS.filter(([program]) => findProgram(program) === undefined).map(
      ([, name]) => name,
    ),
  ]
  if (missing.length === 0) return
  if (findProgram('apt-get') === undefined) {
    tell(`not installed, and there is no apt-get here: ${missing.join(', ')}`)
    return
  }
  tell(`installing ${missing.join(', ')}`)
  await installPackages([...new Set(missing)])
}

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly success: boolean
}

/** A run that fails without a failed test (a file that does not load, a hook) counts as one failure. */
async function vitest(step: Step, env: Readonly<Record<string, string>>): Promise<void> {
  const file = join(scratch, `${step.name.replaceAll(' ', '-')}.json`)
  const args = [...step.args, '--reporter', 'json', `--outputFile.json=${file}`]
  const { code, seconds } = await runStep({ name: step.name, args }, { show: true, env })
  const seen = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as VitestReport) // vitest's own format
    : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, success: false }
  const { numPassedTests, numFailedTests, numPendingTests } = seen
  passed += numPassedTests
  failed += code !== 0 && numFailedTests === 0 ? 1 : numFailedTests
  const words = `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`
  lines.push(`${code === 0 ? '✓' : '✗'} ${step.name}: ${words} ${seconds.toFixed(1)} s`)
}

function skip(what: string): void {
  lines.push(`○ skipped: ${what}`)
}

function tell(text: string): void {
  process.stdout.write(`── ${text}\n`)
}
