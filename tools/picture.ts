import { readFile, writeFile } from 'node:fs/promises'

/**
 * Turns captured terminal output into an SVG for the README: `node tools/picture.ts CAPTURE.txt OUT.svg [TITLE]`. Capture with
 * `script -qc './stackyard demo' CAPTURE.txt`, so that colours are in it. The picture is text, can be selected, and follows the
 * reader's light or dark scheme.
 */
export interface Piece {
  readonly text: string
  /** CSS classes: `b` bold, `d` dim, `c31`…`c36` colours. */
  readonly classes: readonly string[]
}

const ESC = '\u001b'
const ESCAPE = `${ESC}[`
// Any control sequence but «m», which sets colours; the second one catches just those.
const CURSOR_MOVES = new RegExp(`${ESC}\\[[0-9;?]*[A-LN-Za-ln-z]`, 'g')
const COLOUR_CODES = new RegExp(`(${ESC}\\[[0-9;]*m)`)
const COLUMNS = 126
const CELL_WIDTH = 7.85
const LINE_HEIGHT = 18
const MARGIN = 18
const TITLE_HEIGHT = 36

const STYLE = `
  .frame { fill: #fbfbfa; stroke: #d5d5d0 } .bar { fill: #efefec }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #24292f; white-space: pre }
  .title { fill: #6b7280; text-anchor: middle } .b { font-weight: 700 } .d { fill: #6b7280 }
  .c31 { fill: #b42318 } .c32 { fill: #1a7f37 } .c33 { fill: #8a5a00 } .c34 { fill: #0550ae } .c35 { fill: #8250df } .c36 { fill: #0b6e8a }
  @media (prefers-color-scheme: dark) {
    .frame { fill: #14171c; stroke: #30363d } .bar { fill: #1d2127 } text { fill: #e2e5e9 } .title, .d { fill: #8b949e }
    .c31 { fill: #ff7b72 } .c32 { fill: #56d364 } .c33 { fill: #e3b341 } .c34 { fill: #79c0ff } .c35 { fill: #d2a8ff } .c36 { fill: #5ecbe5 }
  }`

export function terminalSvg(capture: string, title: string): string {
  const lines = screenLines(capture).flatMap((line) => wrap(parseColours(line), COLUMNS))
  const width = Math.ceil(COLUMNS * CELL_WIDTH + 2 * MARGIN)
  const height = TITLE_HEIGHT + lines.length * LINE_HEIGHT + MARGIN
  const rows = lines.map((pieces, index) => {
    const y = TITLE_HEIGHT + (index + 1) * LINE_HEIGHT
    return `  <text x="${MARGIN}" y="${y}">${pieces.map(span).join('')}</text>`
  })
  const dots = [0, 1, 2].map(
    (n) => `<circle cx="${MARGIN + 4 + n * 18}" cy="13" r="5" class="c${31 + n}"/>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">`,
    `  <style>${STYLE}\n  circle.c31 { fill: #ec6a5e } circle.c32 { fill: #f4bf4f } circle.c33 { fill: #61c554 }</style>`,
    `  <rect class="frame" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="9"/>`,
    `  <path class="bar" d="M1 26V10a9 9 0 0 1 9-9h${width - 20}a9 9 0 0 1 9 9v16z"/>`,
    `  ${dots.join('')}`,
    `  <text class="title" x="${width / 2}" y="18">${escape(title)}</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n')
}

/** What stands on the screen in the end: a line that was drawn over several times counts as drawn last. */
function screenLines(capture: string): string[] {
  const lines = capture
    .replace(/^Script started.*\n/, '')
    .replace(/\n?Script done.*\s*$/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').split('\r').at(-1) ?? '')
    // Every control sequence but colours moves the cursor or clears, which is of no use here.
    .map((line) => line.replaceAll(CURSOR_MOVES, ''))
  while (lines.at(-1)?.trim() === '') lines.pop()
  while (lines[0]?.trim() === '') lines.shift()
  return lines
}

export function parseColours(line: string): Piece[] {
  const pieces: Piece[] = []
  let classes: string[] = []
  for (const part of line.split(COLOUR_CODES)) {
    const code = part.startsWith(ESCAPE) ? part.slice(ESCAPE.length, -1) : undefined
    if (code === undefined) {
      if (part !== '') pieces.push({ text: part, classes })
      continue
    }
    for (const number of code.split(';').map(Number)) {
      if (number === 0) classes = []
      else if (number === 1) classes = [...classes, 'b']
      else if (number === 2) classes = [...classes, 'd']
      else if (number >= 31 && number <= 36) classes = [...classes, `c${number}`]
    }
  }
  return pieces
}

/** Breaks a line at the right edge, as a terminal does. */
function wrap(pieces: readonly Piece[], columns: number): Piece[][] {
  const rows: Piece[][] = [[]]
  let room = columns
  for (const piece of pieces) {
    const letters = Array.from(piece.text)
    while (letters.length > 0) {
      if (room === 0) {
        rows.push([])
        room = columns
      }
      const text = letters.splice(0, room).join('')
      room -= Array.from(text).length
      rows.at(-1)?.push({ ...piece, text })
    }
  }
  return rows
}

function span({ text, classes }: Piece): string {
  const inner = escape(text)
  return classes.length === 0 ? inner : `<tspan class="${classes.join(' ')}">${inner}</tspan>`
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

if (import.meta.main) {
  const [capture, target, title = 'sudo ./stackyard demo'] = process.argv.slice(2)
  if (capture === undefined || target === undefined) {
    throw new Error('usage: node tools/picture.ts CAPTURE.txt OUT.svg [TITLE]')
  }
  await writeFile(target, terminalSvg(await readFile(capture, 'utf8'), title))
}
