import { findCloud } from '../cloud.ts'
import { CommandError, defineCommand, isSet } from '../command.ts'
import { readSettings, startOptions } from '../settings.ts'
import { purge, stopIfRunning } from '../take-down.ts'
import { ask } from '../terminal.ts'
import { bringUp, tellWhereItIs } from '../up.ts'

// What costs time to make and belongs to the host rather than to the cloud: guest images, our dockerd, the settings.
const KEEP = ['guest', 'dockerd.pid', 'dockerd.log', 'stackyard.yaml']

export default defineCommand({
  name: 'reset',
  summary: 'throw everything in the cloud away and start a new, empty one',
  group: 'stop',
  options: startOptions,
  run: async (args) => {
    const asked = readSettings(args)
    const running = findCloud(asked.data)
    const question = `Remove all servers, networks, images and users of the cloud in ${asked.data}?`
    if (!isSet(args, 'yes') && !(await ask(question, false))) {
      throw new CommandError('nothing was removed', ['--yes answers the question beforehand'])
    }
    await stopIfRunning(asked.data)
    await purge(running?.settings ?? asked, KEEP)
    // The new one is started as the old one was, unless told otherwise now.
    const isChanged = asked.mainArgs.length > 2
    const settings = isChanged ? asked : (running?.settings ?? asked)
    tellWhereItIs(await bringUp(settings, isSet(args, 'yes')))
    return 0
  },
})
