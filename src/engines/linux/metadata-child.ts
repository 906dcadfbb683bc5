import { createServer } from 'node:net'

/**
 * Run by `metadata.ts` inside a network's namespace: opens the metadata address and hands the listening socket to the
 * parent, which says by disconnecting that it has it. Nothing else; a program of a few milliseconds.
 */
const [host = '169.254.169.254', port = '80'] = process.argv.slice(2)
const server = createServer({ pauseOnConnect: true })

server.on('error', (cause) => {
  process.stderr.write(`${cause.message}\n`)
  process.exitCode = 1
  process.disconnect()
})
process.on('disconnect', () => process.exit())
server.listen({ host, port: Number(port), backlog: 128 }, () => {
  process.send?.('listening', server)
})
