import type { Readable } from 'node:stream'
import type { WorkloadId } from './compute.ts'

/** Files and processes of a container, looked at from outside: nothing is needed in its image. */
export interface ContainerArchives {
  /** A file or folder as a tar whose entries begin with its own name; `notFound` when container or path are not there. The container may be stopped. */
  getArchive(
    id: WorkloadId,
    path: string,
  ): Promise<{ readonly stat: PathStat; readonly tar: Readable }>
  /** Unpacks a tar (plain or gzip) into a folder that is there. `notFound`, `badRequest` (no folder, no tar), `forbidden` (read-only). */
  putArchive(id: WorkloadId, path: string, tar: Readable): Promise<void>
  statPath(id: WorkloadId, path: string): Promise<PathStat>
  /** Its processes as `ps` on the host shows them; `conflict` when it does not run, `badRequest` for options `ps` does not take. */
  top(id: WorkloadId, psArgs?: string): Promise<ProcessList>
}

export interface PathStat {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly size: number
  /** Permission bits, e.g. 0o644. */
  readonly mode: number
  /** Go's `os.FileMode`, the number that Docker's own API shows. */
  readonly engineMode: number
  /** ISO 8601. */
  readonly mtime: string
  /** '' unless it is a link. */
  readonly linkTarget: string
}

export interface ProcessList {
  readonly titles: readonly string[]
  readonly processes: readonly (readonly string[])[]
}
