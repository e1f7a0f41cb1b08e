/**
 * Carries out what the redirect policy decides, for one piece of work (a command, or the block of a session), until it
 * is done or the policy gives up.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Address from "../../Address.ts"
import * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import { InvalidArgument } from "../../RedisError.ts"
import type { RedisError } from "../../RedisError.ts"
import { blocks, deadlineOf, decoded } from "../connection/call.ts"
import type { Outcome } from "../connection/call.ts"
import { timedOut, toError } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import * as Pace from "./pace.ts"

/** Where a further try goes: to whoever serves the slot by the map of that moment, or to one address. */
export type Route =
  | { readonly _tag: "ByMap" }
  | { readonly _tag: "To"; readonly address: Address.Address; readonly asking: boolean }

export const byMap = { _tag: "ByMap" } as const

/** A try that blocked for so many milliseconds before it was refused was well received: what comes next is another story. */
const wellReceived = 1000

/** Is told each node that has answered, or all that have together, where somebody wants to know. */
export type Seen = ((...nodes: ReadonlyArray<string | undefined>) => void) | undefined

/** What the interpreter needs from the cluster. */
export interface Actions {
  /** How long a command may take that does not say so itself, in milliseconds. */
  readonly timeout: number
  readonly policy: Effect.Effect<RedirectPolicy.RedirectPolicy>
  readonly send: (command: Command.Any, slot: number, deadline: number, route: Route) => Effect.Effect<Outcome>
  /** The node that a redirect's text means, seen from the node that sent it; or why that can't be told. */
  readonly locate: (text: string, from: string | undefined) => Result.Result<Address.Address | undefined, string>
  /** Heeds what a failure says about the cluster. */
  readonly heed: (failure: Failure, topology: RedirectPolicy.Decision["topology"]) => Effect.Effect<void>
  /** Notes that a node has answered for a slot that it was sent to by a MOVED. */
  readonly serves: (slot: number, node: string) => void
  readonly count: (what: "redirects" | "retries", failure: Failure) => void
}

/** Something that has failed once, and can be tried again. */
interface Work<A, E, R> {
  readonly repeatable: boolean
  /** Whether a try can take long, while the node serves it. */
  readonly patient: boolean
  readonly abridged: boolean
  readonly deadline: number
  /** Whether another try would come behind what was to come after it. */
  readonly overtaken: boolean
  readonly again: (route: Route, inFull: boolean) => Effect.Effect<Result.Result<A, Failure>, E, R>
  /** The error for the caller. */
  readonly error: (failure: Failure, attempts: number) => RedisError
}

export const persevere = Effect.fnUntraced(function*<A, E, R>(
  actions: Actions,
  work: Work<A, E, R>,
  first: Failure
): Effect.fn.Return<A, E | RedisError, R> {
  const { deadline, repeatable } = work
  const clock = yield* Clock.Clock
  const policy = yield* actions.policy
  const problem = RedirectPolicy.check("the redirect policy", policy)
  const paceAnew = (): Pace.Pace | undefined =>
    problem !== undefined
      ? Pace.misguided(problem)
      : policy.schedule && Pace.make("the schedule of the redirect policy", policy.schedule)
  let pace = paceAnew()
  let failure = first
  let { abridged } = work
  let route: Route = byMap
  let attempts = 1
  let redirects = 0
  // Once a try may have been executed, no later failure can take that back.
  let uncertain = false

  while (true) {
    const { reason } = failure
    const redirected = reason._tag === "Moved" || reason._tag === "Ask"
    const located = redirected ? actions.locate(reason.address, failure.node) : Result.succeed(undefined)
    const target = Result.getOrUndefined(located)
    const decision = RedirectPolicy.decide(failure, { repeatable, redirects, abridged, target })
    yield* actions.heed(failure, decision.topology)
    if (work.overtaken && decision.command._tag !== "GiveUp") {
      return yield* work.error({ ...failure, overtaken: true }, attempts)
    }
    if (decision.command._tag === "InFull") {
      abridged = false
    } else {
      uncertain ||= failure.delivery === "MaybeExecuted"
      const delivery = uncertain ? "MaybeExecuted" : failure.delivery
      const error = work.error({ ...failure, delivery }, attempts)
      if (decision.command._tag === "GiveUp" || pace === undefined) return yield* error

      const now = clock.currentTimeMillisUnsafe()
      const next = Result.isFailure(located)
        ? Result.fail(located.failure)
        : yield* pace(now, deadline, error)
      if (Result.isFailure(next)) {
        const misled = new InvalidArgument({ problem: `${next.failure}, after this: ${reason.message}` })
        return yield* work.error({ ...failure, reason: misled, delivery }, attempts)
      }
      const delay = next.success
      if (delay === undefined) return yield* error
      if (decision.command.pause) {
        if (now + delay >= deadline) {
          yield* Effect.sleep(Math.max(0, deadline - now))
          const late = timedOut(failure.node, `another try, after this: ${reason.message}`, false)
          return yield* work.error({ ...late, delivery }, attempts)
        }
        if (delay > 0) yield* Effect.sleep(delay)
      }
      actions.count(redirected ? "redirects" : "retries", failure)
      route = decision.command
    }

    attempts++
    if (redirected) redirects++
    const begun = clock.currentTimeMillisUnsafe()
    const result = yield* work.again(route, !abridged)
    if (Result.isSuccess(result)) {
      if (decision.topology._tag === "Patch") actions.serves(decision.topology.slot, decision.topology.address.key)
      return result.success
    }
    failure = result.failure
    if (
      work.patient && failure.delivery === "Rejected" && clock.currentTimeMillisUnsafe() - begun >= wellReceived
    ) {
      pace = paceAnew()
      redirects = 0
    }
  }
})

/** A command that has been tried once. */
export interface Tried<A> {
  readonly command: Command.Command<A>
  readonly slot: number
  readonly deadline: number
  readonly failure: Failure
  readonly overtaken?: boolean
  readonly seen?: Seen
}

export const follow = <A>(
  actions: Actions,
  { command, deadline, failure, overtaken = false, seen, slot }: Tried<A>
): Effect.Effect<A, RedisError> => {
  seen?.(failure.node)
  let tries = 1
  return persevere<A, RedisError, never>(actions, {
    repeatable: command.spec.readOnly || command.idempotent,
    patient: blocks(command),
    abridged: command.unabridged !== undefined,
    deadline,
    overtaken,
    again: (route, inFull) =>
      Effect.flatMap(
        actions.send(inFull ? Command.inFull(command) : command, slot, deadline, route),
        (outcome): Effect.Effect<Result.Result<A, Failure>, RedisError> => {
          tries++
          if (outcome._tag === "Failed") {
            seen?.(outcome.failure.node)
            return Effect.succeed(Result.fail(outcome.failure))
          }
          seen?.(outcome.node)
          const exit = decoded(command, outcome.value, outcome.node, slot, tries)
          return Effect.map(exit, (value) => Result.succeed(value))
        }
      ),
    error: (failure, attempts) =>
      toError(failure, { command, slot, attempts, time: deadlineOf(command, 0, actions.timeout) })
  }, failure)
}
