import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, tryRun } from '../../src/kernel/exec/run.ts'

/** What a cloud has on this host, seen with the host's own tools. */
export interface OnHost {
  /** Names of containers, sandboxes included, the pool's spare ones not. */
  readonly containers: readonly string[]
  readonly namespaces: readonly string[]
  /** Folders of workloads in the data folder. */
  readonly folders: readonly string[]
}

export async function onHost(data: string): Promise<OnHost> {
  const folder = join(data, 'workloads')
  return {
    containers: (await allContainers(data))
      .filter((name) => !name.startsWith(`sy${tagOf(data)}-pool-`))
      .toSorted(),
    namespaces: (await namespacesOf(data)).toSorted(),
    folders: existsSync(folder) ? readdirSync(folder).toSorted() : [],
  }
}

export function tagOf(data: string): string {
  return readFileSync(join(data, 'cloud'), 'utf8').trim()
}

export async function namespacesOf(data: string): Promise<readonly string[]> {
  const { stdout } = await tryRun('ip', ['netns', 'list'])
  const names = stdout.split('\n').map((line) => line.split(' ')[0] ?? '')
  return names.filter((name) => name.startsWith(`sy${tagOf(data)}-`))
}

/** Network interfaces of a cloud: `namespace/name` of those in its namespaces, `name` of those that it has on the host. */
export async function linksOf(data: string): Promise<readonly string[]> {
  const mine = (await linkNames([])).filter((name) => name.startsWith(`sy${tagOf(data)}`))
  for (const namespace of await namespacesOf(data)) {
    const names = await linkNames(['-n', namespace])
    mine.push(...names.map((name) => `${namespace}/${name}`))
  }
  return mine.toSorted()
}

/** A namespace that goes at this moment has none. */
async function linkNames(where: readonly string[]): Promise<string[]> {
  const { stdout } = await tryRun('ip', [...where, '-o', 'link', 'show'])
  return stdout.split('\n').flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? [])
}

async function allContainers(data: string): Promise<readonly string[]> {
  const label = `label=stackyard.cloud=${tagOf(data)}`
  const names = await run('docker', ['ps', '-a', '--filter', label, '--format', '{{.Names}}'])
  return names.split('\n').filter((name) => name !== '')
}

/**
 * Containers and sandboxes of one server, or of the whole cloud, removed as somebody with a root shell would. What is being
 * removed by the cloud at the same time may make docker complain; it is gone then all the same.
 */
export async function removeContainers(data: string, serverId = ''): Promise<number> {
  const names = (await allContainers(data)).filter((name) => name.includes(serverId))
  if (names.length > 0) await tryRun('docker', ['rm', '-f', ...names], { timeoutMs: 120_000 })
  return names.length
}

/** Deletes namespaces whose name begins, behind the cloud's tag, with `kind` (`n-`: networks). */
export async function removeNamespaces(data: string, kind = ''): Promise<number> {
  const names = (await namespacesOf(data)).filter((name) =>
    name.startsWith(`sy${tagOf(data)}-${kind}`),
  )
  for (const name of names) await run('ip', ['netns', 'del', name])
  return names.length
}
