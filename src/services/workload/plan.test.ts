import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planWorkload, type Plan, type Seen, type Wish } from './plan.ts'

const limits = { vcpus: 1, memoryMiB: 128, pids: 100 }
const wish: Wish = {
  power: 'running',
  revision: 1,
  keepFiles: false,
  limits,
  nics: [{ portId: 'p', index: 0 }],
  boundPorts: ['p'],
  restart: null,
  changed: true,
}
const nothing: Seen = { sandbox: 'absent', container: 'absent', pluggedPorts: [] }
const running: Seen = {
  sandbox: 'running',
  netns: '/n',
  container: 'running',
  revision: 1,
  limits,
  pluggedPorts: ['p'],
}

const kinds = (plan: Plan): string[] =>
  plan.map((stage) => stage.map((step) => step.kind).join('+'))

describe('planWorkload', () => {
  it.each<[string, Partial<Wish>, Partial<Seen>, string[]]>([
    [
      'makes a new one with its network before it starts',
      {},
      nothing,
      ['loadImage+ensureSandbox', 'plug+create', 'start'],
    ],
    ['has nothing to do when the wish is true', {}, running, []],
    ['stops politely', { power: 'stopped' }, running, ['stop']],
    [
      'unpauses before it stops',
      { power: 'stopped' },
      { ...running, container: 'paused' },
      ['unpause', 'stop'],
    ],
    ['starts again', {}, { ...running, container: 'exited' }, ['start']],
    [
      'leaves a process alone that ended by itself',
      { changed: false },
      { ...running, container: 'exited' },
      [],
    ],
    [
      'heals after the engine went down',
      { changed: false },
      { ...running, container: 'exited', sandbox: 'stopped', pluggedPorts: [] },
      ['ensureSandbox', 'plug', 'start'],
    ],
    [
      'makes it anew, with its files, under a new sandbox',
      { changed: false },
      { ...running, sandbox: 'absent', pluggedPorts: [] },
      ['kill', 'ensureSandbox', 'plug+create', 'start'],
    ],
    [
      'starts it again in a sandbox that had stopped under it',
      { changed: false },
      { ...running, sandbox: 'stopped', pluggedPorts: [] },
      ['kill', 'ensureSandbox', 'plug', 'start'],
    ],
    [
      'heals after the host lost everything',
      { changed: false },
      nothing,
      ['loadImage+ensureSandbox', 'plug+create', 'start'],
    ],
    [
      'leaves a stopped one stopped after that',
      { power: 'stopped', changed: false },
      { ...running, container: 'exited', sandbox: 'stopped' },
      [],
    ],
    ['pauses', { power: 'paused' }, running, ['pause']],
    ['restarts softly', { restart: 'soft' }, running, ['stop', 'noteRestart', 'start']],
    [
      'goes on with a restart that was cut off',
      { restart: 'hard' },
      { ...running, container: 'exited' },
      ['noteRestart', 'start'],
    ],
    ['rebuilds', { revision: 2 }, running, ['loadImage', 'create', 'start']],
    [
      'stops it politely before its files are carried over',
      { revision: 2, keepFiles: true },
      { ...running, container: 'paused' },
      ['unpause', 'stop', 'create', 'start'],
    ],
    [
      'takes the image when there are no files to carry over',
      { revision: 2, keepFiles: true },
      nothing,
      ['loadImage+ensureSandbox', 'plug+create', 'start'],
    ],
    ['changes limits in place', { limits: { ...limits, vcpus: 2 } }, running, ['setLimits']],
    ['lets go of a port that is no longer wanted', { nics: [] }, running, ['release']],
    [
      'plugs a new port into a running one',
      { nics: [...wish.nics, { portId: 'q', index: 1 }] },
      running,
      ['plug'],
    ],
    [
      'removes the engine’s part first and the row last',
      { power: 'removed' },
      running,
      ['destroy', 'unplug', 'release', 'forget'],
    ],
  ])('%s', (_title, wanted, seen, expected) => {
    expect(kinds(planWorkload({ ...wish, ...wanted }, { ...nothing, ...seen }))).toEqual(expected)
  })

  it('reaches any wish from any state in one go, and then has nothing left to do', () => {
    const anyWish = fc.record({
      power: fc.constantFrom<Wish['power']>('running', 'stopped', 'paused'),
      revision: fc.constantFrom(1, 2),
      keepFiles: fc.boolean(),
      restart: fc.constantFrom<Wish['restart']>(null, 'soft', 'hard'),
      changed: fc.constant(true),
      limits: fc.constantFrom(limits, { ...limits, vcpus: 2 }),
      nics: fc.constantFrom([], wish.nics),
      boundPorts: fc.constant(['p']),
    })
    const anySeen = fc.record({
      sandbox: fc.constantFrom<Seen['sandbox']>('absent', 'stopped', 'running'),
      revision: fc.constant(1),
      limits: fc.constant(limits),
      container: fc.constantFrom<Seen['container']>(
        'absent',
        'created',
        'running',
        'paused',
        'exited',
      ),
      pluggedPorts: fc.constantFrom([], ['p']),
    })
    fc.assert(
      fc.property(anyWish, anySeen, (wanted, seen) => {
        const after = simulate(wanted, seen, planWorkload(wanted, seen))
        expect(
          planWorkload(
            {
              ...wanted,
              restart: null,
              changed: false,
              boundPorts: wanted.nics.map((nic) => nic.portId),
            },
            after,
          ),
        ).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })
})

/** What a faithful engine would show after the plan. Throws when a step could not have worked. */
function simulate(wanted: Wish, before: Seen, plan: Plan): Seen {
  let seen: Seen = before
  for (const { kind, ...rest } of plan.flat()) {
    if (kind === 'ensureSandbox')
      seen = {
        ...seen,
        sandbox: 'running',
        pluggedPorts: [],
        container:
          seen.container === 'running' || seen.container === 'paused' ? 'exited' : seen.container,
      }
    if (kind === 'create')
      seen = { ...seen, container: 'created', revision: wanted.revision, limits: wanted.limits }
    if (kind === 'plug' && 'nic' in rest)
      seen = { ...seen, pluggedPorts: [...seen.pluggedPorts, rest.nic.portId] }
    if (kind === 'setLimits') seen = { ...seen, limits: wanted.limits }
    if (kind === 'stop' || kind === 'kill') seen = { ...seen, container: 'exited' }
    if (kind === 'pause') seen = { ...seen, container: 'paused' }
    if (kind === 'unpause') seen = { ...seen, container: 'running' }
    if (kind === 'start') {
      expect(seen.sandbox).toBe('running')
      seen = { ...seen, container: 'running' }
    }
  }
  return seen
}
