import { setTimeout as wait } from 'node:timers/promises'
import { attach } from '../attach.ts'
import { readAccess } from '../clouds-yaml.ts'
import { CommandError, defineCommand, isSet, type Arguments } from '../command.ts'
import { containerWish } from '../container-wish.ts'
import { Session } from '../session.ts'
import { dataOption, readSettings } from '../settings.ts'
import { dim, print, say, step } from '../terminal.ts'

interface Container {
  readonly uuid: string
  readonly name: string
  readonly status: string
  readonly status_reason: string | null
  readonly status_detail: string | null
  readonly exit_code?: number | null
}

export default defineCommand({
  name: 'run',
  summary: 'run a container in the cloud: run -p 8080:8080 my-app',
  group: 'use',
  usage: 'IMAGE [COMMAND …]',
  takesCommand: true,
  options: {
    ...dataOption,
    detach: { type: 'boolean', short: 'd', help: 'print its id and leave it running' },
    interactive: { type: 'boolean', short: 'i', help: 'type to it' },
    tty: { type: 'boolean', short: 't', help: 'give it a terminal' },
    publish: {
      type: 'string',
      short: 'p',
      multiple: true,
      value: 'PORT:PORT',
      help: 'port of this host : its port',
    },
    env: { type: 'string', short: 'e', multiple: true, value: 'K=V', help: 'environment' },
    label: { type: 'string', short: 'l', multiple: true, value: 'K=V', help: 'label' },
    name: { type: 'string', value: 'NAME', help: 'its name' },
    network: {
      type: 'string',
      value: 'NETWORK',
      help: 'network to join (the first of the project)',
    },
    hostname: { type: 'string', value: 'NAME', help: 'its host name' },
    workdir: { type: 'string', short: 'w', value: 'FOLDER', help: 'where its command runs' },
    entrypoint: { type: 'string', value: 'PROGRAM', help: "instead of the image's own" },
    cpus: { type: 'string', value: 'N', help: 'limit, parts allowed' },
    memory: { type: 'string', short: 'm', value: 'SIZE', help: 'limit, e.g. 256m' },
    restart: {
      type: 'string',
      value: 'POLICY',
      help: 'no, always, on-failure[:N], unless-stopped',
    },
    rm: { type: 'boolean', help: 'remove it when it ends' },
  },
  run: async (args) => {
    const [reference, ...command] = args.words
    if (reference === undefined)
      throw new CommandError('run wants an image', ['./stackyard run -p 8080:8080 my-app'])
    const session = await Session.login(readAccess(readSettings(args).data, 'demo'))
    const body = containerWish(args, await imageNamed(session, reference), command)
    const made = await step(`Starting ${reference}`, async () => {
      const { uuid } = await session.post<Container>('container', '/containers?run=true', body)
      return await begun(session, uuid)
    })
    if (isSet(args, 'detach')) {
      print(made.uuid)
      return 0
    }
    return await stayWith(session, args, made)
  },
})

/** An image of Glance wins over one that the Docker Engine knows or can fetch. */
async function imageNamed(
  session: Session,
  reference: string,
): Promise<{ reference: string; driver: 'glance' | 'docker' }> {
  const query = new URLSearchParams({ name: reference, status: 'active', sort: 'created_at:desc' })
  const { images } = await session.get<{ images: { id: string }[] }>(
    'image',
    `/images?${query.toString()}`,
  )
  const [newest] = images
  return newest === undefined
    ? { reference, driver: 'docker' }
    : { reference: newest.id, driver: 'glance' }
}

const LOOK_MS = 100

/** From «Creating» to whatever follows; a failure is told with its reason. */
async function begun(session: Session, id: string): Promise<Container> {
  for (;;) {
    const now = await session.get<Container>('container', `/containers/${id}`)
    if (now.status === 'Error')
      throw new CommandError(`the container failed: ${now.status_reason ?? 'no reason given'}`, [
        `openstack appcontainer delete ${now.name}`,
      ])
    if (now.status !== 'Creating') return now
    await wait(LOOK_MS)
  }
}

/** In front until it ends, as `docker run` without -d: its output here, Ctrl-C stops it, its exit code is ours. */
async function stayWith(session: Session, args: Arguments, made: Container): Promise<number> {
  const path = `/containers/${made.uuid}`
  if (isSet(args, 'interactive')) {
    const url = await session.get<string>('container', `${path}/attach`)
    await attach(url, ({ rows, columns }) => {
      session.post('container', `${path}/resize?h=${rows}&w=${columns}`, {}).catch(() => undefined) // it has just ended
    })
  } else {
    const stop = (): void => {
      say(dim(`stopping ${made.name}`))
      session.post('container', `${path}/stop?timeout=10`, {}).catch(() => undefined) // it has just ended
    }
    process.on('SIGINT', stop)
    const log = await session.open('container', `${path}/logs?follow=true`)
    for await (const chunk of log as AsyncIterable<Buffer>) process.stdout.write(chunk)
    process.off('SIGINT', stop)
  }
  return await exitCodeOf(session, path, made.name)
}

const ENDING_LOOKS = 50

/** The cloud hears of the end a moment after the output has ended; a container that removed itself has no code any more. */
async function exitCodeOf(session: Session, path: string, name: string): Promise<number> {
  for (let looks = 0; looks < ENDING_LOOKS; looks++) {
    if (!(await session.exists('container', path))) return 0
    const now = await session.get<Container>('container', path)
    if (now.status !== 'Running') return now.exit_code ?? 0
    await wait(LOOK_MS)
  }
  say(dim(`${name} runs on`)) // its terminal was left with ctrl-p ctrl-q
  return 0
}
