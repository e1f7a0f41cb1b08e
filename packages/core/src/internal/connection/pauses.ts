/**
 * The pauses after failures: 50 ms after the first, doubling up to a second, with jitter so that clients do not return in step.
 */
import type * as Clock from "effect/Clock"
import type { Random } from "effect/Random"
import type { RedisError } from "../../RedisError.ts"

const shortest = 50
const longest = 1000

/** The sources of time and of jitter. */
export interface Pacing {
  readonly clock: Clock.Clock
  readonly random: Random
}

export class Pauses {
  private readonly pacing: Pacing
  /** The number of failures in a row. */
  private failures = 0
  private begunAt = -Infinity
  private dueAt = -Infinity
  private last: RedisError | undefined

  constructor(pacing: Pacing) {
    this.pacing = pacing
  }

  get isFailing(): boolean {
    return this.failures > 0
  }

  /** The milliseconds until the pause ends, or 0. */
  get left(): number {
    const now = this.pacing.clock.currentTimeMillisUnsafe()
    // If the clock was set back, the pause is over: it would last until the clock has caught up.
    return now < this.begunAt ? 0 : Math.max(0, this.dueAt - now)
  }

  /**
   * The error for whoever tries during a pause: the last failure. After the first failure in a row there is none, because the
   * fault may have passed: whoever asks then may try at once, and only what tries by itself waits for the end of the pause.
   */
  get refusal(): RedisError | undefined {
    return this.failures > 1 && this.left > 0 ? this.last : undefined
  }

  /** Begins a pause, longer than the one before. */
  fail(error: RedisError): void {
    const nominal = Math.min(shortest * 2 ** this.failures, longest)
    this.failures++
    this.last = error
    const pause = Math.ceil(nominal * (0.8 + 0.4 * this.pacing.random.nextDoubleUnsafe()))
    this.begunAt = this.pacing.clock.currentTimeMillisUnsafe()
    this.dueAt = this.begunAt + pause
  }

  /** Ends the pause. The pause after the next failure is longer all the same. */
  end(): void {
    this.dueAt = -Infinity
  }

  /** Forgets all failures. */
  reset(): void {
    this.end()
    this.failures = 0
    this.last = undefined
  }
}
