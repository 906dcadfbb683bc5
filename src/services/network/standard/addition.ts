import { Type, type Static, type TObject, type TProperties } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { ListSpec } from './list-spec.ts'
import type { Resource } from './resource.ts'
import type { StandardRow, View } from './schema.ts'
import { rowsBy } from './store.ts'

/**
 * What a feature adds to a resource that is not its own: attributes that clients may send and see, and what they mean. Values
 * live in a column that the feature's migration adds to the resource's table, or in a table of the feature. Everything that
 * writes runs in the transaction of the request, after the resource's own part of it.
 */
export interface Addition<
  Row extends StandardRow = StandardRow,
  P extends TProperties = TProperties,
> {
  /** The resource: its `singular`. */
  readonly to: string
  /** Attributes of POST and PUT bodies, all optional. */
  readonly attributes?: P
  /** Attributes of POST bodies alone. */
  readonly atCreation?: TProperties
  /** Attributes of PUT bodies alone. */
  readonly atChange?: TProperties
  /** As of a resource: attributes that only admins may set. */
  readonly adminOnly?: Resource['adminOnly']
  readonly columns?: ListSpec['columns']
  readonly filters?: ListSpec['filters']
  readonly computed?: ListSpec['computed']
  created?(tx: Ctx, row: Row, wish: Partial<Static<TObject<P>>>): Promise<void>
  /** `row` is what it was before the request. */
  changed?(tx: Ctx, row: Row, wish: Partial<Static<TObject<P>>>): Promise<void>
  /** Before it goes; refuses by throwing. */
  removing?(tx: Ctx, row: Row): Promise<void>
  /** Attributes beside the resource's own, one view per row. */
  views?(ctx: Ctx, rows: readonly Row[]): Promise<readonly View[]>
}

/** Declares an addition; only ties its types together. */
export function addition<Row extends StandardRow, P extends TProperties = TProperties>(
  spec: Addition<Row, P>,
): Addition {
  return spec // bodies are validated by the declared attributes before they are handed over
}

/** The resource with what is added to it. */
export function extended(kind: Resource, all: readonly Addition[]): Resource {
  const mine = all.filter(({ to }) => to === kind.singular)
  if (mine.length === 0) return kind
  const attributes = Object.assign({}, ...mine.map((one) => one.attributes)) as TProperties // of attributes all
  const atCreation = Object.assign({}, ...mine.map((one) => one.atCreation)) as TProperties // as above
  const atChange = Object.assign({}, ...mine.map((one) => one.atChange)) as TProperties // as above
  return {
    ...kind,
    spec: extendedSpec(kind.spec, mine),
    createBody: withAttributes(kind.createBody, { ...attributes, ...atCreation }),
    ...(kind.updateBody === undefined
      ? {}
      : { updateBody: withAttributes(kind.updateBody, { ...attributes, ...atChange }) }),
    adminOnly: Object.assign({}, kind.adminOnly, ...mine.map((one) => one.adminOnly)) as Readonly<
      Record<string, unknown>
    >, // attribute → harmless value
    ...extendedWork(kind, mine),
  }
}

const withAttributes = (body: TObject, attributes: TProperties): TObject =>
  Type.Object({ ...body.properties, ...attributes }, { additionalProperties: false })

function extendedSpec(spec: ListSpec, mine: readonly Addition[]): ListSpec {
  return {
    ...spec,
    columns: Object.assign(
      {},
      spec.columns,
      ...mine.map((one) => one.columns),
    ) as ListSpec['columns'], // columns all
    filters: Object.assign({}, spec.filters, ...mine.map((one) => one.filters)) as NonNullable<
      ListSpec['filters']
    >, // filters all
    computed: [...(spec.computed ?? []), ...mine.flatMap((one) => one.computed ?? [])],
  }
}

function extendedWork(
  kind: Resource,
  mine: readonly Addition[],
): Pick<Resource, 'create' | 'update' | 'remove' | 'views'> {
  return {
    async create(tx, wish, projectId) {
      const id = await kind.create(tx, wish, projectId)
      const asked = mine.filter((one) => one.created !== undefined)
      const [row] = asked.length === 0 ? [] : await rowsBy<StandardRow>(tx, kind.spec, 'id', [id])
      if (row !== undefined) for (const one of asked) await one.created?.(tx, row, wish)
      return id
    },
    async update(tx, row, wish) {
      await kind.update?.(tx, row, wish)
      for (const one of mine) await one.changed?.(tx, row, wish)
    },
    async remove(tx, row) {
      for (const one of mine) await one.removing?.(tx, row)
      await kind.remove(tx, row)
    },
    async views(ctx, rows) {
      const views = [await kind.views(ctx, rows)]
      for (const one of mine) views.push((await one.views?.(ctx, rows)) ?? [])
      return rows.map((_row, at) => Object.assign({}, ...views.map((list) => list[at])) as View) // of views all
    },
  }
}
