import type { Who } from '../ctx/who.ts'
import { parseRule, type Check } from './parse-rule.ts'

/**
 * Rules by name in oslo.policy's language: `role:admin or (role:member and project_id:%(project_id)s)`.
 * Services bring defaults; an operator's `policy.yaml` (name → rule) overrides them. A name that nobody declared is an
 * error at start, not a silent refusal at run time.
 */
export class Policy {
  readonly #rules = new Map<string, Check>()

  constructor(
    defaults: Readonly<Record<string, string>>,
    overrides: Readonly<Record<string, string>> = {},
  ) {
    for (const [name, rule] of Object.entries({ ...defaults, ...overrides })) {
      this.#rules.set(name, parseRule(rule))
    }
  }

  has(name: string): boolean {
    return this.#rules.has(name)
  }

  names(): readonly string[] {
    return [...this.#rules.keys()]
  }

  check(name: string, who: Who | undefined, target: Readonly<Record<string, unknown>>): boolean {
    const rule = this.#rules.get(name)
    if (rule === undefined) throw new Error(`no policy rule is named ${name}`)
    return rule({ who, target, rule: (other) => this.check(other, who, target) })
  }
}

/** Rules every service may refer to: Keystone's default personas. */
export const commonRules = {
  admin: 'role:admin',
  'project-manager': 'rule:admin or (role:manager and project_id:%(project_id)s)',
  'project-member': 'rule:admin or (role:member and project_id:%(project_id)s)',
  'project-reader': 'rule:admin or (role:reader and project_id:%(project_id)s)',
  anyone: '@',
  nobody: '!',
} as const
