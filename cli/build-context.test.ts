import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extract } from 'tar-stream'
import { afterAll, describe, expect, it } from 'vitest'
import { buildContext } from './build-context.ts'

const folder = mkdtempSync(join(tmpdir(), 'stackyard-context-'))
afterAll(() => rmSync(folder, { recursive: true }))

const namesIn = async (dockerfile = 'Dockerfile'): Promise<Record<string, string>> => {
  const found: Record<string, string> = {}
  for await (const entry of (await buildContext(folder, dockerfile)).pipe(extract())) {
    const chunks: Buffer[] = []
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
    const { name, type, linkname } = entry.header
    found[name] = type === 'file' ? Buffer.concat(chunks).toString() : `${type} ${linkname ?? ''}`
  }
  return found
}

describe('what goes along with a build', () => {
  it('is everything below the folder', async () => {
    mkdirSync(join(folder, 'src'))
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\n')
    writeFileSync(join(folder, 'src', 'main.c'), 'int main;')
    writeFileSync(join(folder, 'secret.key'), 'hush')
    symlinkSync('src/main.c', join(folder, 'link'))
    expect(await namesIn()).toEqual({
      Dockerfile: 'FROM scratch\n',
      src: 'directory ',
      'src/main.c': 'int main;',
      'secret.key': 'hush',
      link: 'symlink src/main.c',
    })
  })

  it('leaves out what .dockerignore names, but never the Dockerfile', async () => {
    writeFileSync(join(folder, '.dockerignore'), '*.key\nDockerfile\nsrc\n!src/main.c\n')
    const names = Object.keys(await namesIn())
    expect(names).toContain('Dockerfile')
    expect(names).toContain('src/main.c')
    expect(names).not.toContain('secret.key')
  })
})
