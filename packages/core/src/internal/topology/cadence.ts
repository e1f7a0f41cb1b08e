/**
 * How soon one refresh of the map in the background may follow another. The pause doubles for as long as refreshes are asked for
 * and bring nothing new. News makes it short again: a hint that the map has changed, whether or not a refresh then finds a
 * change.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"

/** The pauses between two refreshes, in milliseconds, before jitter. */
const minPause = 100
const maxPause = 4000
/** The longest pause after a refresh that failed. */
const maxPauseWhenFailing = 1000

/** So many times in a row, news that turns out to be none shortens the pause. Later news shortens it to `doubtfulPause` only. */
const credit = 10
const doubtfulPause = 800

/** The pause where a source says that the next refresh is due since before the last one. */
const overduePause = 500

/** If no refresh was made for so long, in milliseconds, the next one begins anew with short pauses. */
const calm = 10_000

export class Cadence {
  private readonly clock: Clock.Clock
  private readonly longest: number
  private readonly latch = Latch.makeUnsafe(false)
  private isNews = false
  /** Whether the map has changed since the last refresh began. */
  private isNew = false
  /** How often in a row news was none. */
  private vain = 0
  private pause = minPause
  private at = -Infinity

  /** No pause is longer than `longest` milliseconds. */
  constructor(clock: Clock.Clock, longest: number) {
    this.clock = clock
    this.longest = Math.max(minPause, Math.min(maxPause, longest))
  }

  news(): void {
    this.isNews = true
    this.latch.openUnsafe()
  }

  /** Learning the map has changed it. */
  changed(): void {
    this.isNew = true
    this.forget()
    this.latch.openUnsafe()
  }

  /** A refresh begins. It answers to the news so far. */
  begin(): void {
    if (this.clock.currentTimeMillisUnsafe() - this.at > calm) this.forget()
    else if (this.isNews) this.pause = this.shortest
    if (this.isNews) this.vain++
    this.isNews = false
    this.isNew = false
  }

  /** The refresh has ended. */
  end(failed: boolean): void {
    this.at = this.clock.currentTimeMillisUnsafe()
    const longest = failed ? Math.min(maxPauseWhenFailing, this.longest) : this.longest
    if (!this.isNew) this.pause = Math.min(this.pause * 2, longest)
  }

  private forget(): void {
    this.pause = minPause
    this.vain = 0
  }

  private get shortest(): number {
    return this.vain < credit ? minPause : Math.min(doubtfulPause, this.longest)
  }

  /** Waits until the next refresh may begin, or has to (`dueAt`, in milliseconds of the Clock). */
  readonly rest = (dueAt: () => number): Effect.Effect<void> =>
    Effect.gen({ self: this }, function*() {
      const jitter = 0.5 + (yield* Random.next)
      while (true) {
        yield* this.latch.close
        const pause = this.isNews ? Math.min(this.pause, this.shortest) : this.pause
        const due = dueAt()
        const soonest = due < this.at ? overduePause * jitter : Math.max(minPause, due - this.at)
        const until = this.at + Math.min(pause * jitter, soonest)
        const left = Math.round(until - this.clock.currentTimeMillisUnsafe())
        if (left <= 0) return
        yield* Effect.timeoutOption(this.latch.await, left)
      }
    })
}
