import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { hostsOf } from '../os-services/store.ts'

/** All for admins, as Nova has it. */
export const usageAuditPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-instance-usage-audit-log:list': 'rule:admin',
  'os_compute_api:os-instance-usage-audit-log:show': 'rule:admin',
}

/** Nova's record of its monthly audit task. No host runs that task here (usage is read from the servers), and the answer says so. */
export function usageAuditRoutes(_deps: ComputeDeps): readonly Route[] {
  const path = '/v2.1/os-instance_usage_audit_log'
  return [
    route({
      method: 'GET',
      path,
      policy: 'os_compute_api:os-instance-usage-audit-log:list',
      summary: 'Show the usage audits of last month',
      handle: async (ctx) => ({ instance_usage_audit_logs: await auditLog(ctx, ctx.now()) }),
    }),
    route({
      method: 'GET',
      path: `${path}/:before`,
      policy: 'os_compute_api:os-instance-usage-audit-log:show',
      summary: 'Show the usage audits of the month before a time',
      handle: async (ctx, req) => ({
        instance_usage_audit_log: await auditLog(ctx, beforeOf(req)),
      }),
    }),
  ]
}

function beforeOf(req: Req): Date {
  const { before } = req.params as { before: string } // the path has it
  const form = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(\.\d{1,6})?$/.exec(before)
  const time = form === null ? new Date(NaN) : new Date(`${form[1]}T${form[2]}Z`)
  if (Number.isNaN(time.getTime()))
    throw cloudError(
      'badRequest',
      `Invalid timestamp for date ${before.slice(0, 60)}: it must look like 2026-01-31 10:00:00.`,
    )
  return time
}

async function auditLog(ctx: Ctx, before: Date): Promise<Record<string, unknown>> {
  const hosts = await hostsOf(ctx)
  const monthStart = (back: number): string =>
    new Date(Date.UTC(before.getUTCFullYear(), before.getUTCMonth() - back, 1))
      .toISOString()
      .slice(0, 19)
      .replace('T', ' ')
  return {
    period_beginning: monthStart(1),
    period_ending: monthStart(0),
    num_hosts: hosts.length,
    num_hosts_done: 0,
    num_hosts_running: 0,
    num_hosts_not_run: hosts.length,
    hosts_not_run: hosts,
    total_instances: 0,
    total_errors: 0,
    overall_status: `0 of ${hosts.length} hosts done. 0 errors.`,
    log: {},
  }
}
