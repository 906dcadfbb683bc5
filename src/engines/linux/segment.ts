import type { PortSpec, QosSpec, SecurityGroupSpec } from '../../ports/network.ts'
import { run, tryRun } from '../../kernel/exec/run.ts'
import { baseCommands, SG, tableCommands } from './filters.ts'
import { cutArguments, forbiddenFlows, parseFlow, type Flow } from './flows.ts'
import {
  emptyGroupCommands,
  forgetGroupCommands,
  groupCommands,
  isSetOfGroup,
  renderGroup,
  type RenderedGroup,
} from './group-filters.ts'
import type { Namespaces } from './namespaces.ts'
import { netnsPath, portLink } from './names.ts'
import {
  changePorts,
  isStateless,
  portsIn,
  renderPort,
  type PortFilters,
  type WrittenPorts,
} from './port-filters.ts'
import { parseRuleset } from './ruleset.ts'
import { Serial } from './serial.ts'

interface KnownGroup {
  readonly spec: SecurityGroupSpec
  readonly rendered: RenderedGroup
}

/** What is to be written. Of ports: those that change, or that go. It is asked for in its turn, when all before it is written. */
interface Change {
  readonly commands?: readonly string[]
  readonly ports?: () => ReadonlyMap<string, PortFilters | undefined>
}

/**
 * The filters of one network as this process last wrote them, one change after another. What is remembered only saves work:
 * what a process of before wrote is read first, and a write that fails (the tables were lost, or hold something else than
 * remembered) is followed by a look at what is there and by one that writes everything anew.
 */
export class Segment {
  readonly id: string
  readonly netns: string
  readonly inode: number
  readonly ports = new Map<string, PortSpec>()
  /** Limits that are in force; a port that is missing here may have any. */
  readonly shaped = new Map<string, QosSpec>()
  readonly #groups = new Map<string, KnownGroup>()
  readonly #namespaces: Namespaces
  readonly #serial = new Serial()
  #written: WrittenPorts = new Map()
  /** Is what is remembered of ports all there is? */
  #isSure = false
  #cut: Promise<void> | undefined
  #based = false
  /** Its namespace was made by this process: there is nothing of another time in it. */
  isNew = false

  constructor(namespaces: Namespaces, id: string, netns: string, inode: number) {
    this.#namespaces = namespaces
    this.id = id
    this.netns = netns
    this.inode = inode
  }

  /** Are tables and base chains there? */
  get based(): boolean {
    return this.#based
  }

  /** A new network needs none until somebody is plugged in: the first write brings them. */
  async ensureBase(): Promise<void> {
    if (this.isNew && !this.#based) return
    await this.#write(this.#based ? { commands: baseCommands() } : {})
  }

  /** Brings a port's filters and its groups in force; flows its new filters forbid are cut. */
  async writePort(port: PortSpec): Promise<void> {
    renderPort(port) // throws before anything is remembered
    const before = this.ports.get(port.id)
    const groups = port.securityGroups.map((group) => this.#remember(group))
    this.ports.set(port.id, port)
    try {
      await this.#write({
        commands: groups.flatMap((group) => group.commands),
        ports: () => this.#rendered([this.ports.get(port.id) ?? port]),
      })
    } catch (cause) {
      if (before === undefined) this.ports.delete(port.id)
      else this.ports.set(port.id, before)
      throw cause
    }
    const narrowed = before !== undefined && narrower(before, port)
    if (narrowed || groups.some((group) => group.narrowed)) await this.cutForbidden()
  }

  async forgetPort(portId: string): Promise<void> {
    this.ports.delete(portId)
    this.shaped.delete(portId)
    await this.#write({ ports: () => new Map([[portLink(portId), undefined]]) })
  }

