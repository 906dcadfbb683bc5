import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { findRow } from '../standard/store.ts'
import { getPolicy, policySpec, portBeyondMinimum } from './store.ts'

/**
 * The policy that something is to be under next: null for none, undefined for no change. The new one must be visible, and so
 * must the one it had: what an admin imposed by a policy of his own, only he takes off.
 */
export async function nextPolicy(
  tx: Ctx,
  had: string | null,
  asked: string | null | undefined,
): Promise<string | null | undefined> {
  if (asked === undefined || asked === had) return undefined
  if (had !== null && (await findRow(tx, policySpec, had)) === undefined)
    throw neutronError(
      'forbidden',
      'PolicyRemoveAuthorizationError',
      `Failed to remove provided policy ${had} because you are not authorized.`,
    )
  return asked === null ? null : (await getPolicy(tx, asked)).id
}

/** A guaranteed minimum means something only on a network that lies on a physical one: elsewhere it is refused, as in Neutron. */
export async function mustSuitPorts(
  tx: Ctx,
  policyId: string | null,
  portId?: string,
): Promise<void> {
  if (policyId === null) return
  const port = await portBeyondMinimum(tx, policyId, portId)
  if (port === undefined) return
  throw neutronError(
    'conflict',
    'QosRuleNotSupported',
    `Rule minimum_bandwidth is not supported by port ${port}`,
  )
}
