import { createFakeImageStore } from '../../engines/fake/image-store.ts'
import { startTestApp, type Person, type TestApp } from '../../kernel/testkit/test-app.ts'
import type { Answer, Json } from '../../kernel/testkit/client.ts'
import type { ImageStore } from '../../ports/image-store.ts'
import { createImage, type ImageDeps } from './index.ts'

/** The image service alone, behind its door, with its bytes in memory; for its tests. */
export interface ImageBed extends TestApp {
  readonly store: ImageStore
  readonly image: ReturnType<typeof createImage>
  /** Creates an image and gives its body; `wish` overrides. */
  create(person: Person, wish?: Record<string, unknown>): Promise<Json>
  upload(
    person: Person,
    id: string,
    bytes: string | Uint8Array,
    to?: 'file' | 'stage',
  ): Promise<Answer>
  patch(person: Person, id: string, operations: unknown): Promise<Answer>
}

export async function startImageBed(deps: Partial<ImageDeps> = {}): Promise<ImageBed> {
  const store = deps.store ?? createFakeImageStore()
  const image = createImage({ ...deps, store })
  const app = await startTestApp([image.definition])
  return {
    ...app,
    store,
    image,
    async create(person, wish = {}) {
      const body = { name: 'busy', container_format: 'bare', disk_format: 'raw', ...wish }
      const answer = await app.as(person).post('/image/v2/images', body)
      if (answer.status !== 201)
        throw new Error(`no image: ${answer.status} ${answer.bytes.toString()}`)
      return answer.body
    },
    upload: async (person, id, bytes, to = 'file') =>
      await app
        .as(person)
        .with({ 'content-type': 'application/octet-stream' })
        .put(`/image/v2/images/${id}/${to}`, bytes),
    patch: async (person, id, operations) =>
      await app
        .as(person)
        .with({ 'content-type': 'application/openstack-images-v2.1-json-patch' })
        .patch(`/image/v2/images/${id}`, operations),
  }
}
