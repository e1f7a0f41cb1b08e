/**
 * A clock that reads the system's time once per turn of the event loop. Every command needs the time, and reading it takes as
 * long as hashing a key. Commands that begin in one turn are sent together anyway.
 */
import type * as Clock from "effect/Clock"
import type { Connector } from "../../Connector.ts"

export class TurnClock {
  private readonly clock: Clock.Clock
  readonly soon: Connector["Service"]["soon"]
  private now: number | undefined

  constructor(clock: Clock.Clock, soon: Connector["Service"]["soon"]) {
    this.clock = clock
    this.soon = soon
  }

  /** The time in milliseconds, read at some moment of this turn. */
  read(): number {
    if (this.now === undefined) {
      this.now = this.clock.currentTimeMillisUnsafe()
      this.soon(this.forget)
    }
    return this.now
  }

  /** The exact time in milliseconds, for commands with a short timeout. */
  readExactly(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  private readonly forget = (): void => {
    this.now = undefined
  }
}
