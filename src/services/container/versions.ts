import type { MicroversionRange } from '../../kernel/http/microversion.ts'

/** What every route of the service is written for. */
export const containerMicroversions: MicroversionRange = {
  serviceType: 'container',
  min: '1.1',
  max: '1.40',
  announcesRange: true,
}
