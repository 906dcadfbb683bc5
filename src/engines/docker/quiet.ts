/**
 * Tells when nobody is waiting for the engine. Making a spare sandbox takes as much CPU as a user's own start, so spare
 * ones are made only after a burst: when no urgent call is under way and none was within the last moments.
 */
export class Quiet {
  readonly #restMs: number
  #underWay = 0
  #lastEnd = 0

  constructor(restMs: number) {
    this.#restMs = restMs
  }

  async during<T>(urgent: () => Promise<T>): Promise<T> {
    this.#underWay += 1
    try {
      return await urgent()
    } finally {
      this.#underWay -= 1
      this.#lastEnd = performance.now()
    }
  }

  /** Milliseconds to wait before asking again; 0 = it is quiet now. */
  wait(): number {
    if (this.#underWay > 0) return this.#restMs
    return Math.max(0, Math.ceil(this.#lastEnd + this.#restMs - performance.now()))
  }
}
