import { Type } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { talk, TERMINAL_PROTOCOLS } from '../../../kernel/http/terminal-socket.ts'
import { mustBeSameOrigin, websocket } from '../../../kernel/http/websocket.ts'
import type { ContainerDeps } from '../deps.ts'
import { Text } from '../wire/schemas.ts'
import { redeem } from './consoles.ts'

const Query = Type.Object({
  token: Text(200),
  uuid: Text(200),
  exec_id: Type.Optional(Text(200)),
})

/** The websocket behind the URLs that `attach` and `execute` answer: the token in it is all the right that is needed. */
export function consoleRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/console',
      policy: null,
      query: Query,
      summary: 'Talk to a container or to a command in it (websocket)',
      handle: async (ctx, { query, headers }) => {
        mustBeSameOrigin(headers)
        const pass = await redeem(ctx, query.token)
        if (pass === undefined || pass.containerId !== query.uuid)
          throw cloudError(
            'unauthorized',
            'The token of this console is unknown, was used before or is too old: ask for a new one.',
          )
        const stream = await (pass.execId === undefined
          ? deps.workload.attach(ctx, pass.containerId)
          : deps.workload.startExec(ctx, pass.containerId, pass.execId))
        return websocket(
          (socket) =>
            talk(socket, {
              stdin: stream.stdin,
              outputs: [stream.stdout, stream.stderr],
              close: () => stream.close(),
            }),
          TERMINAL_PROTOCOLS,
        )
      },
    }),
  ]
}
