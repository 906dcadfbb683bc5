import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { run } from '../../src/kernel/exec/run.ts'
import type { DebQuarry } from './debs.ts'
import type { ImageEntry } from './image.ts'

/**
 * The guest's file system: busybox, dropbear and sudo from Debian with exactly the libraries they load, and our own files
 * from `rootfs/`. Everything lies below /usr, as in Debian since 12; the old names are links.
 *
 * busybox is the dynamic one: Debian's static build crashes when it looks up a name, because glibc loads its resolver at run time.
 */
const PACKAGES = ['busybox', 'dropbear-bin', 'sudo', 'libpam-modules']

/** Path in its Debian package → path in the guest, with its mode. */
const PROGRAMS = [
  { from: 'bin/busybox', to: 'usr/bin/busybox', mode: 0o755 },
  { from: 'sbin/dropbear', to: 'usr/sbin/dropbear', mode: 0o755 },
  { from: 'bin/dropbearkey', to: 'usr/bin/dropbearkey', mode: 0o755 },
  { from: 'bin/dbclient', to: 'usr/bin/dbclient', mode: 0o755 },
  { from: 'bin/sudo', to: 'usr/bin/sudo', mode: 0o4755 },
  { from: 'libexec/sudo/sudoers.so', to: 'usr/libexec/sudo/sudoers.so', mode: 0o644 },
]

// Applets that would only mislead in here: no packages are installed, and process 1 is ours.
const UNWANTED_APPLETS = ['init', 'linuxrc', 'rpm', 'rpm2cpio', 'dpkg', 'dpkg-deb']

// oxfmt-ignore
const FOLDERS = [
  'dev', 'etc', 'home', 'mnt', 'opt', 'proc', 'root', 'run', 'srv', 'sys', 'tmp', 'usr', 'var',
  'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/libexec', 'usr/libexec/sudo',
  'usr/local', 'usr/local/bin', 'usr/local/sbin', 'var/lib', 'var/log', 'var/www',
]
const LINKS = {
  bin: 'usr/bin',
  sbin: 'usr/sbin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
  'var/run': '/run',
}
const SECRET_MODES: Readonly<Record<string, number>> = {
  'etc/shadow': 0o600,
  'etc/sudoers': 0o440,
  init: 0o755,
  'usr/sbin/chpasswd': 0o755,
  'usr/sbin/guest-setup': 0o755,
  'usr/bin/ping': 0o755,
}

// dropbear writes who logged in, and complains in the console log when it cannot.
const LOGIN_RECORDS = ['var/log/lastlog', 'var/log/wtmp', 'run/utmp']

export async function guestRootfs(quarry: DebQuarry, multiarch: string): Promise<ImageEntry[]> {
  await quarry.open(PACKAGES)
  const entries: ImageEntry[] = [
    ...folders(multiarch),
    ...Object.entries(LINKS).map(([path, to]) => ({ kind: 'link' as const, path, to })),
    ...(await ownFiles()),
    ...(await programs(quarry)),
    ...(await libraries(quarry, multiarch)),
    { kind: 'link', path: 'usr/bin/ssh', to: 'dbclient' },
    { kind: 'link', path: 'usr/bin/ping6', to: 'ping' },
    ...LOGIN_RECORDS.map((path) => ({ kind: 'file' as const, path, content: Buffer.alloc(0) })),
  ]
  const taken = new Set(entries.map((entry) => entry.path))
  const applets = await appletLinks(await quarry.path('bin/busybox'))
  return [...entries, ...applets.filter((link) => !taken.has(link.path))]
}

function folders(multiarch: string): ImageEntry[] {
  const security = `usr/lib/${multiarch}/security`
  const plain = [...FOLDERS, 'etc/pam.d', `usr/lib/${multiarch}`, security]
  return plain
    .map((path): ImageEntry => ({ kind: 'folder', path, mode: folderMode(path) }))
    .concat({ kind: 'folder', path: 'home/cirros', uid: 1000, mode: 0o755 })
}

function folderMode(path: string): number {
  if (path === 'tmp') return 0o1777
  return path === 'root' ? 0o700 : 0o755
}

/** The files of `rootfs/` beside this module. */
async function ownFiles(): Promise<ImageEntry[]> {
  const root = join(import.meta.dirname, 'rootfs')
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  const files = found.filter((entry) => entry.isFile())
  return await Promise.all(
    files.map(async (entry): Promise<ImageEntry> => {
      const source = join(entry.parentPath, entry.name)
      const path = relative(root, source).replace(/^s?bin\//, 'usr/$&')
      const mode = SECRET_MODES[path] ?? 0o644
      return { kind: 'file', path, content: await readFile(source), mode }
    }),
  )
}

async function programs(quarry: DebQuarry): Promise<ImageEntry[]> {
  return await Promise.all(
    PROGRAMS.map(async ({ from, to, mode }): Promise<ImageEntry> => {
      return { kind: 'file', path: to, content: await readFile(await quarry.path(from)), mode }
    }),
  )
}

async function libraries(quarry: DebQuarry, multiarch: string): Promise<ImageEntry[]> {
  const permit = await quarry.path(`lib/${multiarch}/security/pam_permit.so`)
  const users = await Promise.all(PROGRAMS.map(({ from }) => quarry.path(from)))
  const needed = await quarry.libraries([...users, permit])
  const entries = await Promise.all(
    [...needed].map(async ([name, source]): Promise<ImageEntry> => {
      const path = `${libraryFolder(name, multiarch)}/${name}`
      return { kind: 'file', path, content: await readFile(source), mode: 0o755 }
    }),
  )
  const path = `usr/lib/${multiarch}/security/pam_permit.so`
  return [...entries, { kind: 'file', path, content: await readFile(permit) }]
}

/** The loader's path is written into every program; sudo looks for its own library beside its plugin. */
function libraryFolder(name: string, multiarch: string): string {
  if (name.startsWith('ld-linux-x86-64')) return 'usr/lib64'
  if (name.startsWith('ld-linux')) return 'usr/lib'
  return name.startsWith('libsudo') ? 'usr/libexec/sudo' : `usr/lib/${multiarch}`
}

/** Asks the busybox just unpacked which commands it knows; it runs here, being of this machine's architecture. */
async function appletLinks(busybox: string): Promise<ImageEntry[]> {
  const listed = (await run(busybox, ['--list-full'])).trim().split('\n')
  return listed
    .map((path) => (path.startsWith('usr/') ? path : `usr/${path}`))
    .filter((path) => !UNWANTED_APPLETS.includes(path.split('/').at(-1) ?? ''))
    .map((path) => ({ kind: 'link', path, to: '/usr/bin/busybox' }))
}
