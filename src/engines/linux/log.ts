/** What the engine says while it works; pino's logger is one. */
export interface NetworkLog {
  debug(details: object, message: string): void
}
