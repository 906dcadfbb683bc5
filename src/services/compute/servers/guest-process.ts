import type { GuestFile } from '../../../ports/compute.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { PortInfo } from '../../network/face.ts'
import type { Process } from '../../workload/face.ts'
import { configDriveFiles } from '../metadata/config-drive.ts'
import type { Guest } from '../metadata/guest.ts'
import { splitCommand } from '../../../kernel/text/split-command.ts'

/** Names that a shell takes for a variable; other metadata keys stay metadata only. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What runs inside: the image's own command unless its property `os_command_line` says another, with the metadata as environment. */
export function processOf(
  guest: Guest,
  image: Pick<ImageInfo, 'properties'>,
  ports: readonly PortInfo[],
  personality: readonly GuestFile[],
): Process {
  const line = image.properties['os_command_line']
  const command = line === undefined ? [] : splitCommand(line)
  return {
    hostname: guest.hostname,
    ...(command.length === 0 ? {} : { command }),
    env: Object.fromEntries(Object.entries(guest.metadata).filter(([key]) => VARIABLE.test(key))),
    labels: { 'stackyard.server': guest.name },
    // a terminal keeps an image alive whose process is a shell, as a machine would stay on
    tty: true,
    files: [
      ...(guest.publicKey === null ? [] : [sshKey(guest.publicKey)]),
      ...(guest.configDrive ? configDriveFiles(guest, ports) : []),
      ...personality,
    ],
  }
}

function sshKey(publicKey: string): GuestFile {
  return {
    path: '/root/.ssh/authorized_keys',
    content: Buffer.from(publicKey.endsWith('\n') ? publicKey : `${publicKey}\n`).toString(
      'base64',
    ),
    mode: 0o600,
  }
}
