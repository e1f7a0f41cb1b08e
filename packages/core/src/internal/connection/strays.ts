/**
 * Exceptions thrown by users' code. An observer that a user adds to a fiber runs as soon as the fiber is resumed, in the middle
 * of the loop that settles commands. An exception of it must harm neither the next command nor the connection.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Takes an exception that would otherwise be lost. */
export type Report = (error: unknown) => void

/** Calls a function with each item, and goes on with the next when it throws. */
export const each = <A>(items: Iterable<A>, f: (item: A) => void, report: Report): void => {
  for (const item of items) {
    try {
      f(item)
    } catch (error) {
      report(error)
    }
  }
}

const told = (error: unknown): Effect.Effect<void> =>
  Effect.logError("an observer of a fiber, or another function that was called back, has thrown", Cause.die(error))

/** Logs the exceptions. */
export const logging = (fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>): Report => (error) => {
  fork(told(error))
}
