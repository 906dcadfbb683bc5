import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readAccess } from '../clouds-yaml.ts'
import { defineCommand, isSet } from '../command.ts'
import { cleanUp } from '../demo/clean.ts'
import { NAMES } from '../demo/resources.ts'
import { Session } from '../session.ts'
import { tellStory, type DemoPlace } from '../demo/story.ts'
import { dockerApi } from '../docker-api.ts'
import { cloudTag } from '../purge.ts'
import { readSettings, startOptions, type Settings } from '../settings.ts'
import { bold, cyan, dim, print, say, seconds } from '../terminal.ts'
import { bringUp } from '../up.ts'

export default defineCommand({
  name: 'demo',
  summary:
    'start the cloud and tell the whole story: image, network, server, floating IP, web page',
  group: 'start',
  options: {
    ...startOptions,
    clean: { type: 'boolean', help: 'remove what the demo made' },
  },
  run: async (args) => {
    const began = performance.now()
    const { cloud, wasRunning } = await bringUp(readSettings(args), isSet(args, 'yes'))
    if (!wasRunning) say()
    const place = await demoPlace(cloud.settings)
    if (isSet(args, 'clean')) {
      await cleanUp(place)
      print(bold(`Nothing of the demo is left. ${dim(seconds(performance.now() - began))}`))
      return 0
    }
    await tellStory(place)
    print()
    print(bold(`That was a cloud, in ${seconds(performance.now() - began)} altogether.`))
    printWhatNext(cloud.settings)
    return 0
  },
})

async function demoPlace(settings: Settings): Promise<DemoPlace> {
  const folder = join(settings.data, 'demo')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return {
    session: await Session.login(readAccess(settings.data, 'demo')),
    docker: dockerApi(settings.config.engines.dockerSocket),
    folder,
    guestFolder: join(settings.data, 'guest'),
    tag: cloudTag(settings.data) ?? '',
  }
}

function printWhatNext({ data }: Settings): void {
  const lines: readonly [string, string][] = [
    ['docker ps', 'the server is a container on this host'],
    [
      'export OS_CLIENT_CONFIG_FILE=' + join(data, 'clouds.yaml') + ' OS_CLOUD=stackyard',
      'for any client',
    ],
    ['openstack server list', 'pip install python-openstackclient'],
    [
      `openstack server create --image cirros --flavor m1.tiny --network ${NAMES.network} --key-name ${NAMES.key} --wait box`,
      'a guest with SSH',
    ],
    ['./stackyard demo --clean', 'removes what the demo made'],
    ['./stackyard down', 'stops the cloud'],
  ]
  print()
  for (const [command, why] of lines) print(`  ${cyan(command)}  ${dim(`# ${why}`)}`)
}
