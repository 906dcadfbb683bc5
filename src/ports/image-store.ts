import type { Readable } from 'node:stream'

/**
 * Blobs by id. `write` is all or nothing: the stream goes to a temporary name, is fsynced and renamed; a broken stream or a
 * killed process leaves no blob. `write` over an existing id throws `conflict`. Removing what is not there is success.
 */
export interface ImageStore {
  readonly kind: string
  /**
   * Throws `CloudError('tooLarge')` past `maxBytes`; passes the stream's own error on otherwise. The stream's chunks are given
   * away with it: the store may free their memory.
   */
  write(
    id: string,
    content: Readable,
    options?: { readonly maxBytes?: number },
  ): Promise<StoredBlob>
  /** `start` and `end` are byte offsets, both inclusive. Throws `CloudError` `notFound`, or `rangeNotSatisfiable`. */
  read(id: string, range?: { readonly start: number; readonly end: number }): Promise<Readable>
  size(id: string): Promise<number | undefined>
  remove(id: string): Promise<void>
  list(): Promise<readonly string[]>
}

export interface StoredBlob {
  readonly sizeBytes: number
  /** Hex digests of the content. */
  readonly md5: string
  readonly sha512: string
}
