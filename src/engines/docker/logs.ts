import type { WorkloadId } from '../../ports/compute.ts'
import { containerName, type DockerHost, type Inspected } from './names.ts'

/**
 * Output of a container. Without a terminal the engine sends frames: one byte for the stream (1 = stdout, 2 = stderr),
 * three of nothing, four of length (big endian), then the content. With a terminal it sends the bytes as they were.
 */
const HEADER_BYTES = 8

export async function readLogs(
  host: DockerHost,
  id: WorkloadId,
  tailLines?: number,
): Promise<string> {
  const path = `/containers/${containerName(id)}`
  const [container, stream] = await Promise.all([
    host.client.call<Inspected>('GET', `${path}/json`),
    host.client.open('GET', `${path}/logs`, {
      query: { stdout: true, stderr: true, tail: tailLines ?? 'all' },
    }),
  ])
  const chunks: Buffer[] = []
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  const raw = Buffer.concat(chunks)
  return (container.Config.Tty ? raw : withoutFrames(raw)).toString()
}

/** The contents of all frames in order; a last frame that is cut off gives what there is of it. */
export function withoutFrames(raw: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  while (at + HEADER_BYTES <= raw.length) {
    const begin = at + HEADER_BYTES
    const end = begin + raw.readUInt32BE(at + 4)
    parts.push(raw.subarray(begin, end))
    at = end
  }
  return Buffer.concat(parts)
}
