import { enableCompileCache, flushCompileCache } from 'node:module'
import { parseArgs } from 'node:util'
import { loadConfig } from './kernel/config/config.ts'
import { reasonOf } from './kernel/errors/cloud-error.ts'
import { createLog } from './kernel/log/log.ts'
import { compileCacheOf } from './launch.ts'

const SOON_MS = 2000

/** Starts the cloud in the foreground until SIGTERM or SIGINT. Flags win over environment and `stackyard.yaml`. */
const { values } = parseArgs({
  options: {
    config: { type: 'string' },
    data: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    'host-ip': { type: 'string' },
    'floating-range': { type: 'string' },
    'fixed-range': { type: 'string' },
    engines: { type: 'string' },
    'docker-socket': { type: 'string' },
    'ssh-port': { type: 'string' },
  },
})

const config = loadConfig({
  ...(values.config === undefined ? {} : { file: values.config }),
  flags: {
    data: values.data,
    'listen.host': values.host,
    'listen.port': values.port,
    'network.hostIp': values['host-ip'],
    'network.floatingRange': values['floating-range'],
    'network.fixedRange': values['fixed-range'],
    'engines.kind': values.engines,
    'engines.dockerSocket': values['docker-socket'],
    'ssh.port': values['ssh-port'],
  },
})
// for a start without `launchOf`, whose cache counts already: everything else is loaded after this line
enableCompileCache(compileCacheOf(config.data))
const { startCloud } = await import('./cloud.ts')
const log = createLog(config.log.level)
const started = performance.now()

try {
  const cloud = await startCloud(config, log)
  let stopping = false
  const stop = (signal: string): void => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping')
    cloud.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  log.info({ url: cloud.url, ms: Math.round(performance.now() - started) }, 'listening')
  process.stdout.write('Ready.\n') // a line for people and for tools that wait for it; stays the same for ever
  setTimeout(flushCompileCache, SOON_MS).unref() // else it is written at the end, which a kill -9 leaves out
} catch (error) {
  log.fatal({ err: error }, 'cannot start')
  process.stderr.write(`stackyard: cannot start: ${reasonOf(error)}\n`)
  process.exit(1)
}
