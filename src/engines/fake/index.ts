/** fake: every port in memory with knobs (slow, fail on a step, vanish): for tests and for work on what stands above. */
export { createFakeCompute, type FakeCompute } from './compute.ts'
export { createFakeDockerPlugin, type FakeDockerPlugin } from './docker-plugin.ts'
export { createFakeImageStore } from './image-store.ts'
export { createFakeNetwork, type FakeNetwork } from './network.ts'
