import { join } from 'node:path'
import { runAttached } from '../../src/kernel/exec/child.ts'
import { defineCommand } from '../command.ts'

export default defineCommand({
  name: 'test',
  summary: 'run all tests of this checkout (npm test); the ones on real engines need root',
  group: 'help',
  usage: '[-- arguments for npm test]',
  options: {},
  run: async (args) => {
    const root = join(import.meta.dirname, '..', '..')
    const words = args.words.length > 0 ? ['--', ...args.words] : []
    return await runAttached('sh', ['tools/with-node', 'npm', 'test', ...words], { cwd: root })
  },
})
