import { describe, expect, it } from 'vitest'
import { listening } from './host-ports.ts'

const four = `  sl  local_address rem_address   st tx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000
   1: 00000000:0016 00000000:0000 0A 00000000:00000000
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000
`
const six = `  sl  local_address rem_address   st
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0
   1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 0
`

describe('what the host listens on', () => {
  it('is read from the kernel, connections left out', () => {
    expect(listening(four, 'tcp', '0A')).toEqual([
      { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080 },
      { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 22 },
    ])
    expect(listening(six, 'tcp', '0A').map(({ hostAddress }) => hostAddress)).toEqual(['::', '::1'])
  })
})
