import type * as Http from 'node:http'
import type * as Https from 'node:https'

/**
 * `node:http` and `node:https`, for what they do; their types may be imported from themselves. Imported as ES modules both look
 * at every name that they export, and the names of the browser's WebSocket among them load undici: 60 ms and 7 MiB for nothing.
 */
export const nodeHttp: typeof Http = process.getBuiltinModule('node:http')
export const nodeHttps: typeof Https = process.getBuiltinModule('node:https')
