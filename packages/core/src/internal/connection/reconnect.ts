/**
 * Opens a connection again after every loss: at once if it had lasted, otherwise with growing pauses.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as RedisError from "../../RedisError.ts"
import { unsent } from "../failures/failure.ts"

/** The pauses between tries to connect: 50 ms, doubling up to a second, jittered so that clients do not return in step. */
const pauses = Schedule.exponential("50 millis").pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(1)))),
  Schedule.jittered
)

/** A connection that lived no longer than this, in milliseconds, counts as a failed try. */
const shortLife = 1000

/** How long a connection lasted, and why it ended. */
export interface Life {
  readonly millis: number
  readonly error: RedisError.RedisError
}

/** Runs lives one after another. `onFailed` is called for each that could not connect or was short. */
export const forever = (
  life: Effect.Effect<Life, RedisError.RedisError>,
  onFailed: (error: RedisError.RedisError) => void
): Effect.Effect<never> => {
  // Otherwise a node that accepts connections and closes them at once would be tried again without a pause.
  const tried = Effect.flatMap(life, ({ error, millis }) => millis < shortLife ? Effect.fail(error) : Effect.void)
  // A defect, for instance of the effect that yields the password, must not end the loop: calls would wait for ever.
  const survived = Effect.catchDefect(
    tried,
    (cause) => Effect.fail(unsent(new RedisError.ConnectionFailed({ problem: "connecting died of a defect", cause })))
  )
  const told = Effect.tapError(survived, (error) => Effect.sync(() => onFailed(error)))
  return Effect.orDie(Effect.forever(Effect.retry(told, pauses)))
}
