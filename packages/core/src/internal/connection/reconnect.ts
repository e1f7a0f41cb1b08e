/**
 * Opens a connection again after every loss: at once if it had lasted, otherwise when the back-off of its node allows it.
 */
import * as Effect from "effect/Effect"
import * as RedisError from "../../RedisError.ts"
import { unsent } from "../failures/failure.ts"
import { shortLife } from "./backoff.ts"

/** The shortest pause after a failure, in milliseconds, whatever it was that failed. */
const leastPause = 20

/** How long a connection lasted, and why it ended. */
export interface Life {
  readonly millis: number
  readonly error: RedisError.RedisError
}

/** Runs lives one after another. `onFailed` is called for each that could not connect or was short; the next waits until it is `due`. */
export const forever = (
  life: Effect.Effect<Life, RedisError.RedisError>,
  due: Effect.Effect<void>,
  onFailed: (error: RedisError.RedisError) => void
): Effect.Effect<never> => {
  const tried = Effect.flatMap(life, ({ error, millis }) => millis < shortLife ? Effect.fail(error) : Effect.void)
  // A defect, for instance of the effect that yields the password, must not end the loop: calls would wait for ever.
  const survived = Effect.catchDefect(
    tried,
    (cause) => Effect.fail(unsent(new RedisError.ConnectionFailed({ problem: "connecting died of a defect", cause })))
  )
  const paused = Effect.catch(survived, (error) =>
    Effect.suspend(() => {
      onFailed(error)
      return Effect.andThen(Effect.sleep(leastPause), due)
    }))
  return Effect.forever(paused)
}
