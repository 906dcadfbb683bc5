import { pino, type Logger } from 'pino'

export type { Logger } from 'pino'

/** Keys whose values never reach a log line, wherever they stand in an object. */
const secrets = [
  'password',
  'original_password',
  'adminPass',
  'secret',
  'token',
  'private_key',
  'user_data',
  'personality',
  'authorization',
  'x-auth-token',
  'x-subject-token',
  'X-Auth-Token',
]
const anywhere = (key: string): string[] =>
  [key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`].map(quoted)
const quoted = (path: string): string =>
  path.replace(/[^.*]*-[^.*]*/g, (part) => `["${part}"]`).replaceAll('.[', '[')

/** JSON lines on stdout; `level` is pino's. */
export function createLog(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secrets.flatMap(anywhere), censor: '***' },
  })
}

export function silentLog(): Logger {
  return pino({ level: 'silent' })
}
