/**
 * The time as one turn of the event loop sees it. Whoever begins a command asks for it, and to ask the system takes as long
 * as to hash a key; all that begin in one turn go out together anyway.
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

  /** In milliseconds, and not older than this turn. */
  read(): number {
    if (this.now === undefined) {
      this.now = this.clock.currentTimeMillisUnsafe()
      this.soon(this.forget)
    }
    return this.now
  }

  /** The same at this moment, for what has little time. */
  readExactly(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  private readonly forget = (): void => {
    this.now = undefined
  }
}
