import { openrc, readAccess } from '../clouds-yaml.ts'
import { CommandError, defineCommand, textOption } from '../command.ts'
import { dataOption, readSettings } from '../settings.ts'
import { print } from '../terminal.ts'

export default defineCommand({
  name: 'openrc',
  summary: 'print shell variables for OpenStack clients: eval "$(./stackyard openrc)"',
  group: 'look',
  options: {
    ...dataOption,
    user: { type: 'string', value: 'demo|admin', help: 'whose (demo)' },
  },
  run: async (args) => {
    const user = textOption(args, 'user') ?? 'demo'
    if (user !== 'demo' && user !== 'admin') throw new CommandError('--user is demo or admin')
    print(openrc(readAccess(readSettings(args).data, user)))
    return 0
  },
})
