import { imageStoreContract } from '../../ports/contract/image-store.ts'
import { createFakeImageStore } from './image-store.ts'

imageStoreContract('fake', async () => ({
  store: createFakeImageStore(),
  cleanUp: async () => undefined,
}))
