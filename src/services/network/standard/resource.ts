import type { Static, TObject } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { ListSpec } from './list-spec.ts'
import type { ListQuery } from './query.ts'
import type { StandardRow, View } from './schema.ts'

/**
 * One kind of object of the Network API. From this the routes are made: list, show, create (one or many), update, delete and
 * tags, all with the same filters, paging, ownership and revision rules. Everything that writes is called inside a
 * transaction; ownership has been checked.
 */
export interface Resource<
  Row extends StandardRow = StandardRow,
  C extends TObject = TObject,
  U extends TObject = TObject,
> {
  /** e.g. `security_group`: the key in bodies and the end of policy names. */
  readonly singular: string
  readonly plural: string
  /** Below `/v2.0/`, e.g. `security-groups`. */
  readonly path: string
  /** Neutron's type name of the 404. */
  readonly notFound: string
  /** How the object is called in messages: `Network`. */
  readonly label: string
  readonly spec: ListSpec
  readonly createBody: C
  readonly updateBody?: U
  readonly taggable?: boolean
  /** Whoever sees the object may tag it, as Neutron has it: for what only admins write. */
  readonly openTags?: boolean
  /** Other paths below which tags are found too. */
  readonly tagPaths?: readonly string[]
  /** Attributes that only admins may set, each with the value that anybody may send at creation. */
  readonly adminOnly?: Readonly<Record<string, unknown>>
  /** Only admins may call anything that writes. */
  readonly adminWrites?: boolean
  /** Only admins may read. */
  readonly adminReads?: boolean
  /** What may be seen but belongs to others is not found by who would change it, instead of forbidden. */
  readonly foreignIsNotFound?: boolean
  /** Another project that may change the row, e.g. the owner of a port's network. */
  alsoOwner?(row: Row): string | null
  /** Runs before a list, outside any transaction. */
  beforeList?(ctx: Ctx, query: ListQuery): Promise<void>
  /** Answers the new object's id. */
  create(tx: Ctx, wish: Static<C>, projectId: string): Promise<string>
  update?(tx: Ctx, row: Row, wish: Static<U>): Promise<void>
  remove(tx: Ctx, row: Row): Promise<void>
  /** What clients see of these rows; asks the database at most a few times for all of them together. */
  views(ctx: Ctx, rows: readonly Row[]): Promise<readonly View[]>
}

/** Declares a resource; only ties its types together. */
export function resource<Row extends StandardRow, C extends TObject, U extends TObject>(
  spec: Resource<Row, C, U>,
): Resource {
  return spec // bodies are validated by the declared schemas before they are handed over
}
