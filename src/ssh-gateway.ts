import type { App } from './kernel/app/app.ts'
import type { Config } from './kernel/config/config.ts'
import type { DataFolder } from './kernel/config/data-folder.ts'
import { reasonOf } from './kernel/errors/cloud-error.ts'
import type { Logger } from './kernel/log/log.ts'
import { openSshDoor, type SshDoor } from './kernel/ssh/door.ts'
import type { Services } from './services.ts'

/**
 * The second door of the cloud. A port that is taken is no reason not to start (several clouds on one host have the same default):
 * it is said in the log and in `/healthz`, and everything else works.
 */
export async function openGateway(
  config: Config,
  folder: DataFolder,
  app: App,
  services: Services,
  log: Logger,
): Promise<SshDoor | undefined> {
  const { enabled, port } = config.ssh
  if (!enabled) return undefined
  try {
    return await openSshDoor({
      host: config.listen.host,
      port,
      hostKeyFile: folder.file('keys', 'ssh-host-key'),
      behind: services.container.sshHost(app.ctx(), app.audit),
      log,
    })
  } catch (error) {
    log.warn(
      { reason: reasonOf(error), port },
      'no SSH gateway: set ssh.port to a free one, or ssh.enabled to false',
    )
    return undefined
  }
}
