import { chmod, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../src/kernel/exec/run.ts'
import { DebQuarry } from './debs.ts'
import { writeImage, type ImageConfig, type ImageEntry } from './image.ts'
import { guestRootfs } from './rootfs.ts'

/**
 * Builds the images that a new cloud offers, from Debian packages of this machine's own release, into a folder:
 * `cirros.tar`, `cirros-alt.tar`, `busybox` (a static one, for building further images from nothing) and, last, `images.json`,
 * which the cloud reads at its first start. Needs apt and its package lists; nothing is installed. Once `images.json` is
 * there, nothing here runs again.
 */
export async function buildGuestImages(folder: string): Promise<readonly GuestImage[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'stackyard-guest-'))
  try {
    await mkdir(folder, { recursive: true })
    const architecture = await debianArchitecture()
    const quarry = new DebQuarry({ folder: scratch })
    const entries = await guestRootfs(quarry, MULTIARCH[architecture])
    await Promise.all(IMAGES.map((image) => writeGuest(folder, image, entries, architecture)))
    await takeStaticBusybox(quarry, join(folder, 'busybox'))
    const images = IMAGES.map(({ title, ...image }) => ({
      ...image,
      properties: { ...image.properties, architecture: MACHINE[architecture], title },
    }))
    // Written under another name and renamed: a build that was killed must not look like a finished one.
    await writeFile(join(folder, 'images.json.new'), `${JSON.stringify(images, undefined, 2)}\n`)
    await rename(join(folder, 'images.json.new'), join(folder, 'images.json'))
    return images
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** One line of `images.json`. */
export interface GuestImage {
  readonly name: string
  readonly file: string
  readonly description: string
  readonly min_disk: number
  readonly min_ram: number
  readonly properties: Readonly<Record<string, string>>
}

type Architecture = ImageConfig['architecture']

const MULTIARCH = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const
const MACHINE = { amd64: 'x86_64', arm64: 'aarch64' } as const

const IMAGES = [
  {
    name: 'cirros',
    file: 'cirros.tar',
    title: 'Small guest with SSH',
    description:
      "Stackyard's small test guest: busybox, an SSH server and sudo from Debian. " +
      "Behaves like CirrOS (user 'cirros', password 'gocubsgo', keys and user data from metadata) but is not CirrOS.",
    min_disk: 0,
    min_ram: 0,
    properties: { os_type: 'linux', os_distro: 'stackyard-guest' },
  },
  {
    name: 'cirros-alt',
    file: 'cirros-alt.tar',
    title: 'Small guest with SSH, second edition',
    description:
      'The same guest as cirros with the marker file /etc/cirros-alt, for trying out rebuild.',
    min_disk: 0,
    min_ram: 0,
    properties: { os_type: 'linux', os_distro: 'stackyard-guest' },
  },
]

async function writeGuest(
  folder: string,
  image: (typeof IMAGES)[number],
  entries: readonly ImageEntry[],
  architecture: Architecture,
): Promise<void> {
  const marker: ImageEntry = {
    kind: 'file',
    path: `etc/${image.name}`,
    content: Buffer.from(`${image.title}\n`),
  }
  await writeImage(join(folder, image.file), [...entries, marker], {
    name: image.name,
    architecture,
    command: ['/init'],
    ports: ['22/tcp'],
    labels: { 'org.opencontainers.image.description': image.description },
  })
}

async function takeStaticBusybox(quarry: DebQuarry, target: string): Promise<void> {
  // After the guest is written: this package's busybox takes the place of the dynamic one in the unpacked tree.
  await quarry.open(['busybox-static'])
  await copyFile(await quarry.path('bin/busybox'), target)
  await chmod(target, 0o755)
}

async function debianArchitecture(): Promise<Architecture> {
  const name = (await run('dpkg', ['--print-architecture'])).trim()
  if (name === 'amd64' || name === 'arm64') return name
  throw new Error(`guest images can be built for amd64 and arm64; this machine is ${name}`)
}

if (import.meta.main) {
  const folder = process.argv[2]
  if (folder === undefined) throw new Error('usage: node cli/guest/build.ts FOLDER')
  const images = await buildGuestImages(folder)
  process.stdout.write(`${images.map((image) => image.name).join(', ')} built into ${folder}\n`)
}
