import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net'
import type { AuthContext, Connection, PublicKeyAuthContext } from 'ssh2'
import type { Logger } from '../log/log.ts'
import type { SshGuest, SshHost } from './guest.ts'
import { serveSession } from './session.ts'

export interface SshDoorConfig {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** A PEM file; made at the first start, so that clients recognise the door again. */
  readonly hostKeyFile: string
  readonly behind: SshHost
  readonly log: Logger
}

export interface SshDoor {
  readonly port: number
  /** Hangs up on everybody. */
  close(): Promise<void>
}

const MOST_CONNECTIONS = 500
const LOGIN_MS = 30_000

/** Opens the door. The protocol's library is loaded when the first visitor comes: most clouds have none. */
export async function openSshDoor(config: SshDoorConfig): Promise<SshDoor> {
  const sockets = new Set<Socket>()
  const hostKey = ensureHostKey(config.hostKeyFile)
  let protocol: Promise<(socket: Socket) => void> | undefined
  const server = createServer((socket) => {
    if (sockets.size >= MOST_CONNECTIONS) return socket.destroy()
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    protocol ??= loadProtocol(config, hostKey)
    protocol.then(
      (speak) => speak(socket),
      (error: unknown) => {
        config.log.error({ err: error }, 'the SSH library cannot be loaded')
        socket.destroy()
      },
    )
  })
  await listening(server, config)
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function listening(server: NetServer, { host, port }: SshDoorConfig): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function ensureHostKey(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8')
  // ECDSA: the one kind of key whose PEM both Node writes and the SSH library reads, and every client knows
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  })
  writeFileSync(file, privateKey, { mode: 0o600, flush: true })
  return privateKey
}

/** Those that Node does itself; ChaCha20, most clients' first choice, would be computed in JavaScript, ten times slower. */
const ciphers = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
] as const

async function loadProtocol(
  config: SshDoorConfig,
  hostKey: string,
): Promise<(socket: Socket) => void> {
  const { default: ssh2 } = await import('ssh2')
  const server = new ssh2.Server({
    hostKeys: [hostKey],
    ident: 'Stackyard',
    algorithms: { cipher: [...ciphers] },
  })
  const verify: Verify = (key, { blob, signature, hashAlgo }) => {
    const parsed = ssh2.utils.parseKey(publicKeyLine(key))
    if (parsed instanceof Error || blob === undefined || signature === undefined) return false
    // an Error, which is true to an `if`, comes back for a signature that cannot be read; the types do not say so
    const verdict: unknown = parsed.verify(blob, signature, hashAlgo)
    return verdict === true
  }
  server.on('connection', (client, { ip }) => receive(config, client, ip, verify))
  return (socket) => server.injectSocket(socket)
}

type Verify = (key: Buffer, context: PublicKeyAuthContext) => boolean

/** A key's blob begins with the length and name of its type (RFC 4253 §6.6). */
function publicKeyLine(blob: Buffer): string {
  const type = blob.length < 4 ? '' : blob.toString('latin1', 4, 4 + blob.readUInt32BE(0))
  return `${type} ${blob.toString('base64')}`
}

/** One connection, from its greeting to its end. */
function receive(config: SshDoorConfig, client: Connection, ip: string, verify: Verify): void {
  let guest: SshGuest | undefined
  const patience = setTimeout(() => client.end(), LOGIN_MS)
  client.on('error', (error) => config.log.debug({ err: error, ip }, 'an SSH connection broke'))
  client.on('authentication', (context) => {
    recognise(config, context, ip, verify).then(
      (found) => {
        if (found === 'unproven') return context.accept()
        if (found === undefined) return context.reject(['publickey'])
        guest = found
        context.accept()
      },
      (error: unknown) => {
        config.log.warn({ err: error, ip }, 'recognising an SSH visitor')
        context.reject()
      },
    )
  })
  client.on('ready', () => {
    clearTimeout(patience)
    guest?.entered()
    client.on('session', (accept) => {
      if (guest !== undefined) serveSession(accept(), guest, config.log)
    })
  })
  client.once('close', () => {
    clearTimeout(patience)
    guest?.left()
  })
}

/** A client first asks whether a key would do, without a signature («unproven»), and signs with it only then. */
async function recognise(
  config: SshDoorConfig,
  context: AuthContext,
  ip: string,
  verify: Verify,
): Promise<SshGuest | 'unproven' | undefined> {
  if (context.method !== 'publickey') return undefined
  const key = context.key.data
  const guest = await config.behind.recognise({ name: context.username, key, remoteAddress: ip })
  if (guest === undefined) return undefined
  if (context.signature === undefined) return 'unproven'
  return verify(key, context) ? guest : undefined
}
