import { Readable } from 'node:stream'
import { Type } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import { reply, route, type Route } from '../../../../kernel/http/route.ts'
import type { PathStat } from '../../../../ports/container-archives.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { Text } from '../../wire/schemas.ts'
import { logAtOnce, targetFor } from '../act.ts'
import { onContainer } from '../on-container.ts'
import type { Container } from '../schema.ts'

const Path = Type.Object({ path: Text(4096, 1) })
const Put = Type.Object({ path: Text(4096, 1), data: Type.String() })

/** An archive in JSON is held in memory; `archive` below takes and gives streams of any length. */
const MOST_JSON_BYTES = 256 * 1024 * 1024

/** Files of a container, in and out, as tar. */
export function archiveRoutes(deps: ContainerDeps): readonly Route[] {
  return [getRoute(deps), putRoute(deps), ...streamRoutes(deps)]
}

function getRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('GET', '/get_archive', 'get_archive', 'A file or folder as a tar in JSON'),
    query: Type.Partial(Path),
    handle: async (ctx, req) => {
      const { path } = argumentsOf(req, Path)
      const { container } = await targetFor(ctx, deps, req.params.id, 'get_archive')
      const { stat, tar } = await deps.workload.getArchive(ctx, container.id, path)
      const body = inJson(tar, stat, atLeast(req.version, '1.25') ? 'base64' : 'utf8')
      return reply(200, Readable.from(body), { 'content-type': 'application/json' })
    },
  })
}

/** `{"data": …, "stat": …}` piece by piece. */
async function* inJson(
  tar: Readable,
  stat: PathStat,
  encoding: 'base64' | 'utf8',
): AsyncGenerator<string> {
  yield `{"stat":${JSON.stringify(statView(stat))},"data":"`
  let rest = Buffer.alloc(0)
  for await (const chunk of tar as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([rest, chunk])
    // base64 joins only at multiples of three bytes; text could break inside a letter
    const whole = encoding === 'base64' ? bytes.length - (bytes.length % 3) : 0
    rest = bytes.subarray(whole)
    if (whole > 0) yield bytes.subarray(0, whole).toString('base64')
    if (rest.length > MOST_JSON_BYTES)
      throw new Error('the archive is too long to be shown as text')
  }
  yield encoding === 'base64'
    ? rest.toString('base64')
    : JSON.stringify(rest.toString()).slice(1, -1)
  yield '"}'
}

/** As Docker shows it. */
function statView(stat: PathStat): Record<string, unknown> {
  return {
    name: stat.name,
    size: stat.size,
    mode: stat.engineMode,
    mtime: stat.mtime,
    linkTarget: stat.linkTarget,
  }
}

function putRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('POST', '/put_archive', 'put_archive', 'Unpack a tar in JSON into a folder'),
    ...argumentsOn(Put),
    maxBodyBytes: MOST_JSON_BYTES,
    handle: async (ctx, req) => {
      const { path, data } = argumentsOf(req, Put)
      const { container } = await targetFor(ctx, deps, req.params.id, 'put_archive')
      const tar = atLeast(req.version, '1.25') ? base64Bytes(data) : Buffer.from(data)
      await put(ctx, deps, container, path, Readable.from([tar]))
      return reply(200)
    },
  })
}

function base64Bytes(data: string): Buffer {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(data))
    throw cloudError('badRequest', 'The archive is not base64.')
  return Buffer.from(data, 'base64')
}

async function put(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  path: string,
  tar: Readable,
): Promise<void> {
  await deps.workload.putArchive(ctx, container.id, path, tar)
  if (container.kind === 'container') await logAtOnce(ctx, container, 'put_archive')
}

/** Ours: the tar itself, of any length. */
function streamRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('GET', '/archive', 'get_archive', 'A file or folder as a tar'),
      query: Path,
      handle: async (ctx, req) => {
        const { container } = await targetFor(ctx, deps, req.params.id, 'get_archive')
        const { stat, tar } = await deps.workload.getArchive(ctx, container.id, req.query.path)
        const about = Buffer.from(JSON.stringify(statView(stat))).toString('base64')
        return reply(200, tar, {
          'content-type': 'application/x-tar',
          'x-stackyard-path-stat': about,
        })
      },
    }),
    route({
      ...onContainer('PUT', '/archive', 'put_archive', 'Unpack a tar into a folder'),
      query: Path,
      streamed: true,
      status: 204,
      handle: async (ctx, req) => {
        const { container } = await targetFor(ctx, deps, req.params.id, 'put_archive')
        await put(ctx, deps, container, req.query.path, req.stream)
      },
    }),
  ]
}
