import { cloudError } from '../../../kernel/errors/cloud-error.ts'

/**
 * From 2.86 on the names and values of the extra specs that have a documented meaning are checked; names in a namespace
 * that nobody documents are free. A namespace listed here takes only the names listed with it.
 */
const known: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  hw: {
    cpu_policy: /^(dedicated|shared|mixed)$/,
    cpu_thread_policy: /^(prefer|isolate|require)$/,
    cpu_sockets: /^[1-9]\d*$/,
    cpu_cores: /^[1-9]\d*$/,
    cpu_threads: /^[1-9]\d*$/,
    max_cpu_sockets: /^[1-9]\d*$/,
    max_cpu_cores: /^[1-9]\d*$/,
    max_cpu_threads: /^[1-9]\d*$/,
    mem_page_size: /^(large|small|any|\d+([kKmMgG][bB]?)?)$/,
    numa_nodes: /^[1-9]\d*$/,
    watchdog_action: /^(none|pause|poweroff|reset|disabled)$/,
    boot_menu: /^(true|false|1|0|yes|no|on|off)$/i,
  },
  quota: {
    cpu_period: /^\d+$/,
    cpu_quota: /^-?\d+$/,
    cpu_shares: /^\d+$/,
    memory_limit: /^\d+$/,
    memory_reservation: /^\d+$/,
    memory_shares_level: /^(custom|high|normal|low)$/,
    memory_shares_share: /^\d+$/,
    disk_read_bytes_sec: /^\d+$/,
    disk_write_bytes_sec: /^\d+$/,
    disk_total_bytes_sec: /^\d+$/,
    disk_read_iops_sec: /^\d+$/,
    disk_write_iops_sec: /^\d+$/,
    disk_total_iops_sec: /^\d+$/,
    vif_inbound_average: /^\d+$/,
    vif_inbound_burst: /^\d+$/,
    vif_inbound_peak: /^\d+$/,
    vif_outbound_average: /^\d+$/,
    vif_outbound_burst: /^\d+$/,
    vif_outbound_peak: /^\d+$/,
  },
  hw_rng: {
    allowed: /^(true|false|1|0|yes|no|on|off)$/i,
    rate_bytes: /^\d+$/,
    rate_period: /^\d+$/,
  },
  stackyard: {
    pids: /^[1-9]\d{0,6}$/,
  },
}

/** Numbered families: one name for each NUMA node. */
const numbered = /^hw:numa_(cpus|mem)\.\d+$/

/** 400 naming the first spec that is misspelt or has a value of another kind. */
export function checkExtraSpecs(specs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(specs)) {
    const at = name.indexOf(':')
    const names = known[name.slice(0, Math.max(at, 0))]
    if (names === undefined || numbered.test(name)) continue
    const rule = names[name.slice(at + 1)]
    if (rule === undefined)
      throw cloudError(
        'badRequest',
        `Validation failed; extra spec '${name}' does not appear to be a valid extra spec.`,
      )
    if (!rule.test(value))
      throw cloudError(
        'badRequest',
        `Validation failed; '${value}' is not a valid value for extra spec '${name}'.`,
      )
  }
}
