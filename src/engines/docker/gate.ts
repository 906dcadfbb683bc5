/**
 * Lets many through together, or one alone. Docker may lose an image that is loaded while the last other name of the same
 * content is deleted: it looks for names first and deletes later. So loads go together, deletions alone.
 */
export class Gate {
  #together = 0
  #alone = false
  readonly #waiting: (() => void)[] = []

  async together<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone) await this.#change()
    this.#together += 1
    try {
      return await work()
    } finally {
      this.#together -= 1
      this.#wake()
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone || this.#together > 0) await this.#change()
    this.#alone = true
    try {
      return await work()
    } finally {
      this.#alone = false
      this.#wake()
    }
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go()
  }
}
