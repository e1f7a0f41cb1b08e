/**
 * Deadlines in a busy process: its timers fire before it reads its sockets, where the answer may have been waiting for long. So
 * nothing counts as late before everything that had arrived by the deadline is read.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Connector } from "../../Connector.ts"

type Soon = Connector["Service"]["soon"]

/**
 * Turns of the event loop to wait. A socket delivers what has arrived in a few portions, one per turn, and reacting to it takes
 * a few turns more.
 */
const turns = 8

/** Completes when everything that has arrived by now is read. */
export const caughtUp = (soon: Soon): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let left = turns
    const turn = (): void => {
      try {
        if (left-- > 0) return soon(turn)
      } catch {
        // A connector that throws here can't tell when its sockets have been read, so there is nothing to wait for.
      }
      resume(Effect.void)
    }
    turn()
  })

/** Runs an effect with a time limit. When the time is up, everything that arrived in time is read before the limit counts. */
export const within = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  options: {
    readonly duration: Duration.Input
    readonly orElse: () => Effect.Effect<A2, E2, R2>
    readonly soon: Soon
  }
): Effect.Effect<A | A2, E | E2, R | R2> => {
  const late = Effect.as(Effect.andThen(Effect.sleep(options.duration), caughtUp(options.soon)), Option.none<A>())
  return Effect.flatMap(
    Effect.raceFirst(Effect.asSome(self), late),
    (first): Effect.Effect<A | A2, E2, R2> => Option.isSome(first) ? Effect.succeed(first.value) : options.orElse()
  )
}
