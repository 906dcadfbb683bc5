import { parseArgs } from 'node:util'
import { Door } from './door.ts'

/** The door's process: `node main.ts --folder … --plugins … --name … --version …`. Started by the cloud, outlives it. */
const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '' },
    plugins: { type: 'string', default: '' },
    name: { type: 'string', default: '' },
    version: { type: 'string', default: '' },
  },
})

// a terminal that closes, or a pipe that nobody reads any more, is no reason to stop
process.on('SIGHUP', () => undefined)
await new Door({
  ...values,
  say: (line) => process.stdout.write(`${new Date().toISOString()} ${line}\n`),
  closed: () => process.exit(),
}).open()
