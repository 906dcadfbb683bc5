import { existsSync } from 'node:fs'
import { baseUrl, findCloud, logFile, readiness } from '../cloud.ts'
import { defineCommand, isSet } from '../command.ts'
import { dockerApi } from '../docker-api.ts'
import { dataOption, readSettings } from '../settings.ts'
import { dim, green, print, red, warn, yellow } from '../terminal.ts'

export default defineCommand({
  name: 'status',
  summary:
    'does it run, is it ready, what is it doing (exit code 0: ready, 3: not ready, 4: not running)',
  group: 'look',
  options: { ...dataOption, json: { type: 'boolean', help: 'print JSON' } },
  run: async (args) => {
    const asked = readSettings(args)
    const cloud = findCloud(asked.data)
    const settings = cloud?.settings ?? asked
    const seen = cloud === undefined ? undefined : await readiness(settings)
    const isReady = seen?.ready === true
    const state = cloud === undefined ? 'stopped' : isReady ? 'ready' : 'not ready'
    const facts: Record<string, unknown> = {
      state,
      process: cloud?.pid,
      endpoint: cloud === undefined ? undefined : `${baseUrl(settings)}/identity/v3`,
      data: settings.data,
      log: logFile(settings.data),
      docker:
        (await dockerApi(settings.config.engines.dockerSocket).version()) ?? 'does not answer',
      node: process.version,
      ...seen?.details,
    }
    if (isSet(args, 'json')) print(JSON.stringify(facts, undefined, 2))
    else printFacts(facts)
    hintAtRootsCloud(settings.data)
    if (isReady) return 0
    return cloud === undefined ? 4 : 3
  },
})

/** An ordinary user who started the cloud with sudo looks for it in his own folder. */
function hintAtRootsCloud(data: string): void {
  const roots = '/var/lib/stackyard'
  if (process.getuid?.() === 0 || data === roots || !existsSync(roots)) return
  warn(`There is also a cloud of root in ${roots}: sudo ./stackyard status`)
}

function printFacts(facts: Readonly<Record<string, unknown>>): void {
  const colours: Readonly<Record<string, (text: string) => string>> = {
    ready: green,
    'not ready': yellow,
    stopped: red,
  }
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue
    const text = inline(value)
    print(
      `${dim(name.padEnd(12))} ${(name === 'state' ? colours[text] : undefined)?.(text) ?? text}`,
    )
  }
}

/** `{ a: 1, b: { c: 2 } }` as `a 1, b (c 2)`. */
function inline(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return value.map(inline).join(', ')
  const parts = Object.entries(value).map(([key, inner]) => {
    const text = inline(inner)
    return typeof inner === 'object' ? `${key} (${text})` : `${key} ${text}`
  })
  return parts.join(', ')
}
