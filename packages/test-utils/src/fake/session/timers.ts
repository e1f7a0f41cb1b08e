/**
 * Tasks for later, by Effect's Clock: a timeout of BLPOP, a delayed reply, a failover. Nothing ticks in between.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Runs an effect in the background, with the services of the cluster. */
export type Fork = <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>

/** Timers that end together. */
export class Timers {
  private readonly fork: Fork
  private readonly running = new Set<Fiber.Fiber<void>>()
  private closed = false

  constructor(fork: Fork) {
    this.fork = fork
  }

  /** Runs a task once, after the given milliseconds (never, if Infinity). Returns a function that cancels it. */
  after(millis: number, task: () => void): () => void {
    if (this.closed || millis === Infinity) return () => {}
    const run = (): void => {
      if (this.running.delete(fiber)) task()
    }
    // A sleep of zero, or so short that adding it to the time is lost in rounding, ends before `fork` returns.
    let forked = false
    const fiber: Fiber.Fiber<void> = this.fork(Effect.andThen(
      Effect.sleep(Math.max(millis, 0)),
      Effect.sync(() => forked ? run() : queueMicrotask(run))
    ))
    forked = true
    this.running.add(fiber)
    return () => {
      if (this.running.delete(fiber)) fiber.interruptUnsafe()
    }
  }

  close(): void {
    this.closed = true
    for (const fiber of this.running) fiber.interruptUnsafe()
    this.running.clear()
  }
}
