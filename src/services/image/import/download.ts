import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { nodeHttp, nodeHttps } from '../../../kernel/http/node-http.ts'

/**
 * Fetches what a tenant names by URL, from this process. A tenant must not reach through it what he could not reach
 * himself: only http and https, on the ports given, and never this machine's loopback or the link-local network (metadata
 * services). The check is on the address really connected to, at every redirect, so that a name cannot change its mind.
 */
export interface DownloadRules {
  readonly ports: readonly number[]
  /** Takes an IP address. */
  refuses(address: string): boolean
}

const SILENCE_MS = 30_000
const REDIRECTS = 5

const unreachable = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  unreachable.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  unreachable.addSubnet(net, bits, 'ipv6')

/** As in Glance only the usual ports. */
export const defaultDownloadRules: DownloadRules = {
  ports: [80, 443],
  refuses: (address) => unreachable.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
}

/** A URL that may be fetched; 400 with the reason otherwise. */
export function readUri(text: string, rules: DownloadRules): URL {
  if (!URL.canParse(text)) throw cloudError('badRequest', `'${text.slice(0, 120)}' is not a URI.`)
  const url = new URL(text)
  const secure = url.protocol === 'https:'
  if (!secure && url.protocol !== 'http:')
    throw cloudError(
      'badRequest',
      `URIs of the scheme ${url.protocol.slice(0, 20)} cannot be imported from: use http or https.`,
    )
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  if (!rules.ports.includes(port))
    throw cloudError(
      'badRequest',
      `Port ${port} cannot be imported from: use ${rules.ports.join(' or ')}.`,
    )
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && rules.refuses(host))
    throw cloudError('badRequest', `The address ${host} cannot be imported from.`)
  return url
}

/** The content behind the URL; throws what the user needs to know. */
export async function openUrl(
  url: URL,
  rules: DownloadRules,
  signal: AbortSignal,
): Promise<Readable> {
  let at = url
  for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
    const answer = await request(at, rules, signal)
    const status = answer.statusCode ?? 0
    if (status === 200) return answer
    answer.destroy()
    const { location } = answer.headers
    if (status < 300 || status > 399 || location === undefined)
      throw new Error(`${at.host} answered ${status} ${answer.statusMessage ?? ''}`.trim())
    at = readUri(new URL(location, at).href, rules)
  }
  throw new Error(`${url.host} redirects more than ${REDIRECTS} times`)
}

async function request(
  url: URL,
  rules: DownloadRules,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { get } = url.protocol === 'https:' ? nodeHttps : nodeHttp
  return await new Promise((resolve, reject) => {
    const sent = get(
      url,
      {
        agent: false,
        signal,
        timeout: SILENCE_MS,
        headers: { 'User-Agent': 'stackyard-image-import' },
        lookup: guardedLookup(rules),
      },
      resolve,
    )
    sent.once('timeout', () =>
      sent.destroy(new Error(`${url.host} was silent for ${SILENCE_MS / 1000} s`)),
    )
    sent.once('error', (cause) => reject(new Error(`downloading from ${url.host}`, { cause })))
  })
}

type Answer = (error: Error | null, address: string | LookupAddress[], family?: number) => void

function guardedLookup(rules: DownloadRules) {
  return (host: string, options: LookupOptions, answer: Answer): void => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return answer(error, [])
      const allowed = found.filter(({ address }) => !rules.refuses(address))
      const [first] = allowed
      if (first === undefined)
        return answer(
          new Error(`the name ${host} stands for an address that cannot be imported from`),
          [],
        )
      if (options.all === true) return answer(null, allowed)
      return answer(null, first.address, first.family)
    })
  }
}
