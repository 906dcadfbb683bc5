import { Transform, type Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { Type } from '../../../../kernel/schema/type.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { reply, route, type Route } from '../../../../kernel/http/route.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf } from '../../wire/arguments.ts'
import { BooleanLike, toBoolean } from '../../wire/schemas.ts'
import { targetFor } from '../act.ts'
import { onContainer } from '../on-container.ts'

const Logs = Type.Object(
  {
    stdout: Type.Optional(BooleanLike),
    stderr: Type.Optional(BooleanLike),
    timestamps: Type.Optional(BooleanLike),
    tail: Type.Optional(Type.String({ pattern: '^(all|[0-9]{1,9})$' })),
    since: Type.Optional(Type.String({ maxLength: 60 })),
    // ours: the answer goes on for as long as the container does, as plain text
    follow: Type.Optional(BooleanLike),
  },
  { additionalProperties: false },
)

/** What the process wrote. Zun puts it into one JSON text; with `follow` it comes as it is written. */
export function logRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('GET', '/logs', 'logs', 'What its process wrote; follow=true goes on'),
      query: Type.Partial(Logs),
      handle: async (ctx, req) => {
        const wish = argumentsOf(req, Logs)
        const { container, workload } = await targetFor(ctx, deps, req.params.id, 'logs')
        const follow = toBoolean(wish.follow)
        if (workload.seen === 'new')
          return follow ? reply(200, '', { 'content-type': 'text/plain; charset=utf-8' }) : ''
        const output = await deps.workload.followLogs(
          ctx,
          container.id,
          {
            stdout: toBoolean(wish.stdout ?? true),
            stderr: toBoolean(wish.stderr ?? true),
            timestamps: toBoolean(wish.timestamps),
            follow,
            ...(wish.tail === undefined || wish.tail === 'all' ? {} : { tail: Number(wish.tail) }),
            ...(wish.since === undefined ? {} : { since: sinceOf(wish.since) }),
          },
          ctx.signal,
        )
        return follow
          ? reply(200, output, { 'content-type': 'text/plain; charset=utf-8' })
          : reply(200, asJsonText(output), { 'content-type': 'application/json' })
      },
    }),
  ]
}

/** Seconds since the epoch, from such a number or Zun's `YYYY-MM-DD HH:MM:SS,ms` in UTC. */
export function sinceOf(text: string): number {
  if (/^[0-9]{1,12}(\.[0-9]+)?$/.test(text)) return Number(text)
  const iso = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:[,.](\d{1,6}))?Z?$/.exec(text)
  const at = iso === null ? Number.NaN : Date.parse(`${iso[1]}T${iso[2]}.${iso[3] ?? '0'}Z`)
  if (Number.isNaN(at))
    throw cloudError(
      'badRequest',
      `Invalid since '${text}': give seconds since the epoch or YYYY-MM-DD HH:MM:SS,ms.`,
    )
  return at / 1000
}

/** The same text as one JSON string, chunk by chunk: it may be long. */
export function asJsonText(text: Readable): Readable {
  const decoder = new StringDecoder('utf8')
  const escaped = (part: string): string => JSON.stringify(part).slice(1, -1)
  const transform = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, escaped(decoder.write(chunk)))
    },
    flush(done) {
      done(null, `${escaped(decoder.end())}"`)
    },
  })
  transform.push('"')
  text.once('error', (error) => transform.destroy(error))
  return text.pipe(transform)
}
