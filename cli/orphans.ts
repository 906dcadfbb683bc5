import { listTagged, homeOf, type Tagged } from '../src/engines/linux/orphans.ts'
import { reasonOf } from '../src/kernel/errors/cloud-error.ts'
import { wantedIds, type WantedIds } from '../src/wanted.ts'
import { dockerApi, type DockerApi } from './docker-api.ts'
import { cloudTag } from './purge.ts'
import type { Settings } from './settings.ts'

/** Something on the host that no cloud wants any more. */
export interface Orphan {
  /** e.g. `namespace sy1a2b-n-5a11b0de0000` */
  readonly name: string
  readonly why: string
}

/** What Docker holds with a cloud's label. */
interface Labelled {
  readonly kind: 'container' | 'Docker network'
  readonly name: string
  readonly tag: string
  readonly workload: string | undefined
}

/**
 * What carries this cloud's tag and no row wants, and what carries the tag of a cloud that is not on this host any more. A
 * cloud that runs clears away the first kind by itself within a minute.
 */
export async function findOrphans(settings: Settings): Promise<readonly Orphan[]> {
  const own = cloudTag(settings.data)
  const tagged = await listTagged()
  const labelled = await labelledIn(dockerApi(settings.config.engines.dockerSocket))
  const wanted = own === undefined ? undefined : await wantedIds(settings.config)
  const lost = (tag: string): boolean => tag !== own && homeOf(tag) === undefined
  return [
    ...tagged.filter(({ tag }) => lost(tag)).map((each) => ofLostCloud(each)),
    ...labelled.filter(({ tag }) => lost(tag)).map((each) => ofLostCloud(each)),
    ...(wanted === undefined
      ? []
      : [
          ...tagged.filter((each) => each.tag === own && !isWanted(each, wanted)).map(unwanted),
          ...labelled
            .filter((each) => each.tag === own && each.workload !== undefined)
            .filter(({ workload = '' }) => !wanted.workloads.includes(workload))
            .map(({ kind, name }) => ({ name: `${kind} ${name}`, why: 'no workload wants it' })),
        ]),
  ]
}

const ofLostCloud = ({
  kind,
  name,
  tag,
}: Pick<Tagged, 'name' | 'tag'> & { kind: string }): Orphan => ({
  name: `${kind} ${name}`,
  why: `of cloud ${tag}, whose data folder is gone, or which has not run since this host started`,
})

const unwanted = ({ kind, name, of }: Tagged): Orphan => ({
  name: `${kind} ${name}`,
  why: `no ${of} wants it`,
})

function isWanted({ of, digits }: Tagged, wanted: WantedIds): boolean {
  const ids = of === 'router' ? wanted.routers : wanted.networks
  return ids.some((id) => id.replaceAll('-', '').startsWith(digits))
}

const LABEL = 'stackyard.cloud'

interface Container {
  readonly Names: readonly string[]
  readonly Labels: Readonly<Record<string, string>> | null
}

interface Network {
  readonly Name: string
  readonly Labels: Readonly<Record<string, string>> | null
}

/** Nothing where no Docker answers. */
async function labelledIn(docker: DockerApi): Promise<readonly Labelled[]> {
  if ((await docker.version()) === undefined) return []
  const filter = `filters=${encodeURIComponent(JSON.stringify({ label: [LABEL] }))}`
  const containers = await docker.get<Container[]>(`/containers/json?all=true&${filter}`)
  const networks = await docker.get<Network[]>(`/networks?${filter}`)
  return [
    ...containers.map(({ Names, Labels }) => ({
      kind: 'container' as const,
      name: Names[0]?.slice(1) ?? '',
      tag: Labels?.[LABEL] ?? '',
      workload: Labels?.['stackyard.workload'],
    })),
    ...networks.map(({ Name, Labels }) => ({
      kind: 'Docker network' as const,
      name: Name,
      tag: Labels?.[LABEL] ?? '',
      workload: undefined,
    })),
  ]
}

/** As findings of `doctor`: one line when there is none, else one for each. */
export async function orphanFindings(settings: Settings): Promise<
  {
    readonly name: string
    readonly ok: boolean
    readonly detail: string
    readonly advice?: string
  }[]
> {
  try {
    const orphans = await findOrphans(settings)
    if (orphans.length === 0) return [{ name: 'orphans', ok: true, detail: 'none on this host' }]
    return orphans.map(({ name, why }) => ({
      name: 'orphan',
      ok: false,
      detail: `${name}: ${why}`,
      advice: adviceFor(name),
    }))
  } catch (error) {
    return [{ name: 'orphans', ok: false, detail: `cannot be looked for: ${reasonOf(error)}` }]
  }
}

function adviceFor(name: string): string {
  const [kind = '', ...rest] = name.split(' ')
  const last = rest.at(-1) ?? ''
  switch (kind) {
    case 'namespace':
      return `ip netns del ${last}`
    case 'link':
      return `ip link del ${last}`
    case 'table':
      return `nft delete table ${rest.join(' ')}`
    case 'container':
      return `docker rm -f ${last}`
    default:
      return `docker network rm ${last}`
  }
}
