import { createHash } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { ZONE } from '../kinds.ts'
import type { View } from '../standard/schema.ts'
import { roles, type AgentType } from './roles.ts'
import { agentSettings } from './store.ts'

export type Agent = View & {
  readonly id: string
  readonly host: string
  readonly agent_type: AgentType
}

/** Agents: rows for what this very process does, alive as long as it answers. */
export class Agents {
  readonly #host: string
  readonly #startedAt = clock(new Date())

  constructor(host: string) {
    this.#host = host
  }

  async list(ctx: Ctx): Promise<Agent[]> {
    const settings = await agentSettings(ctx)
    return roles.map(({ type, topic, configurations }) => {
      const id = idOf(`${this.#host} ${type}`)
      const own = settings.find((row) => row.id === id)
      return {
        id,
        agent_type: type,
        binary: 'stackyard',
        topic,
        host: this.#host,
        // only these two choose what they serve by zone
        availability_zone: type === 'Metadata agent' ? null : ZONE,
        admin_state_up: own?.admin_up !== 0,
        alive: true,
        created_at: this.#startedAt,
        started_at: this.#startedAt,
        heartbeat_timestamp: clock(ctx.now()),
        configurations,
        description: own?.description ?? null,
        // none of them reports to Placement
        resources_synced: null,
      }
    })
  }

  async get(ctx: Ctx, id: string): Promise<Agent> {
    const agent = (await this.list(ctx)).find((candidate) => candidate.id === id)
    if (agent !== undefined) return agent
    throw neutronError('notFound', 'AgentNotFound', `Agent ${id.slice(0, 100)} could not be found.`)
  }
}

/** The same for the same host and role, whenever asked. */
function idOf(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function clock(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}
