import { Type } from 'typebox'

const ServerId = Type.Object({ id: Type.String() })

/** What every `POST /servers/{id}/action` route begins with. */
export function serverAction<A extends string>(action: A) {
  return {
    method: 'POST',
    path: '/v2.1/servers/:id/action',
    params: ServerId,
    action,
    summary: `Server action ${action}`,
  } as const
}
