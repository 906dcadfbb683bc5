import type { IncomingMessage } from 'node:http'
import { cloudError } from '../errors/cloud-error.ts'
import { readJson } from './body.ts'
import { within } from './microversion.ts'
import type { Route } from './route.ts'

/** Of the routes that share a method and path: the version decides first, then, among `action` routes, the body's one key. */
export async function chooseRoute(
  routes: readonly Route[],
  version: string,
  raw: IncomingMessage,
): Promise<{ readonly route: Route; readonly body: unknown }> {
  const fitting = routes.filter(
    ({ since, until }) => version === '' || within(version, since, until),
  )
  const [first] = fitting
  if (first === undefined) {
    throw cloudError('notFound', `The resource could not be found in API version ${version}.`)
  }
  if (first.streamed === true) return { route: first, body: undefined }
  const body = await readJson(raw, {
    ...(first.maxBodyBytes === undefined ? {} : { maxBytes: first.maxBodyBytes }),
    ...(first.accepts === undefined ? {} : { accepts: first.accepts }),
  })
  if (first.action !== undefined) return chooseAction(fitting, body)
  if (first.body === undefined) return { route: first, body: undefined }
  if (body === undefined && first.bodyOptional !== true) {
    throw cloudError('badRequest', 'The request needs a JSON body.')
  }
  return { route: first, body }
}

function chooseAction(
  routes: readonly Route[],
  body: unknown,
): { readonly route: Route; readonly body: unknown } {
  const entries =
    typeof body === 'object' && body !== null && !Array.isArray(body) ? Object.entries(body) : []
  const [entry] = entries
  if (entry === undefined || entries.length > 1) {
    throw cloudError('badRequest', 'The body must hold exactly one action.')
  }
  const [name, argument] = entry
  const route = routes.find(({ action }) => action === name)
  if (route === undefined) {
    const known = routes.map(({ action }) => action).join(', ')
    throw cloudError(
      'badRequest',
      `There is no such action: ${name.slice(0, 60)}. There are: ${known}.`,
    )
  }
  return { route, body: argument as unknown }
}
