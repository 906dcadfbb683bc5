import type { ContainerState, Limits, SeenWorkload } from '../../ports/compute.ts'
import type { Nic, Power } from './face.ts'

/** What is wanted of one workload, as far as planning needs it. */
export interface Wish {
  readonly power: Power | 'removed'
  readonly revision: number
  /** A container of another revision hands its files on, instead of the image's being taken. */
  readonly keepFiles: boolean
  readonly limits: Limits
  readonly nics: readonly Nic[]
  /** Ports the engine may hold from earlier wishes. */
  readonly boundPorts: readonly string[]
  /** A restart asked for and not yet under way. */
  readonly restart: 'soft' | 'hard' | null
  /** The wish changed since it was last made true. */
  readonly changed: boolean
}

export interface Seen extends SeenWorkload {
  /** Ports really plugged into its sandbox. */
  readonly pluggedPorts: readonly string[]
}

export type Step =
  | { readonly kind: 'unplug'; readonly portId: string }
  | { readonly kind: 'release'; readonly portId: string }
  | { readonly kind: 'loadImage' }
  | { readonly kind: 'ensureSandbox' }
  | { readonly kind: 'plug'; readonly nic: Nic }
  | { readonly kind: 'create' }
  | { readonly kind: 'setLimits' }
  | { readonly kind: 'unpause' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'kill' }
  | { readonly kind: 'noteRestart' }
  | { readonly kind: 'start' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'destroy' }
  | { readonly kind: 'forget' }

/** Steps of one stage have nothing to do with each other and may run at once; a stage begins when the one before is done. */
export type Plan = readonly (readonly Step[])[]

/** The process ended by itself: its sandbox, which only dies with the engine or the host, is still there. */
export function endedByItself(wish: Wish, seen: Seen): boolean {
  return (
    !wish.changed &&
    wish.power === 'running' &&
    seen.container === 'exited' &&
    seen.sandbox === 'running'
  )
}

/** Pure: from what is wanted and what is there to what has to be done. An empty plan means that the wish is true. */
export function planWorkload(wish: Wish, seen: Seen): Plan {
  if (wish.power === 'removed') return planRemoval(wish)
  if (endedByItself(wish, seen)) return []
  const stale = seen.container === 'absent' || seen.revision !== wish.revision
  const state: ContainerState = stale ? 'created' : seen.container
  const carried = stale && wish.keepFiles && seen.container !== 'absent'
  // a container that has to be made needs its sandbox even when it is not to run: it joins that one's namespace
  const ensure = seen.sandbox !== 'running' && (stale || wish.power !== 'stopped')
  const plugged = seen.sandbox === 'running' ? seen.pluggedPorts : []
  // a container hangs on the very sandbox it was made with: under a new one it is made anew, with its files
  const stranded = seen.stranded === true
  const make = stale || stranded || (ensure && seen.sandbox === 'absent')
  const stages: Step[][] = [
    unwanted(wish),
    // its process ends politely and writes what it has to, before the files are handed on
    ...(carried ? planStop(seen.container) : []),
    // alive without its sandbox: it hangs in a namespace that nobody can reach any more
    (ensure || stranded) && !stale && isAlive(state) ? [step('kill')] : [],
    [...(stale && !carried ? [step('loadImage')] : []), ...(ensure ? [step('ensureSandbox')] : [])],
    [
      ...(ensure || seen.sandbox === 'running' ? missingPorts(wish, plugged) : []),
      ...(make ? [step('create')] : []),
    ],
    !make && !sameLimits(seen.limits, wish.limits) ? [step('setLimits')] : [],
    ...(wish.power === 'stopped'
      ? planStop(state)
      : planRun(wish, ensure || stranded ? 'exited' : state)),
  ]
  return stages.filter((stage) => stage.length > 0)
}

/** Everything the engine holds first, then the ports, the row last: a crash in between leaves enough to go on from. */
function planRemoval(wish: Wish): Plan {
  const ports = [...new Set([...wish.boundPorts, ...wish.nics.map((nic) => nic.portId)])]
  const stages: Step[][] = [
    [step('destroy')],
    ports.map((portId) => ({ kind: 'unplug', portId })),
    ports.map((portId) => ({ kind: 'release', portId })),
    [step('forget')],
  ]
  return stages.filter((stage) => stage.length > 0)
}

/** Ports that an earlier wish had and this one has not. */
function unwanted(wish: Wish): Step[] {
  const wanted = new Set(wish.nics.map((nic) => nic.portId))
  return wish.boundPorts
    .filter((portId) => !wanted.has(portId))
    .map((portId) => ({ kind: 'release', portId }))
}

function missingPorts(wish: Wish, plugged: readonly string[]): Step[] {
  return wish.nics
    .filter((nic) => !plugged.includes(nic.portId))
    .map((nic) => ({ kind: 'plug', nic }))
}

function planStop(state: ContainerState): Step[][] {
  if (state === 'paused') return [[step('unpause')], [step('stop')]]
  return state === 'running' ? [[step('stop')]] : []
}

/** From a container in its sandbox to one that runs as wished. */
function planRun(wish: Wish, state: ContainerState): Step[][] {
  const pause = wish.power === 'paused' ? [[step('pause')]] : []
  if (wish.restart !== null) {
    const end: Step[][] = [
      ...(state === 'paused' ? [[step('unpause')]] : []),
      ...(isAlive(state) ? [[step(wish.restart === 'soft' ? 'stop' : 'kill')]] : []),
    ]
    return [...end, [step('noteRestart')], [step('start')], ...pause]
  }
  if (state === 'paused') return wish.power === 'running' ? [[step('unpause')]] : []
  return state === 'running' ? pause : [[step('start')], ...pause]
}

function isAlive(state: ContainerState): boolean {
  return state === 'running' || state === 'paused'
}

function sameLimits(seen: Limits | undefined, wanted: Limits): boolean {
  return (
    seen === undefined ||
    (seen.vcpus === wanted.vcpus &&
      seen.memoryMiB === wanted.memoryMiB &&
      seen.pids === wanted.pids)
  )
}

type Bare = Exclude<Step['kind'], 'unplug' | 'release' | 'plug'>
const step = (kind: Bare): Step => ({ kind })
