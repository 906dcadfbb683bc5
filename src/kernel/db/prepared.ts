import type { Compilable, CompiledQuery, Kysely } from 'kysely'
import type { Ctx } from '../ctx/ctx.ts'
import { tables } from './db.ts'

type Value = string | number
type Values<V> = { readonly [K in keyof V]: Value | readonly Value[] }

/** Queries with longer lists are built for each run: there would be too many of them to keep. */
const LONGEST_LIST = 8

/**
 * A query that is built once and run many times, for what is asked with every request: building takes several times what
 * running does. `build` is given stand-ins for the values, hands them on to Kysely and never looks at one. A list is a list of
 * stand-ins, so a query is built once for each length of its lists; an empty list is for the caller to leave out.
 */
export function prepared<T, V extends Values<V>, R>(
  build: (db: Kysely<T>, values: V) => Compilable<R>,
): (ctx: Ctx, values: V) => Promise<readonly R[]> {
  const built = new Map<string, CompiledQuery<R>>()
  return async (ctx, values) => {
    const lists = Object.entries<Value | readonly Value[]>(values).flatMap(([name, value]) =>
      typeof value === 'object' ? [{ name, length: value.length }] : [],
    )
    if (lists.some(({ length }) => length > LONGEST_LIST))
      return await run(ctx, build(tables<T>(ctx), values).compile())
    const key = [ctx.db.dialect, ...lists.map(({ name, length }) => `${name} ${length}`)].join()
    const query = built.get(key) ?? build(tables<T>(ctx), standIns(values)).compile()
    built.set(key, query)
    return await run(ctx, {
      ...query,
      parameters: query.parameters.map((one) => meant(one, values)),
    })
  }
}

async function run<R>(ctx: Ctx, query: CompiledQuery<R>): Promise<readonly R[]> {
  return (await ctx.db.kysely.executeQuery(query)).rows
}

/** The place of a value: its name, and where in its list. */
class StandIn {
  readonly name: string
  readonly at: number | undefined

  constructor(name: string, at?: number) {
    this.name = name
    this.at = at
  }
}

function standIns<V extends Values<V>>(values: V): V {
  const places = Object.entries<Value | readonly Value[]>(values).map(([name, value]) => [
    name,
    typeof value === 'object' ? value.map((_, at) => new StandIn(name, at)) : new StandIn(name),
  ])
  return Object.fromEntries(places) as V // of the same shape, and only handed on
}

function meant(
  parameter: unknown,
  values: Readonly<Record<string, Value | readonly Value[]>>,
): unknown {
  if (!(parameter instanceof StandIn)) return parameter
  const value = values[parameter.name]
  return typeof value === 'object' ? value[parameter.at ?? 0] : value
}
