import { sql } from 'kysely'
import { Type } from '../../../kernel/schema/type.ts'
import { addressesOf } from '../addresses/store.ts'
import type { Extension } from '../extensions/known.ts'
import { badRequest } from '../fault.ts'
import type { FloatingIpRow } from '../floating-ips/schema.ts'
import type { NetworkRow } from '../networks/schema.ts'
import type { PortRow } from '../ports/schema.ts'
import { addition, type Addition } from '../standard/addition.ts'
import type { Feature } from '../standard/feature.ts'
import { text } from '../standard/list-spec.ts'
import { Text } from '../standard/schema.ts'
import { assignments, checkedDomain, checkedName } from './names.ts'
import { dnsColumns, writeFloatingNames, writeNetworkDomain, writePortNames } from './store.ts'

/**
 * Names of networks and ports (Neutron's DNS integration): `dns_domain` of a network, `dns_name` and `dns_domain` of a port with
 * the `dns_assignment` that follows from them, and both recorded with a floating IP. The network's own resolver answers with
 * them (`guests/`). `cloudDomain` is the domain of networks that have none.
 */
export function dnsFeature(cloudDomain: string): Feature {
  return {
    additions: [networkDomain, portNames(cloudDomain), floatingIpNames(cloudDomain)],
    extensions,
    migrations: [
      {
        id: '030-dns',
        async up(db) {
          for (const statement of dnsColumns) await sql.raw(statement).execute(db)
        },
      },
    ],
  }
}

const extensions: readonly Extension[] = [
  {
    alias: 'dns-integration',
    name: 'DNS Integration',
    updated: '2015-08-15T18:00:00-00:00',
    description: 'Ports and floating IPs have names, networks have domains.',
  },
  {
    alias: 'dns-domain-ports',
    name: 'dns_domain for ports',
    updated: '2017-06-25T18:00:00-00:00',
    description: 'A port can be in a domain of its own.',
  },
]

const Domain = Type.Optional(Text())
const Name = Type.Optional(Text())

const networkDomain: Addition = addition<NetworkRow & { readonly dns_domain: string }>({
  to: 'network',
  attributes: { dns_domain: Domain },
  columns: { dns_domain: text('dns_domain') },
  created: async (tx, row, wish) => await changeDomain(tx, row.id, wish),
  changed: async (tx, row, wish) => await changeDomain(tx, row.id, wish),
  views: async (_ctx, rows) =>
    await Promise.resolve(rows.map(({ dns_domain }) => ({ dns_domain }))),
})

/** Checked by the attributes' schemas. */
interface NamesWish {
  readonly dns_name?: string
  readonly dns_domain?: string
}

async function changeDomain(
  tx: Parameters<typeof writeNetworkDomain>[0],
  id: string,
  { dns_domain }: NamesWish,
): Promise<void> {
  if (dns_domain !== undefined)
    await writeNetworkDomain(tx, id, checkedDomain('dns_domain', dns_domain))
}

const namesOf = (
  { dns_name, dns_domain }: NamesWish,
  cloudDomain: string,
): { readonly dns_name?: string; readonly dns_domain?: string } => ({
  ...(dns_name === undefined ? {} : { dns_name: checkedName('dns_name', dns_name, cloudDomain) }),
  ...(dns_domain === undefined ? {} : { dns_domain: checkedDomain('dns_domain', dns_domain) }),
})

interface NamedPort extends PortRow {
  readonly dns_name: string
  readonly dns_domain: string
  readonly network_domain: string
}

function portNames(cloudDomain: string): Addition {
  return addition<NamedPort>({
    to: 'port',
    attributes: { dns_name: Name, dns_domain: Domain },
    columns: { dns_name: text('dns_name'), dns_domain: text('dns_domain') },
    computed: [
      sql`(select n.dns_domain from net_networks n where n.id = t.network_id) as network_domain`,
    ],
    created: async (tx, row, wish) => await writePortNames(tx, row.id, namesOf(wish, cloudDomain)),
    changed: async (tx, row, wish) => await writePortNames(tx, row.id, namesOf(wish, cloudDomain)),
    async views(ctx, rows) {
      const all = await addressesOf(
        ctx,
        rows.map(({ id }) => id),
      )
      const addresses = Map.groupBy(all, ({ port_id }) => port_id)
      return rows.map((row) => ({
        dns_name: row.dns_name,
        dns_domain: row.dns_domain,
        dns_assignment: assignments(
          (addresses.get(row.id) ?? []).map(({ address }) => address),
          row.dns_name,
          domainOf(row, cloudDomain),
        ),
      }))
    },
  })
}

/** A port's own domain wins over its network's, and that over the cloud's. */
const domainOf = (
  row: { readonly dns_domain: string; readonly network_domain: string },
  cloudDomain: string,
): string => [row.dns_domain, row.network_domain].find((each) => each !== '') ?? cloudDomain

/** Recorded for whoever keeps a zone of floating addresses; Neutron wants both or none. */
function floatingIpNames(cloudDomain: string): Addition {
  type Named = FloatingIpRow & { readonly dns_name: string; readonly dns_domain: string }
  return addition<Named>({
    to: 'floatingip',
    atCreation: { dns_name: Name, dns_domain: Domain },
    columns: { dns_name: text('dns_name'), dns_domain: text('dns_domain') },
    async created(tx, row, wish) {
      const names = namesOf(wish, cloudDomain)
      if (((names.dns_name ?? '') === '') !== ((names.dns_domain ?? '') === ''))
        throw badRequest(
          'Bad floatingip request: dns_domain and dns_name should be specified together.',
        )
      await writeFloatingNames(tx, row.id, names)
    },
    views: async (_ctx, rows) =>
      await Promise.resolve(rows.map(({ dns_name, dns_domain }) => ({ dns_name, dns_domain }))),
  })
}
