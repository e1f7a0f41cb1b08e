/**
 * Time that is up, as a process sees it that was busy: its timers fire before it looks at its sockets, where the answer may
 * have been for long. So nobody is given up before all has been read that had come by then.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Connector } from "../../Connector.ts"

type Soon = Connector["Service"]["soon"]

/** A socket hands over what has come in a few portions, one a turn, and what that sets going takes a turn or two as well. */
const turns = 8

/** Lets all be read that has come by now. */
export const caughtUp = (soon: Soon): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let left = turns
    const turn = (): void => {
      try {
        if (left-- > 0) return soon(turn)
      } catch {
        // Who can't say when that is can't be waited for.
      }
      resume(Effect.void)
    }
    turn()
  })

/** Waits no longer than that for an effect, and then for what has come by then. */
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
