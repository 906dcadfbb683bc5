import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { buildContext } from '../build-context.ts'
import { readAccess } from '../clouds-yaml.ts'
import {
  CommandError,
  defineCommand,
  isSet,
  listOption,
  textOption,
  type Arguments,
} from '../command.ts'
import { Session } from '../session.ts'
import { dataOption, readSettings } from '../settings.ts'
import { dim, print, say, step } from '../terminal.ts'

interface Build {
  readonly uuid: string
  readonly status: string
  readonly status_reason: string | null
  readonly image_id: string | null
}

export default defineCommand({
  name: 'build',
  summary: 'make an image from a Dockerfile, in the cloud: build -t my-app .',
  group: 'use',
  usage: 'FOLDER',
  options: {
    ...dataOption,
    tag: { type: 'string', short: 't', value: 'NAME', help: 'name of the image' },
    file: { type: 'string', short: 'f', value: 'FILE', help: 'the Dockerfile (Dockerfile)' },
    'build-arg': {
      type: 'string',
      multiple: true,
      value: 'K=V',
      help: 'for ARG in the Dockerfile',
    },
    target: { type: 'string', value: 'STAGE', help: 'the stage to build (the last)' },
    'no-cache': { type: 'boolean', help: 'run every step anew' },
    pull: { type: 'boolean', help: 'fetch base images anew' },
  },
  run: async (args) => {
    const [folder, ...more] = args.words
    const tag = textOption(args, 'tag')
    if (folder === undefined || more.length > 0 || tag === undefined)
      throw new CommandError('build wants a name and a folder', ['./stackyard build -t my-app .'])
    const dockerfile = textOption(args, 'file') ?? 'Dockerfile'
    if (!existsSync(join(folder, dockerfile)))
      throw new CommandError(`there is no ${join(folder, dockerfile)}`)
    const session = await Session.login(readAccess(readSettings(args).data, 'demo'))
    const { build } = await step(`Sending ${folder}`, async () =>
      session.send<{ build: Build }>(
        'container',
        `/builds?${queryOf(args, tag, dockerfile)}`,
        await buildContext(resolve(folder), dockerfile),
        'application/x-tar',
      ),
    )
    return await follow(session, build.uuid, tag)
  },
})

function queryOf(args: Arguments, tag: string, dockerfile: string): string {
  const query = new URLSearchParams({ name: tag, dockerfile })
  for (const pair of listOption(args, 'build-arg')) query.append('arg', pair)
  const target = textOption(args, 'target')
  if (target !== undefined) query.set('target', target)
  if (isSet(args, 'no-cache')) query.set('no_cache', 'true')
  if (isSet(args, 'pull')) query.set('pull', 'true')
  return query.toString()
}

/** Shows what the build says until it is over. Ctrl-C cancels it. */
async function follow(session: Session, id: string, tag: string): Promise<number> {
  const cancel = (): void => {
    say(dim('cancelling the build'))
    session.post('container', `/builds/${id}/cancel`, {}).catch(() => process.exit(130)) // it was over already
  }
  process.once('SIGINT', cancel)
  const log = await session.open('container', `/builds/${id}/log?follow=true`)
  for await (const chunk of log as AsyncIterable<Buffer>) process.stderr.write(chunk)
  process.off('SIGINT', cancel)
  const build = await finished(session, id)
  if (build.status !== 'Succeeded')
    throw new CommandError(`the build ${build.status.toLowerCase()}: ${build.status_reason ?? ''}`)
  print(build.image_id ?? '')
  say(`Built ${tag}: ./stackyard run ${tag}`)
  return 0
}

const LOOK_MS = 200

async function finished(session: Session, id: string): Promise<Build> {
  for (;;) {
    const { build } = await session.get<{ build: Build }>('container', `/builds/${id}`)
    if (['Succeeded', 'Failed', 'Cancelled'].includes(build.status)) return build
    await wait(LOOK_MS)
  }
}
