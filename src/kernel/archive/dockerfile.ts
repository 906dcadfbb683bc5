import { cloudError, type CloudError } from '../errors/cloud-error.ts'

/**
 * Which images a Dockerfile builds on or copies from. Docker takes such a name for the beginning of an image's id, too, and so
 * would hand out any image on the host: whoever builds for others has to know every name before it builds. Read strictly: what
 * Docker might read differently is refused.
 */
export function imagesOf(
  dockerfile: string,
  args: Readonly<Record<string, string>> = {},
): readonly string[] {
  // the sign that joins lines may be changed by a comment; where there is one, names are found whichever it is
  const signs = /^\s*#\s*escape\s*=/im.test(dockerfile) ? ['\\', '`'] : ['\\']
  const found = signs.flatMap((escape) => imagesIn(instructionsOf(dockerfile, escape), args))
  return [...new Set(found)]
}

const SIMPLE = /^[\w./:@-]*$/
const HEX = /^[0-9a-f]+$/

function instructionsOf(dockerfile: string, escape: string): readonly string[] {
  const instructions: string[] = []
  let open = ''
  for (const line of dockerfile.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    if (text.endsWith(escape)) {
      open += line.trimEnd().slice(0, -1)
      continue
    }
    instructions.push((open + line).trim())
    open = ''
  }
  if (open.trim() !== '') instructions.push(open.trim())
  return instructions
}

function imagesIn(
  instructions: readonly string[],
  args: Readonly<Record<string, string>>,
): readonly string[] {
  const images: string[] = []
  const stages = new Set<string>()
  const known = new Map<string, string>()
  let begun = false
  for (const instruction of instructions) {
    const words = instruction.replace(/^(ONBUILD\s+)+/i, '').split(/\s+/)
    const [verb = '', ...rest] = words
    if (/^FROM$/i.test(verb)) {
      const { image, stage } = fromOf(rest, known)
      if (image !== 'scratch' && !stages.has(image.toLowerCase())) images.push(named(image))
      if (stage !== undefined) stages.add(stage.toLowerCase())
      begun = true
    } else if (/^ARG$/i.test(verb) && !begun) for (const word of rest) learn(known, word, args)
    else if (/^(COPY|ADD|RUN)$/i.test(verb)) images.push(...sourcesOf(instruction, stages))
  }
  return images
}

function fromOf(
  words: readonly string[],
  known: ReadonlyMap<string, string>,
): { image: string; stage: string | undefined } {
  const [image, as, stage] = words.filter((word) => !word.startsWith('--'))
  if (image === undefined) throw unreadable('FROM')
  return { image: resolved(image, known), stage: /^AS$/i.test(as ?? '') ? stage : undefined }
}

/** Defaults and given values of arguments, as far as nobody can read them in two ways. */
function learn(
  known: Map<string, string>,
  word: string,
  args: Readonly<Record<string, string>>,
): void {
  const [, name = '', value = ''] = /^(\w+)(?:=(.*))?$/.exec(word) ?? []
  const given = args[name] ?? value
  known.delete(name)
  if (SIMPLE.test(given)) known.set(name, given)
}

function resolved(word: string, known: ReadonlyMap<string, string>): string {
  const plain = word.replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (_whole, braced?: string, bare?: string) => known.get(braced ?? bare ?? '') ?? '$',
  )
  if (plain === '' || !SIMPLE.test(plain)) throw unreadable(word)
  return plain
}

/** `--from=` of COPY (and of mounts): a stage by name or number, else an image. Quotes may stand anywhere in such a word. */
function sourcesOf(instruction: string, stages: ReadonlySet<string>): readonly string[] {
  const plain = instruction.replace(/["'\\`]/g, '')
  const sources = [...plain.matchAll(/(?:^|[\s,-])from=([^\s,]*)/gi)].map(
    ([, source = '']) => source,
  )
  return sources.flatMap((source) => {
    if (/^\d{1,3}$/.test(source) || stages.has(source.toLowerCase())) return []
    if (/^RUN\b/i.test(plain) && !/--mount/.test(plain)) return []
    if (source === '' || !SIMPLE.test(source)) throw unreadable(source)
    return named(source)
  })
}

/** A name of hexadecimal digits only may be an id; with a tag it cannot. */
function named(image: string): string {
  if (!HEX.test(image)) return image
  throw cloudError(
    'badRequest',
    `'${image}' may be the id of an image: write its name with a tag, such as ${image}:latest`,
  )
}

function unreadable(word: string): CloudError {
  return cloudError(
    'badRequest',
    `The Dockerfile names an image in a way that cannot be read: '${word}'. Write it out, or use arguments with plain defaults.`,
  )
}
