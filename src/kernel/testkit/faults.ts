/**
 * The repeat-each-step and fail-each-step harness. `withFaults` puts a recorder in front of a port (or a face): every call is
 * counted, and one of them can be made to fail before its effect, or after it (the answer is lost, as when the process is
 * killed between the effect and writing it down).
 */
export interface Faults {
  /** Names of the calls made so far, in order. */
  readonly calls: string[]
  /** Which call fails (index into `calls`), how, and how often in a row that same call name then fails. */
  plan:
    | { readonly at: number; readonly when: 'before' | 'after'; readonly times: number }
    | undefined
}

export class InjectedFault extends Error {
  constructor(call: string) {
    super(`injected fault in ${call}`)
  }
}

export function withFaults<T extends object>(
  target: T,
  faults: Faults,
  only?: readonly (keyof T & string)[],
): T {
  let left = 0
  let failing: string | undefined
  return new Proxy(target, {
    get(object, name, receiver): unknown {
      const value: unknown = Reflect.get(object, name, receiver)
      if (typeof value !== 'function' || typeof name !== 'string') return value
      if (only !== undefined && !only.some((allowed) => allowed === name)) return value.bind(object)
      return async (...args: unknown[]): Promise<unknown> => {
        const index = faults.calls.push(name) - 1
        const { plan } = faults
        if (plan?.at === index) {
          failing = name
          left = plan.times
        }
        const fails = plan !== undefined && failing === name && left > 0
        if (fails) left--
        if (fails && plan.when === 'before') throw new InjectedFault(name)
        const result: unknown = await Reflect.apply(value, object, args)
        if (fails) throw new InjectedFault(name)
        return result
      }
    },
  })
}
