import { findCloud } from '../cloud.ts'
import { CommandError, defineCommand, isSet } from '../command.ts'
import { dataOption, readSettings, yesOption } from '../settings.ts'
import { purge, stopIfRunning } from '../take-down.ts'
import { ask, say } from '../terminal.ts'

export default defineCommand({
  name: 'down',
  summary: 'stop the cloud; its servers keep running (--purge removes everything)',
  group: 'stop',
  options: {
    ...dataOption,
    ...yesOption,
    purge: {
      type: 'boolean',
      help: 'also remove servers, networks, images, volumes and the data folder',
    },
  },
  run: async (args) => {
    const asked = readSettings(args)
    const settings = findCloud(asked.data)?.settings ?? asked
    if (isSet(args, 'purge')) {
      const question = `Remove this cloud with everything in it, and ${settings.data}?`
      // Nobody to ask and no --yes: what cannot be undone is not done.
      if (!isSet(args, 'yes') && !(await ask(question, false))) {
        throw new CommandError('nothing was removed', ['--yes answers the question beforehand'])
      }
      await stopIfRunning(settings.data)
      await purge(settings)
      say('Nothing is left.')
      return 0
    }
    const wasRunning = await stopIfRunning(settings.data)
    if (!wasRunning) say('The cloud does not run.')
    else {
      say('Its servers keep running, with their networks; ./stackyard up takes them over again.')
      say('./stackyard down --purge removes them and everything else.')
    }
    return 0
  },
})
