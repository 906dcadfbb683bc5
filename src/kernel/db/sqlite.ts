import {
  DatabaseSync,
  type SQLInputValue,
  type SQLOutputValue,
  type StatementSync,
} from 'node:sqlite'
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
} from 'kysely'
import type { Db } from './db.ts'

const STATEMENTS_KEPT = 500
/** After these a prepared `select *` would answer other columns. */
const CHANGES_COLUMNS = /^\s*(?:alter|create|drop)\s/i
/** Waiting longer than this for the one connection means that somebody awaits the outside world inside a transaction. */
const PATIENCE_MS = 20_000

/** SQLite in one file (or ':memory:'): WAL, every commit synced to disk, writers take the lock at `begin`. */
export function openSqlite(file: string): Db {
  const database = new DatabaseSync(file)
  for (const pragma of [
    'journal_mode=WAL',
    'synchronous=FULL',
    'foreign_keys=ON',
    'busy_timeout=5000',
    'cache_size=-16000',
  ]) {
    database.exec(`PRAGMA ${pragma}`)
  }
  const kysely = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new AdapterWithoutQueue(),
      createDriver: () => new NodeSqliteDriver(database),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  return {
    dialect: 'sqlite',
    kysely,
    wake: { call: () => undefined },
    close: async () => await kysely.destroy(),
  }
}

/** Kysely's own queue for the one connection wakes everybody at each turn and has no patience to lose: the driver's is used. */
class AdapterWithoutQueue extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

class NodeSqliteDriver implements Driver {
  readonly #database: DatabaseSync
  readonly #connection: NodeSqliteConnection
  readonly #waiting: (() => void)[] = []
  #busy = false

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#connection = new NodeSqliteConnection(database)
  }

  async init(): Promise<void> {
    await Promise.resolve()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#busy) await this.#turn()
    this.#busy = true
    return this.#connection
  }

  /** Hands the connection on to whoever has waited longest; it stays busy then. */
  async releaseConnection(): Promise<void> {
    const next = this.#waiting.shift()
    if (next === undefined) this.#busy = false
    else next()
    await Promise.resolve()
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const mine = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(mine), 1)
        reject(
          new Error(
            'waited too long for the database: is the root handle used inside a transaction?',
          ),
        )
      }, PATIENCE_MS)
      this.#waiting.push(mine)
    })
  }

  async beginTransaction(): Promise<void> {
    await this.#connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  async commitTransaction(): Promise<void> {
    await this.#connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(): Promise<void> {
    await this.#connection.executeQuery(CompiledQuery.raw('rollback'))
  }

  async destroy(): Promise<void> {
    this.#database.close()
    await Promise.resolve()
  }
}

/** A prepared statement with the names of its columns, of which there are none if it only writes. */
interface Prepared {
  readonly statement: StatementSync
  readonly columns: readonly string[]
  /** A row with nothing in it: all rows are copies of it, see `rowsOf`. */
  readonly blank: Row
}

type Row = Record<string, SQLOutputValue>

class NodeSqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, Prepared>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const prepared = this.#prepare(query.sql)
    const values = query.parameters.map(bindable)
    if (prepared.columns.length > 0) {
      return { rows: rowsOf(prepared, values) as R[] } // the compiled query's own row type
    }
    const { changes, lastInsertRowid } = prepared.statement.run(...values)
    if (CHANGES_COLUMNS.test(query.sql)) this.#statements.clear()
    return await Promise.resolve({
      rows: [],
      numAffectedRows: BigInt(changes),
      insertId: BigInt(lastInsertRowid),
    })
  }

  // oxlint-disable-next-line require-yield -- the interface wants a generator; nothing here streams rows
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming rows is not used')
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    if (this.#statements.size >= STATEMENTS_KEPT) this.#statements.clear()
    const statement = this.#database.prepare(sql)
    const columns = statement.columns().map(({ name }) => name)
    statement.setReturnArrays(true)
    const prepared = { statement, columns, blank: blankRow(columns) }
    this.#statements.set(sql, prepared)
    return prepared
  }
}

/**
 * The rows that Node makes itself are dictionaries, which take twice the time and the memory: made as copies of one they share
 * its shape.
 */
function rowsOf({ statement, columns, blank }: Prepared, values: readonly SQLInputValue[]): Row[] {
  const found = statement.all(...values) as unknown as SQLOutputValue[][] // as told by setReturnArrays
  return found.map((read) => {
    const row = { ...blank }
    let at = 0
    for (const name of columns) {
      row[name] = read[at] ?? null
      at += 1
    }
    return row
  })
}

/** Parsed, because an object that is given one name after the other becomes a dictionary when there are many. */
function blankRow(columns: readonly string[]): Row {
  return JSON.parse(JSON.stringify(Object.fromEntries(columns.map((name) => [name, null])))) as Row
}

function bindable(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value === undefined) return null
  return value as SQLInputValue // columns are text, integer and bigint only; SQLite itself refuses anything else
}
