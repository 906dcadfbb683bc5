import type { Migration } from '../../../kernel/db/migrate.ts'
import type { Route } from '../../../kernel/http/route.ts'
import type { ServiceDefinition } from '../../../kernel/http/service.ts'
import type { Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { Extension } from '../extensions/known.ts'
import type { Addition } from './addition.ts'
import type { PortExtras } from '../wiring/extras.ts'
import type { RouterExtras } from '../wiring/router-extras.ts'
import type { Trunks } from '../wiring/subports.ts'
import type { Resource } from './resource.ts'

/**
 * Something Neutron calls an extension, whole: what it adds to the API and to the tables. It lives in a folder of its own, whose
 * `index.ts` declares it, and the service lists it once.
 */
export interface Feature {
  readonly resources?: readonly Resource[]
  /** Attributes of resources that belong to others. */
  readonly additions?: readonly Addition[]
  /** Endpoints beyond those made from `resources`. */
  readonly routes?: readonly Route[]
  /** Endpoints that show other resources, with all that features add to them: `find` gives one by its `singular`. */
  routesOn?(find: (singular: string) => Resource): readonly Route[]
  /** Rules beyond those made from `resources`. */
  readonly policies?: Readonly<Record<string, string>>
  /** Listed by `GET /extensions`: only what is truly there. */
  readonly extensions?: readonly Extension[]
  readonly migrations?: readonly Migration[]
  readonly reconcilers?: readonly Reconciler[]
  /** As of a service: metrics beside those that all have. */
  readonly measures?: ServiceDefinition['measures']
  /** What it adds to what the engine is told of ports. */
  readonly portExtras?: PortExtras
  /** What it adds to what the engine is told of routers. */
  readonly routerExtras?: RouterExtras
  readonly trunks?: Trunks
}