  async writeGroup(group: SecurityGroupSpec): Promise<void> {
    const known = this.#groups.get(group.id)
    const { commands, narrowed } = this.#remember(group)
    const turned = known !== undefined && stateful(known.spec) !== stateful(group)
    const members = (): PortSpec[] =>
      turned ? [...this.ports.values()].filter((port) => isIn(port, group.id)) : []
    await this.#write({ commands, ports: () => this.#rendered(members()) })
    if (narrowed || known === undefined) await this.cutForbidden()
  }

  async forgetGroup(groupId: string): Promise<void> {
    const known = this.#groups.get(groupId)
    this.#groups.delete(groupId)
    const sets = known === undefined ? await this.#setsOf(groupId) : [...known.rendered.sets.keys()]
    try {
      await this.#serial.run('', () =>
        this.#namespaces.nft(this.netns, forgetGroupCommands(groupId, sets)),
      )
    } catch {
      // A chain that something still jumps to cannot go; empty it allows nothing and is written over when needed.
      await this.#write({ commands: emptyGroupCommands(groupId) })
    }
  }

  /** Takes the group as it is now wanted and answers what must be written for it. */
  #remember(spec: SecurityGroupSpec): { commands: string[]; narrowed: boolean } {
    const had = this.#groups.get(spec.id)
    const rendered = renderGroup(spec)
    this.#groups.set(spec.id, { spec, rendered })
    return {
      commands: groupCommands(rendered, had?.rendered),
      narrowed: had !== undefined && fewerRules(had.spec, spec),
    }
  }

  async #write(change: Change): Promise<void> {
    await this.#serial.run('', async () => {
      if (change.ports !== undefined && !this.#isSure) await this.#look()
      try {
        const base = this.#based ? [] : [...tableCommands(), ...baseCommands()]
        const { commands, written } = changePorts(this.#written, change.ports?.() ?? new Map())
        await this.#namespaces.nft(this.netns, [...base, ...(change.commands ?? []), ...commands])
        this.#written = written
        this.#based = true
      } catch (first) {
        await this.#writeEverything(change, first)
      }
    })
  }

  async #writeEverything(change: Change, first: unknown): Promise<void> {
    await this.#look()
    const wanted = new Map([...this.#rendered(this.ports.values()), ...(change.ports?.() ?? [])])
    const { commands, written } = changePorts(this.#written, wanted)
    const groups = [...this.#groups.values()].flatMap(({ spec }) =>
      groupCommands(renderGroup(spec), undefined),
    )
    const all = [...tableCommands(), ...baseCommands(), ...groups, ...commands]
    try {
      // A program of its own takes so much far more quickly than one that is spoken to.
      await this.#namespaces.nftAtOnce(this.netns, [...all, ...(change.commands ?? [])])
      this.#written = written
      this.#based = true
    } catch {
      this.#isSure = false
      for (const id of this.#groups.keys()) this.#unknow(id)
      throw first
    }
  }

  /** Reads which ports' filters are there; in a namespace that has just been made there are none. */
  async #look(): Promise<void> {
    if (!this.isNew || this.#based) {
      const enter = ['nsenter', `--net=${netnsPath(this.netns)}`] as const
      const [command, ...args] = [...enter, 'nft', 'list', 'table', ...SG.split(' ')]
      const listed = await tryRun(command, args)
      this.#written = portsIn(parseRuleset(listed.stdout))
    }
    this.#isSure = true
  }

  /** As the group's chains and sets were written last, or would be. */
  renderedOf(group: SecurityGroupSpec): RenderedGroup {
    return renderGroup(this.#groups.get(group.id)?.spec ?? group)
  }

  /** What is remembered of these is not to be relied on: the next write writes it whole. */
  doubt(found: readonly { readonly kind: string; readonly id: string }[]): void {
    for (const { kind, id } of found) {
      if (kind === 'group') this.#unknow(id)
      if (kind !== 'port') continue
      this.shaped.delete(id)
      this.#isSure = false
    }
  }

  /** A port's filters as they are written last, or would be. */
  filtersOf(port: PortSpec): PortFilters {
    return renderPort(
      port,
      isStateless(port, (id) => this.#groups.get(id)?.spec),
    )
  }

  #rendered(ports: Iterable<PortSpec>): Map<string, PortFilters> {
    return new Map([...ports].map((port) => [portLink(port.id), this.filtersOf(port)]))
  }

  /** Nobody knows what is really written for this group: the next write writes it whole. */
  #unknow(groupId: string): void {
    const known = this.#groups.get(groupId)
    if (known === undefined) return
    this.#groups.set(groupId, { ...known, rendered: { structure: [], sets: known.rendered.sets } })
  }

  async #setsOf(groupId: string): Promise<string[]> {
    const listed = await tryRun('nsenter', [
      `--net=${netnsPath(this.netns)}`,
      'nft',
      '-t',
      'list',
      'table',
      ...SG.split(' '),
    ])
    const names = [...listed.stdout.matchAll(/^\s*set (\S+) \{/gm)].map((found) => found[1] ?? '')
    return names.filter((name) => isSetOfGroup(name, groupId))
  }

  /** Ends the flows no rule allows (any longer). Callers that come while a round has not begun share it. */
  async cutForbidden(): Promise<void> {
    if (this.ports.size === 0) return
    this.#cut ??= Promise.resolve().then(async () => {
      this.#cut = undefined
      await this.#cutRound()
    })
    await this.#cut
  }

  async #cutRound(): Promise<void> {
    const enter = [`--net=${netnsPath(this.netns)}`, 'conntrack']
    const flows: Flow[] = []
    const addresses = [...this.ports.values()].flatMap((port) => port.addresses)
    const six = addresses.some(({ address }) => address.includes(':'))
    for (const family of six ? ['ipv4', 'ipv6'] : ['ipv4']) {
      // Without the tool established flows end when they end; the doctor says so.
      const listed = await tryRun('nsenter', [...enter, '-L', '-f', family, '-o', 'extended'])
      flows.push(...listed.stdout.split('\n').flatMap((line) => parseFlow(line) ?? []))
    }
    const doomed = forbiddenFlows(flows, this.ports.values(), (id) => this.#groups.get(id)?.spec)
    if (doomed.length === 0) return
    await cutFlows(enter, doomed)
  }
}

