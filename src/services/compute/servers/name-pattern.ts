/**
 * Nova's `name` and `ip` filters are regular expressions from strangers, run against every server of a project. JavaScript's
 * own engine backtracks: one crafted filter would hold the whole process. This one runs all alternatives side by side, in time
 * pattern × text. It knows literals, `.`, classes, groups, `|`, `* + ?`, `{m,n}`, `^ $` and `\d \w \s`.
 */
export type Matcher = (text: string) => boolean

type Test = (letter: string) => boolean

/** An instruction of the program: eat a letter, fork, or assert an edge of the text. */
type Op =
  | { readonly op: 'eat'; readonly test: Test }
  | { op: 'fork'; a: number; b: number }
  | { readonly op: 'edge'; readonly at: 'start' | 'end' }
  | { readonly op: 'match' }

const MAX_OPS = 2000

/** Matches anywhere in the text, ignoring case; what is no expression we know is looked for as it stands. */
export function patternMatcher(pattern: string): Matcher {
  try {
    const program = new Compiler(pattern.toLowerCase()).compile()
    return (text) => run(program, text.toLowerCase())
  } catch (error) {
    if (!(error instanceof NotAPattern)) throw error
    const literal = pattern.toLowerCase()
    return (text) => text.toLowerCase().includes(literal)
  }
}

class NotAPattern extends Error {}

/** Recursive descent straight to the program. */
class Compiler {
  readonly #source: readonly string[]
  #at = 0

  constructor(pattern: string) {
    this.#source = Array.from(pattern)
  }

  compile(): readonly Op[] {
    const program = this.#alternatives()
    if (this.#at < this.#source.length) throw new NotAPattern()
    return [...program, { op: 'match' }]
  }

  /** Programs are relocatable: `fork` holds offsets relative to itself. */
  #alternatives(): Op[] {
    let program = this.#sequence()
    while (this.#take('|')) {
      const other = this.#sequence()
      program = sized([
        { op: 'fork', a: 1, b: program.length + 2 },
        ...program,
        jump(other.length + 1),
        ...other,
      ])
    }
    return program
  }

  #sequence(): Op[] {
    const program: Op[] = []
    for (
      let next = this.#peek();
      next !== undefined && next !== '|' && next !== ')';
      next = this.#peek()
    )
      program.push(...this.#repeated())
    return sized(program)
  }

  #repeated(): Op[] {
    let part = this.#atom()
    for (;;) {
      if (this.#take('*')) part = star(part)
      else if (this.#take('+')) part = [...part, ...star(part)]
      else if (this.#take('?')) part = optional(part)
      else if (this.#peek() === '{') part = this.#counted(part)
      else return sized(part)
    }
  }

  #counted(part: Op[]): Op[] {
    const rest = this.#source.slice(this.#at).join('')
    const count = /^\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/.exec(rest)
    if (count === null) throw new NotAPattern()
    this.#at += count[0].length
    const least = Number(count[1])
    const most =
      count[2] === undefined ? least : count[3] === undefined ? undefined : Number(count[3])
    if (most !== undefined && most < least) throw new NotAPattern()
    const program = Array.from({ length: least }, () => part).flat()
    const tail =
      most === undefined
        ? star(part)
        : Array.from({ length: most - least }, () => optional(part)).flat()
    return sized([...program, ...tail])
  }

  #atom(): Op[] {
    const letter = this.#source[this.#at++]
    switch (letter) {
      case '.':
        return [{ op: 'eat', test: () => true }]
      case '^':
        return [{ op: 'edge', at: 'start' }]
      case '$':
        return [{ op: 'edge', at: 'end' }]
      case '(': {
        if (this.#take('?') && !this.#take(':')) throw new NotAPattern()
        const inner = this.#alternatives()
        if (!this.#take(')')) throw new NotAPattern()
        return inner
      }
      case '[':
        return [{ op: 'eat', test: this.#class() }]
      case '\\':
        return [{ op: 'eat', test: escaped(this.#source[this.#at++]) }]
      case undefined:
      case '*':
      case '+':
      case '?':
      case '{':
        throw new NotAPattern()
      default:
        return [{ op: 'eat', test: (seen) => seen === letter }]
    }
  }

  #class(): Test {
    const negated = this.#take('^')
    const tests: Test[] = []
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      const low = this.#source[this.#at++]
      if (low === undefined) throw new NotAPattern()
      if (low === '\\') tests.push(escaped(this.#source[this.#at++]))
      else if (
        this.#peek() === '-' &&
        this.#source[this.#at + 1] !== ']' &&
        this.#source[this.#at + 1] !== undefined
      ) {
        const high = this.#source[this.#at + 1] ?? ''
        this.#at += 2
        tests.push((seen) => seen >= low && seen <= high)
      } else tests.push((seen) => seen === low)
    }
    this.#at++
    return (seen) => tests.some((test) => test(seen)) !== negated
  }

  #peek(): string | undefined {
    return this.#source[this.#at]
  }

  #take(letter: string): boolean {
    if (this.#peek() !== letter) return false
    this.#at++
    return true
  }
}

const jump = (to: number): Op => ({ op: 'fork', a: to, b: to })
const star = (part: Op[]): Op[] => [
  { op: 'fork', a: 1, b: part.length + 2 },
  ...part,
  jump(-part.length - 1),
]
const optional = (part: Op[]): Op[] => [{ op: 'fork', a: 1, b: part.length + 1 }, ...part]

function sized(program: Op[]): Op[] {
  if (program.length > MAX_OPS) throw new NotAPattern()
  return program
}

function escaped(letter: string | undefined): Test {
  switch (letter) {
    case undefined:
      throw new NotAPattern()
    case 'd':
      return (seen) => /\d/.test(seen)
    case 'w':
      return (seen) => /\w/.test(seen)
    case 's':
      return (seen) => /\s/.test(seen)
    default:
      return (seen) => seen === letter
  }
}

/** Thompson's simulation: the set of places in the program where the match may be. */
function run(program: readonly Op[], text: string): boolean {
  const letters = Array.from(text)
  let current = new Set<number>()
  for (let at = 0; at <= letters.length; at++) {
    enter(program, 0, current, at === 0, at === letters.length)
    const next = new Set<number>()
    for (const place of current) {
      const step = program[place]
      if (step?.op === 'match') return true
      const letter = letters[at]
      if (step?.op === 'eat' && letter !== undefined && step.test(letter))
        enter(program, place + 1, next, false, at + 1 === letters.length)
    }
    current = next
  }
  return false
}

/** Follows forks and edges until a letter is needed. */
function enter(
  program: readonly Op[],
  start: number,
  places: Set<number>,
  atStart: boolean,
  atEnd: boolean,
): void {
  const waiting = [start]
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (places.has(place)) continue
    places.add(place)
    const step = program[place]
    if (step?.op === 'fork') waiting.push(place + step.b, place + step.a)
    else if (step?.op === 'edge' && (step.at === 'start' ? atStart : atEnd)) waiting.push(place + 1)
  }
}
