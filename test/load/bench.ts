import { parseArgs } from 'node:util'
import { kernelAtRest } from './at-rest.ts'
import { conditionsOf, lineOf, saveJson, tableOf, writePage } from './report.ts'
import { outcomeOf, type Outcome, type Row } from './row.ts'
import { burstRow } from './rows/burst.ts'
import { containerCreateRows } from './rows/container-create.ts'
import { containerRows } from './rows/containers.ts'
import { createRows } from './rows/create.ts'
import { dockerNetworkRow } from './rows/docker-network.ts'
import { getRateRow } from './rows/get-rate.ts'
import { listRow } from './rows/list.ts'
import { networkRows } from './rows/network.ts'
import { plugRow } from './rows/plug.ts'
import { portRows } from './rows/ports.ts'
import { containerMemoryRow, idleMemoryRow, readyRows } from './rows/ready-and-memory.ts'
import { throughputRow } from './rows/throughput.ts'
import { tokenRows } from './rows/token.ts'
import { uploadRow } from './rows/upload.ts'
import { Stand } from './stand.ts'

/**
 * `npm run bench`: every budget measured, beside the Docker Engine alone where it has a counterpart. Needs root and a
 * running engine; leaves nothing behind. Ends with 1 when a row could not be measured; a missed budget is only shown.
 */
const rows: readonly Row[] = [
  ...readyRows,
  idleMemoryRow,
  ...createRows,
  burstRow,
  ...containerCreateRows,
  ...containerRows,
  containerMemoryRow,
  ...tokenRows,
  ...networkRows,
  plugRow,
  ...portRows,
  dockerNetworkRow,
  throughputRow,
  listRow,
  getRateRow,
  uploadRow,
]

const usage = `npm run bench [-- flags]
  --quick        fewer repetitions, smaller lists: to see that it works, not to quote
  --only WORDS   only rows whose name contains WORDS
  --write        put the table into docs/benchmarks.md (a whole run only)
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const refusal = refusalOf()
if (refusal !== undefined) {
  process.stderr.write(`bench: ${refusal}\n`)
  process.exit(2)
}

const stand = new Stand({ quick: values.quick })
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write('bench: taking everything down\n')
    void takeDown().then((left) => process.exit(left ? 1 : 130))
  })
}

try {
  process.exitCode = await runAll()
} finally {
  if (await takeDown()) process.exitCode = 1
}

/** Says what could not be removed, and whether there was any. */
async function takeDown(): Promise<boolean> {
  const reasons = await stand.close()
  for (const reason of reasons) process.stderr.write(`bench: left behind: ${reason}\n`)
  return reasons.length > 0
}

function refusalOf(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces'
  if (values.write && (values.quick || values.only !== undefined))
    return '--write needs a whole run'
  if (chosen().length === 0) return `no row is called '${values.only ?? ''}'`
  return undefined
}

function chosen(): readonly Row[] {
  return rows.filter(({ what }) => what.toLowerCase().includes((values.only ?? '').toLowerCase()))
}

async function runAll(): Promise<number> {
  const conditions = conditionsOf(await stand.raw.client.version(), values.quick)
  const outcomes: Outcome[] = []
  for (const row of chosen()) {
    const lacking = await row.needs?.()
    process.stderr.write(`… ${row.what}${lacking === undefined ? '' : ` left out: ${lacking}`}\n`)
    if (lacking !== undefined) continue
    await kernelAtRest()
    const outcome = await outcomeOf(row, stand)
    outcomes.push(outcome)
    process.stderr.write(`${lineOf(outcome)}\n`)
  }
  const table = tableOf(outcomes, conditions)
  process.stdout.write(`${table}\n`)
  process.stderr.write(`all figures: ${saveJson(outcomes, conditions)}\n`)
  if (values.write) process.stderr.write(`written: ${writePage(table)}\n`)
  return outcomes.some((outcome) => 'error' in outcome) ? 1 : 0
}
