import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { validate } from '../../../kernel/http/validate.ts'
import { neutronError } from '../fault.ts'
import type { Resource } from '../standard/resource.ts'
import type { StandardRow } from '../standard/schema.ts'
import { findRow, rowsBy, tagsOf, writeTags } from '../standard/store.ts'

const kindNames = [
  'network',
  'subnet',
  'subnetpool',
  'port',
  'security_group',
  'security_group_rule',
  'floatingip',
  'router',
  'policy',
] as const
export type Kind = (typeof kindNames)[number]

/** Tags that were given to something that was there before, to be taken away again. */
export interface Added {
  readonly kind: Kind
  readonly id: string
  readonly tags: readonly string[]
}

type Wish = Readonly<Record<string, unknown>>

/** The Network API from the inside: the same resources, checks and extensions as a client has, in the caller's transaction. */
export class Neutron {
  readonly #find: (singular: string) => Resource

  constructor(find: (singular: string) => Resource) {
    this.#find = find
  }

  async create(tx: Ctx, kind: Kind, wish: Wish, projectId: string): Promise<string> {
    const resource = this.#find(kind)
    const body = { description: '', ...wish }
    validate(resource.createBody, body, 'body', kind)
    return await resource.create(tx, body, projectId)
  }

  async update(tx: Ctx, kind: Kind, id: string, wish: Wish): Promise<void> {
    const resource = this.#find(kind)
    const body = { ...wish }
    if (resource.updateBody !== undefined) validate(resource.updateBody, body, 'body', kind)
    await resource.update?.(tx, await this.get(tx, kind, id), body)
  }

  /** What is gone already is fine. */
  async remove(tx: Ctx, kind: Kind, id: string): Promise<void> {
    const row = await this.find(tx, kind, id)
    if (row !== undefined) await this.#find(kind).remove(tx, row)
  }

  async find<Row extends StandardRow>(ctx: Ctx, kind: Kind, id: string): Promise<Row | undefined> {
    return await findRow<Row>(ctx, this.#find(kind).spec, id)
  }

  async get<Row extends StandardRow>(ctx: Ctx, kind: Kind, id: string): Promise<Row> {
    const row = await this.find<Row>(ctx, kind, id)
    if (row === undefined) throw this.#missing(kind, id)
    return row
  }

  /** As people name things: by id, or by a name that only one has. */
  async named<Row extends StandardRow>(ctx: Ctx, kind: Kind, idOrName: string): Promise<Row> {
    const row =
      (await this.find<Row>(ctx, kind, idOrName)) ?? (await this.byName<Row>(ctx, kind, idOrName))
    if (row === undefined) throw this.#missing(kind, idOrName)
    return row
  }

  /** Undefined when nobody has the name; 409 when several have it. */
  async byName<Row extends StandardRow>(
    ctx: Ctx,
    kind: Kind,
    name: string,
  ): Promise<Row | undefined> {
    const rows = await rowsBy<Row>(ctx, this.#find(kind).spec, 'name', [name])
    if (rows.length < 2) return rows[0]
    throw neutronError(
      'conflict',
      'NotUnique',
      `${rows.length} of the ${this.#find(kind).plural} are called ${name.slice(0, 255)}: give the id instead.`,
    )
  }

  /** What a client would see of the object; undefined when there is none. */
  async view(ctx: Ctx, kind: Kind, id: string): Promise<Wish | undefined> {
    const row = await this.find(ctx, kind, id)
    return row === undefined ? undefined : (await this.#find(kind).views(ctx, [row]))[0]
  }

  /** Answers which of them were new. */
  async tag(ctx: Ctx, kind: Kind, id: string, tags: readonly string[]): Promise<Added> {
    const had = tagsOf(await this.get(ctx, kind, id))
    const fresh = tags.filter((tag) => !had.includes(tag))
    if (fresh.length > 0) await writeTags(ctx, this.#find(kind).spec, id, [...had, ...fresh])
    return { kind, id, tags: fresh }
  }

  async untag(ctx: Ctx, { kind, id, tags }: Added): Promise<void> {
    const row = await this.find(ctx, kind, id)
    if (row === undefined || tags.length === 0) return
    const left = tagsOf(row).filter((tag) => !tags.includes(tag))
    await writeTags(ctx, this.#find(kind).spec, id, left)
  }

  async replaceTags(ctx: Ctx, kind: Kind, id: string, tags: readonly string[]): Promise<void> {
    await writeTags(ctx, this.#find(kind).spec, id, tags)
  }

  #missing(kind: Kind, idOrName: string): Error {
    const { notFound, label } = this.#find(kind)
    return neutronError(
      'notFound',
      notFound,
      `${label} ${idOrName.slice(0, 255)} could not be found.`,
    )
  }
}
