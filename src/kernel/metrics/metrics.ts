import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Prometheus metrics of one cloud; label sets are bounded (service, method, status class, kind). */
export interface Metrics {
  readonly registry: Registry
  readonly requests: Histogram<'service' | 'method' | 'status'>
  readonly reconciles: Counter<'kind' | 'outcome'>
  readonly repairs: Counter<'kind'>
  readonly memory: Gauge
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    requests: new Histogram({
      name: 'stackyard_http_request_seconds',
      help: 'Time to answer, by service, method and status',
      labelNames: ['service', 'method', 'status'],
      buckets: [0.002, 0.005, 0.015, 0.05, 0.2, 1, 5],
      registers,
    }),
    reconciles: new Counter({
      name: 'stackyard_reconciles_total',
      help: 'Reconcile runs by kind and outcome',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    repairs: new Counter({
      name: 'stackyard_repairs_total',
      help: 'Host state found different from what was wanted, and repaired',
      labelNames: ['kind'],
      registers,
    }),
    memory: new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Resident memory',
      registers,
      collect() {
        this.set(process.memoryUsage.rss())
      },
    }),
  }
}
