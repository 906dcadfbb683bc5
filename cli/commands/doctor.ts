import { statfsSync } from 'node:fs'
import { freemem } from 'node:os'
import { dirname } from 'node:path'
import { existsSync } from 'node:fs'
import { checkPortIsFree, findCloud, readiness } from '../cloud.ts'
import { defineCommand, isSet } from '../command.ts'
import { reasonOf } from '../../src/kernel/errors/cloud-error.ts'
import { dockerApi } from '../docker-api.ts'
import { missingRequirements } from '../host/packages.ts'
import { dataOption, readSettings, type Settings } from '../settings.ts'
import { dim, green, print, yellow } from '../terminal.ts'

interface Finding {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly advice?: string | undefined
}

const MIB = 1024 * 1024
const WANTED_MEMORY_MIB = 512
const WANTED_DISK_MIB = 2048

export default defineCommand({
  name: 'doctor',
  summary: 'examine this host: what works, what does not, what to do about it',
  group: 'look',
  options: { ...dataOption, json: { type: 'boolean', help: 'print JSON' } },
  run: async (args) => {
    const asked = readSettings(args)
    const settings = findCloud(asked.data)?.settings ?? asked
    const { examineHost } = await import('../../src/engines/linux/doctor.ts')
    const { orphanFindings } = await import('../orphans.ts')
    const findings: Finding[] = [
      ...(await examineProgram(settings)),
      ...(await examineHost()),
      ...(await orphanFindings(settings)),
    ]
    if (isSet(args, 'json')) print(JSON.stringify(findings, undefined, 2))
    else for (const finding of findings) printFinding(finding)
    return findings.every((finding) => finding.ok) ? 0 : 1
  },
})

function printFinding({ name, ok, detail, advice }: Finding): void {
  print(`${ok ? green('✓') : yellow('!')} ${name.padEnd(20)} ${detail}`)
  if (!ok && advice !== undefined) print(`  ${' '.repeat(20)} ${dim(advice)}`)
}

async function examineProgram(settings: Settings): Promise<Finding[]> {
  const version = await dockerApi(settings.config.engines.dockerSocket).version()
  const missing = missingRequirements(version !== undefined).map((one) => one.package)
  const free = Math.round(freemem() / MIB)
  const disk = freeDiskMiB(settings.data)
  return [
    { name: 'Node', ok: true, detail: process.version },
    {
      name: 'Docker Engine',
      ok: version !== undefined,
      detail: version ?? `does not answer on ${settings.config.engines.dockerSocket}`,
      advice: './stackyard up starts it, and installs it where it is missing',
    },
    {
      name: 'packages',
      ok: missing.length === 0,
      detail: missing.length === 0 ? 'all there' : `missing: ${missing.join(', ')}`,
      advice: './stackyard up installs them',
    },
    {
      name: 'memory',
      ok: free >= WANTED_MEMORY_MIB,
      detail: `${free} MiB free`,
      advice: `${WANTED_MEMORY_MIB} MiB are good to have for the cloud and a few small servers`,
    },
    {
      name: 'disk',
      ok: disk >= WANTED_DISK_MIB,
      detail: `${disk} MiB free for ${settings.data}`,
      advice: `${WANTED_DISK_MIB} MiB are good to have; --data chooses another place`,
    },
    await examineListening(settings),
  ]
}

async function examineListening(settings: Settings): Promise<Finding> {
  const { host, port } = settings.config.listen
  const name = `port ${port}`
  const cloud = findCloud(settings.data)
  if (cloud !== undefined) {
    const seen = await readiness(settings)
    const detail = seen?.ready === true ? `the cloud is ready` : 'the cloud runs but is not ready'
    return { name, ok: seen?.ready === true, detail, advice: './stackyard logs says why' }
  }
  try {
    await checkPortIsFree(settings)
    return { name, ok: true, detail: `free on ${host}; the cloud does not run` }
  } catch (error) {
    return {
      name,
      ok: false,
      detail: reasonOf(error),
      advice: 'choose another: ./stackyard up --port N',
    }
  }
}

/** Of the nearest folder that exists. */
function freeDiskMiB(folder: string): number {
  if (!existsSync(folder) && folder !== dirname(folder)) return freeDiskMiB(dirname(folder))
  const { bavail, bsize } = statfsSync(folder)
  return Math.floor((bavail * bsize) / MIB)
}
