import { existsSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { createApp, type App } from './kernel/app/app.ts'
import { operatorService } from './kernel/app/operator.ts'
import type { Config } from './kernel/config/config.ts'
import { openDataFolder, type DataFolder } from './kernel/config/data-folder.ts'
import type { Db } from './kernel/db/db.ts'
import { openSqlite } from './kernel/db/sqlite.ts'
import type { ServiceDefinition } from './kernel/http/service.ts'
import type { Logger } from './kernel/log/log.ts'
import { ensureCredentials } from './credentials.ts'
import { openEngines, type Engines } from './engines.ts'
import { firstStart } from './first-start.ts'
import { openGateway } from './ssh-gateway.ts'
import { createServices, type Services } from './services.ts'

/** A running cloud. */
export interface Cloud {
  /** e.g. `http://127.0.0.1:5000` */
  readonly url: string
  /** Of the SSH gateway; undefined when there is none. */
  readonly sshPort: number | undefined
  readonly app: App
  readonly engines: Engines
  readonly folder: DataFolder
  readonly definitions: readonly ServiceDefinition[]
  /** Answers what is under way, then stops; what runs in the engines goes on. */
  close(): Promise<void>
}

export interface CloudOptions {
  readonly engines?: Engines
  readonly backOffMs?: (attempts: number) => number
}

export const VERSION = '0.1.0'

/** Config → database → engines → services → first start → listen. The port opens last: who can connect can work. */
export async function startCloud(
  config: Config,
  log: Logger,
  options: CloudOptions = {},
): Promise<Cloud> {
  const folder = openDataFolder(config.data)
  const closers: Closers = [() => folder.release()]
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) await close()
  }
  try {
    return { ...(await assemble(config, log, options, folder, closers)), close: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** What changes while the cloud starts, as `/readyz` tells it. */
interface State {
  ready: boolean
  /** The command that goes in by the SSH gateway, or `off`. */
  ssh: string
}

/** What has been opened so far, to be closed in the other order. */
type Closers = (() => Promise<void> | void)[]

async function assemble(
  config: Config,
  log: Logger,
  options: CloudOptions,
  folder: DataFolder,
  closers: Closers,
): Promise<Omit<Cloud, 'close'>> {
  const engines = options.engines ?? (await openEngines(config, folder, log))
  closers.push(
    async () => await engines.compute.close(),
    async () => await engines.network.close(),
  )
  const services = createServices(config, folder, engines, forwarders(config))
  const state: State = { ready: false, ssh: 'off' }
  const app = await wire(config, log, options, folder, engines, services, state)
  closers.push(async () => await app.close())
  const ctx = app.ctx()
  const passwords = ensureCredentials(config, folder, config.listen.port)
  await services.identity.start(ctx)
  services.compute.start(ctx)
  await services.container.start(ctx)
  await firstStart(ctx, config, folder, services, passwords)
  await app.runner.start()
  const stop = new AbortController()
  closers.push(() => stop.abort())
  services.workload
    .watch(ctx, stop.signal)
    .catch((error: unknown) => log.error({ err: error }, 'watching the engine'))
  const url = await app.http.listen(config.listen)
  const gateway = await openGateway(config, folder, app, services, log)
  closers.push(async () => await gateway?.close())
  if (gateway !== undefined) state.ssh = `ssh <container>@${config.listen.host} -p ${gateway.port}`
  if (config.listen.port === 0) ensureCredentials(config, folder, Number(new URL(url).port))
  state.ready = true
  closers.push(async () => await engines.dockerPlugin?.close())
  // nobody waits for it: until it is served, the door itself answers
  services.network
    .serveDocker(() => app.ctx())
    .catch((error: unknown) => log.error({ err: error }, 'serving the Docker Engine'))
  return { url, sshPort: gateway?.port, app, engines, folder, definitions: services.definitions }
}

async function wire(
  config: Config,
  log: Logger,
  options: CloudOptions,
  folder: DataFolder,
  engines: Engines,
  services: Services,
  state: State,
): Promise<App> {
  const operator = operatorService({
    version: VERSION,
    services: () => services.definitions,
    metrics: () => app.metrics,
    ready: () => state.ready,
    details: async () => ({ ssh: state.ssh, plugin: await pluginState(engines) }),
    health: async () => ({ compute: await healthOf(engines) }),
  })
  const app = await createApp({
    db: await openDatabase(config, folder),
    log,
    services: [operator, ...services.definitions],
    policyOverrides: policyOf(folder),
    authenticate: async (ctx, token) => await services.identity.face.authenticate(ctx, token),
    ...(options.backOffMs === undefined ? {} : { backOffMs: options.backOffMs }),
  })
  return app
}

async function openDatabase(config: Config, folder: DataFolder): Promise<Db> {
  const { url } = config.database
  if (url === undefined) return openSqlite(folder.file('stackyard.db'))
  const { openPostgres } = await import('./kernel/db/postgres.ts')
  return await openPostgres(url)
}

function policyOf(folder: DataFolder): Readonly<Record<string, string>> {
  const file = folder.file('policy.yaml')
  if (!existsSync(file)) return {}
  return (parse(readFileSync(file, 'utf8')) ?? {}) as Record<string, string> // a rule that is not text fails in parseRule
}

/** Who knows the names of the world: configured name servers, else the host's own. The host asks them, so loopback ones will do. */
function forwarders(config: Config): readonly string[] {
  if (config.network.dns.length > 0 || !existsSync('/etc/resolv.conf')) return config.network.dns
  const lines = readFileSync('/etc/resolv.conf', 'utf8').split('\n')
  return lines.flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
}

/** For people: how `docker network create -d` finds us, or why it does not. */
async function pluginState({ dockerPlugin }: Engines): Promise<string> {
  if (dockerPlugin === undefined) return 'off'
  const { open, detail } = await dockerPlugin.state()
  return open ? detail : `closed: ${detail}`
}

async function healthOf(engines: Engines): Promise<{ ok: boolean; detail: string }> {
  try {
    const info = await engines.compute.hostInfo()
    return { ok: true, detail: `${engines.compute.kind} ${info.engineVersion}` }
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}
