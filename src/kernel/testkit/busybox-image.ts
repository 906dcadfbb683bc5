import { readFile } from 'node:fs/promises'
import { dockerArchive, type ArchiveFile } from '../archive/docker-archive.ts'

/** What a test needs inside a container, as links to the one static binary. */
const applets = [
  'arp',
  'arping',
  'awk',
  'cat',
  'chmod',
  'cp',
  'cut',
  'date',
  'dd',
  'df',
  'echo',
  'env',
  'false',
  'find',
  'free',
  'grep',
  'head',
  'hostname',
  'httpd',
  'id',
  'ifconfig',
  'ip',
  'kill',
  'ln',
  'ls',
  'mkdir',
  'mknod',
  'mount',
  'mv',
  'nc',
  'netstat',
  'nproc',
  'nslookup',
  'ping',
  'ping6',
  'printf',
  'ps',
  'pwd',
  'rm',
  'route',
  'sed',
  'seq',
  'sh',
  'sleep',
  'sort',
  'stat',
  'stty',
  'tail',
  'tar',
  'tee',
  'test',
  'top',
  'touch',
  'tr',
  'traceroute',
  'true',
  'udhcpc',
  'umount',
  'uname',
  'uptime',
  'vi',
  'wc',
  'wget',
  'whoami',
  'xargs',
  'yes',
]

export interface BusyboxImage {
  readonly command: readonly string[]
  /** More files for the image, e.g. `www/index.html`. */
  readonly files?: readonly ArchiveFile[]
  /** Default: Debian's busybox-static. */
  readonly binary?: string
  /** More of the image's configuration, e.g. `{ Env: ['A=1'], Volumes: { '/data': {} } }`. */
  readonly config?: Readonly<Record<string, unknown>>
}

/**
 * A `docker save` tar of a small image around the host's static busybox, so that tests on real engines need no registry.
 * Two facts of that binary: `wget` of a URL with a name crashes in an image without libc (use `nc` or an address), and
 * `udhcpc` needs a script of its own to configure anything.
 */
export async function busyboxImage(image: BusyboxImage): Promise<Buffer> {
  const binary = await readFile(image.binary ?? '/usr/bin/busybox')
  return await dockerArchive({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: {
      Env: ['PATH=/bin'],
      ...image.config,
      Cmd: image.command,
    },
    files: [
      ...['bin/', 'dev/', 'etc/', 'proc/', 'sys/', 'root/', 'var/'].map((path) => ({ path })),
      { path: 'tmp/', mode: 0o1777 },
      { path: 'bin/busybox', content: binary },
      ...applets.map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
      {
        path: 'etc/passwd',
        content: Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n'),
        mode: 0o644,
      },
      { path: 'etc/group', content: Buffer.from('root:x:0:\nnogroup:x:65534:\n'), mode: 0o644 },
      ...(image.files ?? []),
    ],
  })
}
