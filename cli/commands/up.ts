import { baseUrl, findCloud, forgetPid, launchFor, writePid } from '../cloud.ts'
import { CommandError, defineCommand, isSet } from '../command.ts'
import { runAttached } from '../../src/kernel/exec/child.ts'
import { readSettings, startOptions, type Settings } from '../settings.ts'
import { say } from '../terminal.ts'
import { bringUp, prepareHost, tellWhereItIs } from '../up.ts'

export default defineCommand({
  name: 'up',
  summary: 'start the cloud; installs what is missing, does nothing when it runs already',
  group: 'start',
  options: {
    ...startOptions,
    foreground: {
      type: 'boolean',
      help: 'stay in front and log here, for an init system or a container',
    },
  },
  run: async (args) => {
    const settings = readSettings(args)
    if (isSet(args, 'foreground')) return await runInFront(settings, isSet(args, 'yes'))
    tellWhereItIs(await bringUp(settings, isSet(args, 'yes')))
    return 0
  },
})

async function runInFront(settings: Settings, yes: boolean): Promise<number> {
  const running = findCloud(settings.data)
  if (running !== undefined) {
    const advice = ['./stackyard down stops it']
    throw new CommandError(`the cloud runs already in process ${running.pid}`, advice)
  }
  await prepareHost(settings, yes)
  say(`Starting on ${baseUrl(settings)}; Ctrl-C stops the cloud and leaves its servers running.`)
  try {
    const { args, env } = launchFor(settings)
    return await runAttached(process.execPath, args, {
      env,
      started: (pid) => writePid(settings.data, pid),
    })
  } finally {
    forgetPid(settings.data)
  }
}
