import type { MicroversionRange } from '../../kernel/http/microversion.ts'

/** What every route of the service is written for; a feature that is refused with a reason (no second host) counts as implemented. */
export const computeMicroversions: MicroversionRange = {
  serviceType: 'compute',
  legacyHeader: 'X-OpenStack-Nova-API-Version',
  min: '2.1',
  max: '2.96',
}
