import { Gauge, type Registry } from 'prom-client'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { reasonOf } from '../../../kernel/errors/cloud-error.ts'
import type { MeterReading, NetworkPort } from '../../../ports/network.ts'
import { metered } from './store.ts'

// ids alone: whoever may read the metrics need not know names and projects
const labelNames = ['label', 'router'] as const
type Name = (typeof labelNames)[number]

/** What the labels counted, router by router: read from the engine when somebody looks at the metrics. */
export function measureLabels(port: NetworkPort, registry: Registry, ctx: () => Ctx): void {
  // the metrics of one look are told from one reading
  let asked: Promise<readonly Reading[]> | undefined
  const read = async (): Promise<readonly Reading[]> => {
    asked ??= readings(ctx(), port).finally(() => (asked = undefined))
    return await asked
  }
  const tell = (unit: 'bytes' | 'packets'): Gauge<Name> =>
    new Gauge<Name>({
      name: `stackyard_network_metered_${unit}`,
      help: `What a metering label counted on a router, in ${unit}`,
      labelNames,
      registers: [],
      async collect() {
        const now = await read()
        this.reset()
        for (const { meter, labels } of now) this.set(labels, meter[unit])
      },
    })
  for (const unit of ['bytes', 'packets'] as const) registry.registerMetric(tell(unit))
}

interface Reading {
  readonly meter: MeterReading
  readonly labels: Readonly<Record<Name, string>>
}

/** A router that cannot be read is left out: metrics are for looking at a cloud in trouble, too. */
async function readings(ctx: Ctx, port: NetworkPort): Promise<readonly Reading[]> {
  const { labels, routers } = await metered(ctx)
  const known = new Set(labels)
  const found: Reading[] = []
  for (const router of routers) {
    try {
      for (const meter of await port.readMeters(router)) {
        // one that was deleted may still be counted for a moment
        if (known.has(meter.labelId))
          found.push({ meter, labels: { label: meter.labelId, router } })
      }
    } catch (error) {
      ctx.log.warn({ router, reason: reasonOf(error) }, 'reading meters')
    }
  }
  return found
}
