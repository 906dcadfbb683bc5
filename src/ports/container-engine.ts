import type { ComputePort } from './compute.ts'
import type { ContainerArchives } from './container-archives.ts'
import type { ContainerStatistics } from './container-statistics.ts'
import type { ContainerStreams } from './container-streams.ts'
import type { EngineImages } from './engine-images.ts'
import type { ImageBuilds } from './image-builds.ts'

/** All that an engine of containers can; one of virtual machines would keep to `ComputePort`. */
export interface ContainerEngine
  extends
    ComputePort,
    ContainerStreams,
    ContainerArchives,
    ContainerStatistics,
    EngineImages,
    ImageBuilds {}
