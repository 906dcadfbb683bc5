import type { RawBuilder } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'

/** How one resource lies in its table, so that filters, sorting and paging can be done by the database for all alike. */
export interface ListSpec {
  readonly table: string
  /** Attribute on the wire → its column. All of them can be filtered and sorted by. */
  readonly columns: Readonly<Record<string, Column>>
  /** Filters that are more than a column. `t` is the row. */
  readonly filters?: Readonly<
    Record<string, (values: readonly string[], ctx: Ctx) => RawBuilder<unknown>>
  >
  /** Columns computed beside the table's own: `(select …) as name`. */
  readonly computed?: readonly RawBuilder<unknown>[]
  /** Leaves out rows that are on their way out. */
  readonly alive?: RawBuilder<unknown>
  /** Who else, besides the owner and those an RBAC rule names, may see a row; gets the asking project. */
  readonly alsoVisible?: (project: string) => RawBuilder<unknown>
  /** RBAC rules that make a row visible. */
  readonly sharedBy?: readonly string[]
  /** Column that holds the id of what RBAC rules are about; default `id`. */
  readonly rbacColumn?: string
  /** Visible to everyone. */
  readonly open?: boolean
  /** A marker that is not in the list counts as none, as Neutron has it for some resources; 400 otherwise. */
  readonly freeMarker?: boolean
}

export interface Column {
  readonly column: string
  readonly kind: 'text' | 'flag' | 'integer'
}

export const text = (column: string): Column => ({ column, kind: 'text' })
export const flag = (column: string): Column => ({ column, kind: 'flag' })
export const integer = (column: string): Column => ({ column, kind: 'integer' })

/** Columns that every resource has. */
export const standardColumns = {
  id: text('id'),
  name: text('name'),
  description: text('description'),
  project_id: text('project_id'),
  tenant_id: text('project_id'),
  created_at: text('created_at'),
  updated_at: text('updated_at'),
  revision_number: integer('revision'),
} as const