/** All in one start of `conntrack`, which opens its list itself: it can open a pipe, and our own end is a socket. */
export async function cutFlows(enter: readonly string[], flows: readonly Flow[]): Promise<void> {
  const input = flows.map((flow) => `${cutArguments(flow).join(' ')}\n`).join('')
  await run('sh', ['-c', 'cat | nsenter "$@" -R /dev/stdin', 'sh', ...enter], { input })
}

const stateful = (group: SecurityGroupSpec): boolean => group.stateful !== false

const isIn = (port: PortSpec, groupId: string): boolean =>
  port.securityGroups.some((group) => group.id === groupId)

/** Does the group allow less than before? Only then can an established flow have become forbidden. */
function fewerRules(before: SecurityGroupSpec, now: SecurityGroupSpec): boolean {
  if (before.rules === now.rules) return false
  const allowed = membersByRule(now)
  return [...membersByRule(before)].some(([rule, members]) => {
    const left = allowed.get(rule)
    return left === undefined || [...members].some((member) => !left.has(member))
  })
}

/** By the rule's other words, whom it lets in or out. */
function membersByRule(group: SecurityGroupSpec): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>()
  for (const { remoteMembers, ...rule } of group.rules) {
    const key = JSON.stringify(rule)
    const members = all.get(key) ?? new Set()
    for (const member of remoteMembers ?? ['any']) members.add(member)
    all.set(key, members)
  }
  return all
}

function narrower(before: PortSpec, now: PortSpec): boolean {
  const groups = new Set(now.securityGroups.map((group) => group.id))
  return (
    before.securityGroups.some((group) => !groups.has(group.id)) ||
    (now.portSecurity && !before.portSecurity) ||
    (isStateless(before) && !isStateless(now))
  )
}
