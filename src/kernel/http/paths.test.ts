import { describe, expect, it } from 'vitest'
import { Paths } from './paths.ts'

const declared = [
  '/',
  '/servers',
  '/servers/detail',
  '/servers/:id',
  '/servers/:id/action',
  '/servers/:server/tags/:tag',
  '/servers/detail/deep/down',
  '/:version/info',
]

function table(): Paths<string> {
  const paths = new Paths<string>()
  for (const path of declared) paths.add(path, path)
  return paths
}

describe('Paths', () => {
  it.each([
    ['/', '/', {}],
    ['', '/', {}],
    ['/servers', '/servers', {}],
    ['/servers/', '/servers', {}],
    ['//servers///detail/', '/servers/detail', {}],
    ['/servers/a', '/servers/:id', { id: 'a' }],
    ['/servers/a/action', '/servers/:id/action', { id: 'a' }],
    ['/servers/a/tags/b', '/servers/:server/tags/:tag', { server: 'a', tag: 'b' }],
    ['/servers/info', '/servers/:id', { id: 'info' }],
    ['/v2/info', '/:version/info', { version: 'v2' }],
  ])('%s is %s', (path, value, params) => {
    expect(table().find(path)).toEqual({ value, params })
  })

  it('turns back from a literal segment that leads nowhere', () => {
    const found = table().find('/servers/detail/tags/b')
    expect(found?.params).toEqual({ server: 'detail', tag: 'b' })
  })

  it('decodes after it has cut: an encoded slash belongs to its segment', () => {
    const paths = table()
    expect(paths.find('/servers/a%2Fb%20c')?.params).toEqual({ id: 'a/b c' })
    expect(paths.find('/serv%65rs/x')?.value).toBe('/servers/:id')
    expect(paths.find('/servers/%E2%82%AC')?.params).toEqual({ id: '€' })
    expect(() => paths.find('/servers/%zz')).toThrow(URIError)
    expect(() => paths.find('/servers/%ff')).toThrow(URIError)
  })

  it.each([
    '/nothing',
    '/servers/a/b',
    '/Servers',
    '/servers/a/tags',
    `/servers/${'x'.repeat(4097)}`,
  ])('does not know %.30s', (path) => {
    expect(table().find(path)).toBeUndefined()
  })

  it('refuses a path that another one already is', () => {
    const paths = table()
    expect(() => paths.add('/servers/:name', 'again')).toThrow('/servers/:name is declared twice')
    expect(() => paths.add('/servers/', 'again')).toThrow('twice')
  })
})
