/**
 * Carries out what the redirect policy decides, for one command, until it has a reply or the policy gives up.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type * as Address from "../Address.ts"
import type * as Command from "../Command.ts"
import { timedOut } from "../Connection.ts"
import * as RedirectPolicy from "../RedirectPolicy.ts"
import type { RedisError } from "../RedisError.ts"
import { decoded } from "./call.ts"
import type { Outcome } from "./call.ts"
import { toError } from "./failure.ts"
import type { Failure } from "./failure.ts"

/** A command that has been tried once. */
export interface Tried<A> {
  readonly command: Command.Command<A>
  readonly slot: number
  readonly deadline: number
  readonly failure: Failure
}

/** Where a further try goes: to whoever serves the slot by the map of that moment, or to one address. */
export type Route =
  | { readonly _tag: "ByMap" }
  | { readonly _tag: "To"; readonly address: Address.Address; readonly asking: boolean }

/** What the interpreter needs from the cluster. */
export interface Actions {
  readonly policy: RedirectPolicy.RedirectPolicy
  readonly send: (command: Command.Any, slot: number, deadline: number, route: Route) => Effect.Effect<Outcome>
  /** The node that a redirect's text means, seen from the node that sent it. */
  readonly locate: (text: string, from: string | undefined) => Address.Address | undefined
  readonly adjust: (topology: RedirectPolicy.Decision["topology"]) => Effect.Effect<void>
  readonly count: (what: "redirects" | "retries") => void
}

export const follow = Effect.fnUntraced(function*<A>(
  actions: Actions,
  tried: Tried<A>
): Effect.fn.Return<A, RedisError> {
  const { command, deadline, slot } = tried
  const clock = yield* Clock.Clock
  const { schedule } = (yield* RedirectPolicy.Current) ?? actions.policy
  const step = schedule === undefined ? undefined : yield* Schedule.toStep(schedule)
  const repeatable = command.spec.readOnly || command.idempotent
  let failure = tried.failure
  let attempts = 1
  let redirects = 0
  // Once a try may have been executed, no later failure can take that back.
  let uncertain = false

  while (true) {
    const { reason } = failure
    const redirected = reason._tag === "Moved" || reason._tag === "Ask"
    const target = redirected ? actions.locate(reason.address, failure.node) : undefined
    const decision = RedirectPolicy.decide(failure, { repeatable, redirects, target })
    yield* actions.adjust(decision.topology)
    uncertain ||= failure.delivery === "MaybeExecuted"
    const delivery = uncertain ? "MaybeExecuted" : failure.delivery
    const error = toError({ ...failure, delivery }, { command, slot, attempts })
    if (decision.command._tag === "GiveUp" || step === undefined) return yield* error

    const now = clock.currentTimeMillisUnsafe()
    const delay = yield* Pull.catchDone(
      Effect.map(step(now, error), ([, duration]) => Duration.toMillis(duration)),
      () => Effect.succeed(undefined)
    )
    if (delay === undefined) return yield* error
    if (decision.command.pause) {
      if (now + delay >= deadline) {
        yield* Effect.sleep(Math.max(0, deadline - now))
        const late = timedOut(failure.node, `another try, after this: ${reason.message}`, false)
        return yield* toError({ ...late, delivery }, { command, slot, attempts })
      }
      if (delay > 0) yield* Effect.sleep(delay)
    }

    attempts++
    if (redirected) redirects++
    actions.count(redirected ? "redirects" : "retries")
    const outcome = yield* actions.send(command, slot, deadline, decision.command)
    if (outcome._tag === "Replied") return yield* decoded(command, outcome.value, outcome.node)
    failure = outcome.failure
  }
})
