import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { join, resolve } from 'node:path'
import type { EngineVersion } from '../../src/engines/docker/client.ts'
import type { Budget, Outcome, Row, Unit } from './row.ts'

/** The run as people and programs read it: a Markdown table, a JSON file, and the page in the documentation. */
export interface Conditions {
  readonly date: string
  readonly kernel: string
  readonly engine: string
  readonly node: string
  readonly cores: number
  readonly cpu: string
  /** Before the first row: what else the machine was doing. */
  readonly load: number
  readonly quick: boolean
}

const root = resolve(import.meta.dirname, '../..')
const PAGE = join(root, 'docs/benchmarks.md')
const RESULTS = join(root, 'test/load/results')
/** From this load on, somebody else had part of the figures. */
const BUSY = 0.5
const BEGIN = '<!-- table: begin (npm run bench -- --write) -->'
const END = '<!-- table: end -->'

export function conditionsOf(engine: EngineVersion, quick: boolean): Conditions {
  return {
    date: new Date().toISOString().slice(0, 10),
    kernel: release(),
    engine: engine.Version,
    node: process.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    load: loadavg()[0] ?? 0,
    quick,
  }
}

export function tableOf(outcomes: readonly Outcome[], conditions: Conditions): string {
  const { date, kernel, engine, node, cores, cpu, load } = conditions
  return [
    `${date}${conditions.quick ? ', quick run' : ''}: Linux ${kernel}, Docker Engine ${engine}, Node ${node}, ${cores} cores (${cpu}), load before the run ${load.toFixed(1)}${load > BUSY ? ': **the machine was busy with other things**' : ''}.`,
    '',
    '| what | Stackyard | Docker Engine alone | compared | budget | | how often, and more |',
    '|---|---|---|---|---|---|---|',
    ...outcomes.map(lineOf),
  ].join('\n')
}

export function saveJson(outcomes: readonly Outcome[], conditions: Conditions): string {
  const rows = outcomes.map(({ row, ...outcome }) => ({
    what: row.what,
    unit: row.unit,
    budget: row.budget,
    ...outcome,
  }))
  const path = join(RESULTS, 'latest.json')
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(path, `${JSON.stringify({ conditions, rows }, undefined, 2)}\n`)
  return path
}

/** Puts the table where the last one stood; the words around it are people's. */
export function writePage(table: string): string {
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin)
    throw new Error(`${PAGE} has lost the marks between which the table stands`)
  writeFileSync(PAGE, `${page.slice(0, begin + BEGIN.length)}\n${table}\n${page.slice(end)}`)
  return PAGE
}

export function lineOf(outcome: Outcome): string {
  const { row } = outcome
  const wish = budgetText(row)
  if ('error' in outcome)
    return cells(row.what, '–', '–', '–', wish, '✗', `failed: ${outcome.error}`)
  const { measured, judged, kept } = outcome
  return cells(
    row.what,
    figure(measured.ours, row.unit),
    measured.raw === undefined ? '–' : figure(measured.raw, row.unit),
    row.budget.of === 'ours' ? '–' : compared(row.budget.of, judged, row.unit),
    wish,
    kept ? '✓' : '✗',
    measured.note ?? '',
  )
}

function budgetText({ budget, unit }: Row): string {
  const sign = budget.is === 'at most' ? '≤' : '≥'
  if (budget.of === 'ratio') return `${sign} ${budget.limit} ×`
  return `${sign} ${budget.limit.toLocaleString('en')}${spaced(unit)}${budget.of === 'difference' ? ' more' : ''}`
}

function compared(of: Exclude<Budget['of'], 'ours'>, judged: number, unit: Unit): string {
  return of === 'ratio'
    ? `${judged.toFixed(2)} ×`
    : `${judged < 0 ? '−' : '+'} ${figure(Math.abs(judged), unit)}`
}

/** Three digits that mean something, whatever the size. */
function figure(value: number, unit: Unit): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })}${spaced(unit)}`
}

const spaced = (unit: Unit): string => (unit.startsWith('/') ? unit : ` ${unit}`)

/** An engine's words may hold what a table cannot. */
function cells(...texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')).join(' | ')} |`
}
