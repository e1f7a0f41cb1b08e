/**
 * Exceptions of code that is not ours: what a user has hung into a fiber runs as soon as the fiber goes on, in the middle of
 * whoever settles its command. It may cost neither the next command nor the connection.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Is told of an exception that nobody else would hear of. */
export type Report = (error: unknown) => void

/** Does something with each of them, whoever throws. */
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

/** Logs them. */
export const logging = (fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>): Report => (error) => {
  fork(told(error))
}
