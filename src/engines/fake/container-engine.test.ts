import { containerEngineContract } from '../../ports/contract/container-engine.ts'
import { createFakeCompute } from './compute.ts'

containerEngineContract('fake', async () => {
  const port = createFakeCompute()
  return { port, cleanUp: async () => await port.close() }
})
