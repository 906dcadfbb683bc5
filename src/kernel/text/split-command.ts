/** Splits a command line into words as a POSIX shell does: quotes and backslashes, nothing is expanded. */
export function splitCommand(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | undefined
  for (let at = 0; at < line.length; at++) {
    const letter = line.charAt(at)
    if (letter === '\\' && quote !== "'") {
      at++
      // inside double quotes a backslash only protects what would be special there
      const next = line.charAt(at)
      word = (word ?? '') + (quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next)
    } else if (quote !== undefined) {
      if (letter === quote) quote = undefined
      else word = (word ?? '') + letter
    } else if (letter === '"' || letter === "'") {
      quote = letter
      word ??= ''
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + letter
  }
  if (word !== undefined) words.push(word)
  return words
}
