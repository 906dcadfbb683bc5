import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import {
  createFakeCompute,
  createFakeImageStore,
  createFakeNetwork,
} from '../src/engines/fake/index.ts'
import { VERSION } from '../src/cloud.ts'
import { loadConfig } from '../src/kernel/config/config.ts'
import type { DataFolder } from '../src/kernel/config/data-folder.ts'
import { openApiOf } from '../src/kernel/http/openapi.ts'
import type { ServiceDefinition } from '../src/kernel/http/service.ts'
import { createServices } from '../src/services.ts'
import { coverageOf } from './coverage.ts'

/**
 * `npm run gen`: writes what can be read from the services' own declarations, `docs/coverage.md` and `docs/openapi.json`.
 * `--check` writes nothing and fails when they are out of date. No cloud is started.
 */
const root = resolve(import.meta.dirname, '..')
const check = process.argv.includes('--check')
const services = declaredServices()
const files: Readonly<Record<string, string>> = {
  'docs/coverage.md': coverageOf(services),
  'docs/openapi.json': linePerPath(openApiOf(services, VERSION)),
}
const stale = Object.entries(files).filter(([name, text]) => readIfThere(join(root, name)) !== text)

if (check) {
  for (const [name] of stale) {
    process.stderr.write(
      `${name} does not fit the routes any more: run "npm run gen" and commit it\n`,
    )
  }
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const [name, text] of stale) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
    process.stdout.write(`${relative(process.cwd(), join(root, name))} written\n`)
  }
}

/** Built as at a start, with engines in memory and a data folder that goes at once: their declarations are all that is asked for. */
function declaredServices(): readonly ServiceDefinition[] {
  const path = mkdtempSync(join(tmpdir(), 'stackyard-gen-'))
  try {
    return servicesIn(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function servicesIn(path: string): readonly ServiceDefinition[] {
  const config = loadConfig({ env: {}, flags: { data: path, 'engines.kind': 'fake' } })
  const folder: DataFolder = {
    path,
    cloud: '0000',
    isNew: true,
    file: (...names) => join(path, ...names),
    release: () => undefined,
  }
  const engines = {
    compute: createFakeCompute(),
    network: createFakeNetwork(),
    images: createFakeImageStore(),
    contexts: createFakeImageStore(),
  }
  return createServices(config, folder, engines, []).definitions
}

/** One line for each path: small enough a file, and a change of one route is a change of one line. */
function linePerPath(document: unknown): string {
  const { paths, ...head } = document as { readonly paths: Readonly<Record<string, unknown>> } // OpenAPI
  const lines = Object.entries(paths).map(
    ([path, operations]) => `${JSON.stringify(path)}:${JSON.stringify(operations)}`,
  )
  return `${JSON.stringify(head).slice(0, -1)},"paths":{\n${lines.join(',\n')}\n}}\n`
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
