import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { dockerArchive, tar, type ArchiveFile } from '../../kernel/archive/docker-archive.ts'
import { describeArchive, plainTar, withOnlyTag } from './archive.ts'

const image = {
  architecture: 'amd64',
  tag: 'evil:1',
  config: { Cmd: ['/x'] },
  files: [{ path: 'x' }],
}
const stream = (content: Buffer): Readable => Readable.from([content])
const text = (path: string, content: string): ArchiveFile => ({
  path,
  content: Buffer.from(content),
  mode: 0o644,
})

async function names(content: Readable): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const reader = extract()
  content.pipe(reader)
  for await (const entry of reader) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
    found[entry.header.name] = Buffer.concat(chunks).toString()
  }
  return found
}

describe('describing an archive', () => {
  it('tells a docker archive by its manifest, wherever it stands', async () => {
    const what = await describeArchive(stream(await dockerArchive(image)), 'amd64')
    expect(what).toMatchObject({ kind: 'image', manifest: { Layers: ['layer.tar'] } })
  })

  it('takes a tar without a manifest for a root file system', async () => {
    const content = await tar([{ path: './etc/' }, text('./etc/manifest.json', '{}')])
    expect(await describeArchive(stream(content), 'amd64')).toEqual({ kind: 'rootfs' })
  })

  it.each([
    ['several images', '[{"Config":"a","Layers":[]},{"Config":"b","Layers":[]}]', /holds 2 images/],
    ['no image', '[]', /holds 0 images/],
    ['no list', '{}', /not a list/],
    ['no layers', '[{"Config":"a"}]', /no configuration and layers/],
    ['no JSON', 'hello', /not JSON/],
  ])('refuses a manifest with %s', async (_what, manifest, reason) => {
    const content = await tar([text('manifest.json', manifest)])
    await expect(describeArchive(stream(content), 'amd64')).rejects.toThrow(reason)
  })

  it('refuses what is no tar', async () => {
    const disk = Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.alloc(4096, 7)])
    await expect(describeArchive(stream(disk), 'amd64')).rejects.toThrow('not a tar archive')
    await expect(
      describeArchive(stream((await dockerArchive(image)).subarray(0, 1000)), 'amd64'),
    ).rejects.toThrow('not a tar archive')
    await expect(describeArchive(stream(Buffer.alloc(1024)), 'amd64')).rejects.toThrow(
      'empty archive',
    )
  })

  it('passes on why the content could not be read', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield (await dockerArchive(image)).subarray(0, 700)
      throw new Error('tar disk on fire')
    }
    await expect(describeArchive(Readable.from(broken()), 'amd64')).rejects.toThrow(
      /^tar disk on fire$/,
    )
  })
})

describe('an OCI layout', () => {
  const digest = (content: string): string => createHash('sha256').update(content).digest('hex')
  const blob = (content: string): ArchiveFile => text(`blobs/sha256/${digest(content)}`, content)
  const manifest = (config: string): string =>
    JSON.stringify({
      config: { digest: `sha256:${digest(config)}` },
      layers: [{ digest: `sha256:${'1'.repeat(64)}` }],
    })
  const entry = (content: string, architecture?: string, os = 'linux'): object => ({
    digest: `sha256:${digest(content)}`,
    ...(architecture === undefined ? {} : { platform: { os, architecture } }),
  })

  async function described(index: object[], blobs: string[]): ReturnType<typeof describeArchive> {
    const files = [
      text('oci-layout', '{}'),
      text('index.json', JSON.stringify({ manifests: index })),
      ...blobs.map(blob),
    ]
    return await describeArchive(stream(await tar(files)), 'amd64')
  }

  it('is read as a docker archive', async () => {
    const one = manifest('{}')
    const expected = {
      Config: `blobs/sha256/${digest('{}')}`,
      Layers: [`blobs/sha256/${'1'.repeat(64)}`],
    }
    expect(await described([entry(one)], [one])).toEqual({ kind: 'image', manifest: expected })
  })

  it("is searched for the engine's architecture, through nested indexes and past attestations", async () => {
    const [ours, theirs] = [manifest('{"a":1}'), manifest('{"b":2}')]
    const nested = JSON.stringify({
      manifests: [
        entry(theirs, 'arm64'),
        entry(ours, 'amd64'),
        entry(theirs, 'unknown', 'unknown'),
      ],
    })
    expect(await described([entry(nested)], [nested, ours, theirs])).toMatchObject({
      manifest: { Config: `blobs/sha256/${digest('{"a":1}')}` },
    })
    await expect(described([entry(theirs, 'arm64')], [theirs])).rejects.toThrow(
      'no image for amd64',
    )
    await expect(described([entry(ours), entry(theirs)], [ours, theirs])).rejects.toThrow(
      'holds 2 images',
    )
    await expect(described([entry(ours)], [])).rejects.toThrow('has no usable blobs/sha256/')
  })

  it('cannot point outside of itself', async () => {
    await expect(described([{ digest: 'sha256:../../etc/passwd' }], [])).rejects.toThrow(
      'malformed digest',
    )
  })
})

describe('passing an archive on', () => {
  it('replaces the names it brings by one', async () => {
    const content = await tar([
      text('repositories', '{"evil":{}}'),
      text('manifest.json', 'old'),
      { path: 'd/' },
      { path: 'd/link', link: '../layer' },
      text('layer', 'x'.repeat(200_000)),
    ])
    const found = await names(
      withOnlyTag(stream(content), { Config: 'c', Layers: ['layer'] }, 'ours:1'),
    )
    expect(Object.keys(found)).toEqual(['d/', 'd/link', 'layer', 'manifest.json'])
    expect(found['layer']).toHaveLength(200_000)
    expect(JSON.parse(found['manifest.json'] ?? '')).toEqual([
      { Config: 'c', Layers: ['layer'], RepoTags: ['ours:1'] },
    ])
  })

  it('fails when its source fails', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield (await dockerArchive(image)).subarray(0, 700)
      throw new Error('disk on fire')
    }
    const out = withOnlyTag(Readable.from(broken()), { Config: 'c', Layers: [] }, 't:1')
    await expect(out.toArray()).rejects.toThrow('disk on fire')
  })
})

describe('compression', () => {
  it.each([
    ['none', (x: Buffer) => x],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('%s is undone', async (_name, compress) => {
    const content = await dockerArchive(image)
    const plain = await plainTar(stream(compress(content)))
    expect(Buffer.concat(await plain.toArray()).equals(content)).toBe(true)
  })

  it('that is not known is said', async () => {
    await expect(plainTar(stream(Buffer.from('BZh91AY&SY...')))).rejects.toThrow('bzip2')
    await expect(plainTar(stream(Buffer.from('\xfd7zXZ\0\0\0\0', 'latin1')))).rejects.toThrow('xz')
    await expect(plainTar(stream(Buffer.alloc(0)))).rejects.toThrow('empty')
    await expect(plainTar(stream(Buffer.from('a')))).resolves.toBeDefined()
  })

  it('that is broken ends in an error', async () => {
    const half = gzipSync(await dockerArchive(image)).subarray(0, 200)
    await expect(describeArchive(await plainTar(stream(half)), 'amd64')).rejects.toThrow(Error)
  })
})
