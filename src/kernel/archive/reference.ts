import { cloudError } from '../errors/cloud-error.ts'

/** The name of an image in a registry, taken apart as Docker does. */
export interface ImageReference {
  /** `docker.io` unless the name begins with another server. */
  readonly server: string
  /** With its server unless that is Docker's own; without tag: `busybox`, `registry.example.org:5000/team/app`. */
  readonly name: string
  /** Exactly one of the two. */
  readonly tag?: string
  readonly digest?: string
  /** Name and tag or digest; never to be taken for an image's id. */
  readonly whole: string
}

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,}$/
const SERVER = /^[A-Za-z0-9.-]+(?::\d+)?$/
/** `sha256:4f…` would be taken for the beginning of an image's id, and so lead to anybody's image. */
const DIGEST_WORDS = new Set(['sha256', 'sha384', 'sha512'])
const DOCKER_HUB = new Set(['docker.io', 'index.docker.io'])

/** `badRequest` when it is no name of an image. Without tag and digest it means `latest`. */
export function parseImageReference(text: string): ImageReference {
  const [named = '', digest, ...more] = text.split('@')
  const colon = named.lastIndexOf(':')
  const tagged = colon > named.lastIndexOf('/')
  const path = tagged ? named.slice(0, colon) : named
  const tag = tagged ? named.slice(colon + 1) : 'latest'
  const { server, rest } = splitServer(path)
  const wrong =
    more.length > 0 ||
    text.length > 255 ||
    !SERVER.test(server) ||
    !NAME.test(rest) ||
    DIGEST_WORDS.has(rest.replace(/^library\//, '')) ||
    !TAG.test(tag) ||
    (digest !== undefined && !DIGEST.test(digest))
  if (wrong) throw cloudError('badRequest', `'${text}' is not the name of an image`)
  const hub = DOCKER_HUB.has(server)
  const name = hub ? rest.replace(/^library\//, '') : `${server}/${rest}`
  const where = { server: hub ? 'docker.io' : server, name }
  return digest === undefined
    ? { ...where, tag, whole: `${name}:${tag}` }
    : { ...where, digest, whole: `${name}@${digest}` }
}

/** The first part is a server when it looks like one, as Docker decides it. */
function splitServer(path: string): { server: string; rest: string } {
  const slash = path.indexOf('/')
  const first = path.slice(0, slash)
  const isServer = slash > 0 && (/[.:]/.test(first) || first === 'localhost')
  return isServer
    ? { server: first, rest: path.slice(slash + 1) }
    : { server: 'docker.io', rest: path }
}
