import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { run } from '../src/kernel/exec/run.ts'
import { openrc, readAccess } from './clouds-yaml.ts'

const folder = mkdtempSync(join(tmpdir(), 'stackyard-access-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('prints variables that a shell reads back unchanged, whatever the password holds', async () => {
  const password = `a'b"c $HOME \`id\` \\`
  const auth = {
    auth_url: 'http://127.0.0.1:5000/identity/v3',
    username: 'demo',
    password,
    project_name: 'demo',
  }
  // JSON is YAML, too
  writeFileSync(join(folder, 'clouds.yaml'), JSON.stringify({ clouds: { stackyard: { auth } } }))
  const script = `${openrc(readAccess(folder, 'demo'))}\nprintf %s "$OS_PASSWORD"`
  expect(await run('sh', ['-c', script])).toBe(password)
})

it('says which cloud and which word is missing', () => {
  expect(() => readAccess(folder, 'admin')).toThrow(
    'names no auth_url for the cloud «stackyard-admin»',
  )
})

it('tells what to do where there is no file', () => {
  expect(() => readAccess(join(folder, 'nowhere'), 'demo')).toThrow(/there is no .*clouds\.yaml/)
})
