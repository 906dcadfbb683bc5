import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { pack, type Pack } from 'tar-stream'
import { imagesOf } from '../../kernel/archive/dockerfile.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { BuildWish } from '../../ports/image-builds.ts'
import { bufferOf, copyEntry, eachEntry, type Entry } from './archive.ts'
import { plainReference } from './names.ts'

const MOST_BYTES = 1024 * 1024
const DEFAULT = 'Dockerfile'

/**
 * The context as the builder gets it: its Dockerfile is taken out, read, and put in again as the last entry, so that what was
 * read is what is built. The builder begins when the context has ended; one whose Dockerfile names images that are not for
 * everybody breaks off before.
 */
export function checkedContext(
  context: Readable,
  wish: Pick<BuildWish, 'dockerfile' | 'args'>,
): Readable {
  const packer = pack()
  rewrite(context, packer, wish).catch((error: unknown) =>
    packer.destroy(error instanceof Error ? error : new Error(String(error))),
  )
  packer.on('error', () => undefined) // who reads the context meets it
  const out = Readable.from(packer, { objectMode: false })
  out.once('close', () => context.destroy())
  return out
}

async function rewrite(
  context: Readable,
  packer: Pack,
  { dockerfile = DEFAULT, args = {} }: Pick<BuildWish, 'dockerfile' | 'args'>,
): Promise<void> {
  const wanted = plainPath(dockerfile)
  let text: string | undefined
  const visit = async (entry: Entry): Promise<void> => {
    const name = plainPath(entry.header.name)
    if (name === wanted) text = await textOf(entry)
    else {
      mustBeFolder(entry, name, wanted)
      await copyEntry(entry, packer)
    }
  }
  await eachEntry(context, visit, 'The context is not a tar archive')
  if (text === undefined)
    throw cloudError('badRequest', `Cannot locate Dockerfile: there is no ${wanted} in the context`)
  for (const image of imagesOf(text, args)) plainReference(image)
  packer.entry({ name: wanted }, text)
  packer.finalize()
}

async function textOf(entry: Entry): Promise<string> {
  const { type, size } = entry.header
  if (type !== 'file' && type !== 'contiguous-file')
    throw cloudError('badRequest', 'The Dockerfile has to be a plain file')
  if (size > MOST_BYTES) throw cloudError('badRequest', 'The Dockerfile has 1 MiB at most')
  return (await bufferOf(entry)).toString()
}

/** Through a link on its way the Dockerfile would be another file. */
function mustBeFolder({ header }: Entry, name: string, wanted: string): void {
  if (header.type === 'directory' || !(wanted.startsWith(`${name}/`) || name === '.')) return
  throw cloudError('badRequest', `'${name}' has to be a folder: the Dockerfile is in it`)
}

const plainPath = (path: string): string => posix.join('/', path).replace(/^\/+|\/+$/g, '') || '.'
