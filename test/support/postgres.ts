import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database of its own for one test cloud, on the server that `STACKYARD_TEST_DATABASE_URL` names. */
export interface FreshDatabase {
  readonly url: string
  drop(): Promise<void>
}

export async function freshDatabase(serverUrl: string): Promise<FreshDatabase> {
  const name = `stackyard_test_${randomBytes(6).toString('hex')}`
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  await tell(serverUrl, `create database ${name}`)
  return {
    url: url.href,
    drop: async () => await tell(serverUrl, `drop database if exists ${name} with (force)`),
  }
}

async function tell(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
