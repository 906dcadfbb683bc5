import type { Registry } from 'prom-client'
import type { Ctx } from '../ctx/ctx.ts'
import type { CloudError } from '../errors/cloud-error.ts'
import type { Migration } from '../db/migrate.ts'
import type { Reconciler } from '../tasks/reconciler.ts'
import type { MicroversionRange } from './microversion.ts'
import type { Route } from './route.ts'

/** What a service hands to the kernel. */
export interface ServiceDefinition {
  /** Folder name: `compute`. */
  readonly name: string
  /** e.g. `/compute/v2.1`; '' for none (a service without an API of its own). */
  readonly mount: string
  /** A header that repeats the request id, where the original has one of its own (`x-compute-request-id`). */
  readonly requestIdHeader?: string
  readonly microversions?: MicroversionRange
  readonly routes: readonly Route[]
  /** Default policy rules, name → rule in oslo.policy's language. */
  readonly policies: Readonly<Record<string, string>>
  readonly migrations: readonly Migration[]
  readonly reconcilers: readonly Reconciler[]
  /** Adds the service's own metrics to those of `/metrics`; `ctx` makes a context whenever they are read. */
  measures?(registry: Registry, ctx: () => Ctx): void
  /** The service's own fault format, its one place. */
  fault(error: CloudError, requestId: string): Fault
}

export interface Fault {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}
