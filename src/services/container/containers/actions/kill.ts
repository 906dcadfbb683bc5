import { constants } from 'node:os'
import { Type } from '../../../../kernel/schema/type.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { begin, containerFor, logAtOnce } from '../act.ts'
import { onContainer } from '../on-container.ts'

const Kill = Type.Object({ signal: Type.Optional(Type.String({ maxLength: 20 })) })

export function killRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('POST', '/kill', 'kill', 'Send its process a signal; SIGKILL by default'),
      ...argumentsOn(Kill),
      status: 202,
      handle: async (ctx, req) => {
        const { signal = 'SIGKILL' } = argumentsOf(req, Kill)
        const name = signalName(signal)
        const { container } = await containerFor(ctx, deps, req.params.id, 'kill')
        if (name === 'SIGKILL') {
          // the end, whatever its restart policy says
          const change = { power: 'stopped', graceSeconds: 0 } as const
          await begin(ctx, deps, container, { kind: 'kill', change })
          return
        }
        await deps.workload.kill(ctx, container.id, name)
        await logAtOnce(ctx, container, 'kill')
      },
    }),
  ]
}

/** `SIGHUP` from a name with or without SIG in any case, or a number. */
export function signalName(text: string): string {
  const known = Object.entries(constants.signals)
  const wanted = text.toUpperCase().replace(/^(SIG)?/, 'SIG')
  const found = known.find(([name, number]) => name === wanted || String(number) === text)
  if (found === undefined)
    throw cloudError('badRequest', `There is no signal ${text}: give a name or a number.`)
  return found[0]
}
