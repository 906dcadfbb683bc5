/** Docker's word for one image in a `docker save` archive: paths of its configuration and layers. */
export interface ArchiveManifest {
  readonly Config: string
  readonly Layers: readonly string[]
}
