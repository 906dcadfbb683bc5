import type { Who } from '../ctx/who.ts'

/** A parsed rule: answers for one asker and one target. */
export interface Question {
  readonly who: Who | undefined
  readonly target: Readonly<Record<string, unknown>>
  rule(name: string): boolean
}
export type Check = (question: Question) => boolean

/**
 * oslo.policy's language: `@`, `!`, `kind:match`, `and`, `or`, `not`, parentheses. Kinds: `rule:`, `role:`, `system_scope:all`,
 * and any attribute of the token (`user_id`, `project_id`, `domain_id`, …) against a literal or `%(key)s` of the target.
 */
export function parseRule(text: string): Check {
  const words =
    text.trim() === '' ? ['@'] : (text.match(/\(|\)|%\([^)]*\)s|[^\s()%]+(?:%\([^)]*\)s)?/g) ?? [])
  let at = 0
  const fail = (): never => {
    throw new Error(`policy rule cannot be read near word ${at + 1}: ${text}`)
  }
  const atom = (): Check => {
    const word = words[at++]
    if (word === undefined || word === ')') return fail()
    if (word === 'not') {
      const inner = atom()
      return (q) => !inner(q)
    }
    if (word !== '(') return simple(word)
    const inner = either()
    if (words[at++] !== ')') fail()
    return inner
  }
  const both = (): Check => {
    const parts = [atom()]
    while (words[at] === 'and') {
      at++
      parts.push(atom())
    }
    return parts.length === 1 && parts[0] ? parts[0] : (q) => parts.every((part) => part(q))
  }
  const either = (): Check => {
    const parts = [both()]
    while (words[at] === 'or') {
      at++
      parts.push(both())
    }
    return parts.length === 1 && parts[0] ? parts[0] : (q) => parts.some((part) => part(q))
  }
  const check = either()
  if (at !== words.length) fail()
  return check
}

function simple(word: string): Check {
  if (word === '@') return () => true
  if (word === '!') return () => false
  const colon = word.indexOf(':')
  if (colon < 0) throw new Error(`policy check ${word} has no colon`)
  const kind = word.slice(0, colon)
  const match = word.slice(colon + 1)
  if (kind === 'rule') return (q) => q.rule(match)
  if (kind === 'role')
    return (q) => q.who?.roles.some((role) => role.toLowerCase() === match.toLowerCase()) ?? false
  if (kind === 'is_admin') return (q) => q.who?.roles.includes('admin') ?? false
  const key = /^%\((.*)\)s$/.exec(match)?.[1]
  return (q) => {
    const mine = attribute(q.who, kind)
    const wanted = key === undefined ? match : q.target[key]
    return mine !== undefined && mine === wanted
  }
}

function attribute(who: Who | undefined, name: string): string | undefined {
  if (who === undefined) return undefined
  switch (name) {
    case 'user_id':
      return who.userId
    case 'project_id':
    case 'tenant_id':
      return who.projectId
    case 'domain_id':
      return who.domainId
    case 'user_domain_id':
    case 'user.domain_id':
      return who.userDomainId
    case 'project_domain_id':
      return who.projectDomainId
    case 'system_scope':
      return who.system ? 'all' : undefined
    default:
      return undefined
  }
}
