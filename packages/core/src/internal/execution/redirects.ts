/**
 * Carries out the decisions of the redirect policy for one piece of work (a command, or the block of a session), until it is
 * done or the policy gives up.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import { InvalidArgument } from "../../RedisError.ts"
import type { RedisError } from "../../RedisError.ts"
import { blocks, deadlineOf, decoded } from "../connection/call.ts"
import { isRedirect, toError, withoutStack } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { About, Door, Place } from "./door.ts"
import * as Pace from "./pace.ts"
import type { Leave } from "./queue.ts"
import { byMap } from "./router.ts"
import type { AnyFiber, Route, Router } from "./router.ts"
import { attemptsWith, outOfTime, unserved } from "./stay.ts"
import type { Stay } from "./stay.ts"
import type { Seen } from "./tracing.ts"

/**
 * A try that blocked for at least this many milliseconds before it was refused counts as a success for the Schedule, which
 * begins anew after it.
 */
const wellReceived = 1000

/** A piece of work that has failed once, and can be tried again. */
interface Work<A, E, R> {
  /** Whether it may run a second time even if the first try may have been executed. */
  readonly repeatable: boolean
  /** Whether it blocks on the node, so that a long try is not a sign of trouble. */
  readonly patient: boolean
  /** Whether it was sent in its short form (EVALSHA) and has a full form. */
  readonly abridged: boolean
  /** Where it goes now, by the map; undefined where its node is chosen in another way. */
  readonly placeOf: (fiber: AnyFiber) => Place | undefined
  /** Whether it blocks, or holds a connection, so that it must not stand before others in the waiting room. */
  readonly beside: boolean
  /** Whether it only reads. */
  readonly reads: boolean
  /** Further slots that it is about. */
  readonly also?: (fiber: AnyFiber) => ReadonlyArray<number>
  /** Whether its failure is old, since it had to wait for others first, so that it says nothing of the node any more. */
  readonly stale: boolean
  /** The stay in the waiting room before its first try. */
  readonly stay?: Stay | undefined
  /** Its place in the waiting room, if it has not been there. */
  readonly rank?: number | undefined
  /** In milliseconds of the Clock. */
  readonly deadline: number
  /**
   * Whether a later command on its key has been executed in the meantime, so that another try would be executed after that one.
   */
  readonly overtaken: boolean
  /** Makes another try. */
  readonly again: (route: Route, inFull: boolean) => Effect.Effect<Result.Result<A, Failure>, E, R>
  /** Makes the error that the caller gets. */
  readonly error: (failure: Failure, attempts: number) => RedisError
}

/**
 * Tries again, as often and when the policy says, until the work is done or the policy gives up. All second tries, and all
 * waiting between tries, happen here: in the waiting room while the node is away and the policy is patient, otherwise for as
 * long as the Schedule says.
 */
export const persevere = Effect.fnUntraced(function*<A, E, R>(
  router: Router,
  work: Work<A, E, R>,
  first: Failure
): Effect.fn.Return<A, E | RedisError, R> {
  const { deadline, repeatable } = work
  const clock = yield* Clock.Clock
  const fiber = yield* Effect.fiber
  const terms = RedirectPolicy.termsOf("the redirect policy", router.policyOf(fiber))
  const { schedule, within } = Result.getOrElse(terms, (): RedirectPolicy.Terms => RedirectPolicy.noTerms)
  const paceAnew = (): Pace.Pace | undefined =>
    Result.isFailure(terms)
      ? Pace.misguided(terms.failure)
      : schedule && Pace.make("the schedule of the redirect policy", schedule)
  const room = within === undefined ? undefined : router.room
  let pace = paceAnew()
  let failure = first
  let { abridged } = work
  let route: Route = byMap
  let attempts = 1
  let redirects = 0
  // Once a try may have been executed, a later failure can't prove that nothing was executed.
  let uncertain = false
  let stay = work.stay
  let about: About | undefined
  let trial: Door | undefined

  while (true) {
    const { reason } = failure
    const redirected = isRedirect(reason)
    const located = redirected ? router.locate(reason.address, failure.node) : Result.succeed(undefined)
    const target = Result.getOrUndefined(located)
    const decision = RedirectPolicy.decide(failure, { repeatable, redirects, abridged, target })
    yield* router.heed(failure, decision.topology)
    if (work.overtaken && decision.command._tag !== "GiveUp") {
      return yield* work.error({ ...failure, overtaken: true }, attempts)
    }
    if (decision.command._tag === "InFull") {
      abridged = false
    } else {
      uncertain ||= failure.delivery === "MaybeExecuted"
      const delivery = uncertain ? "MaybeExecuted" : failure.delivery
      if (decision.command._tag === "GiveUp" || pace === undefined) {
        return yield* work.error({ ...failure, delivery }, attempts)
      }
      const now = clock.currentTimeMillisUnsafe()
      const place = room && work.placeOf(fiber)
      const here = place && { ...place, beside: work.beside, reads: work.reads }
      about = here
      const isAway = decision.command._tag === "ByMap" && decision.command.pause && route._tag === "ByMap"
      const waits = room !== undefined && here !== undefined && isAway
      const isStale = waits && (failure.queued === true || (work.stale && attempts === 1))
      if (waits && (isStale ? room.holds(here) : room.close(failure, here))) {
        const { ticket, trials, until }: Stay = stay ??
          { until: Math.min(deadline, now + within!), ticket: undefined, trials: 0 }
        const leave: Leave = yield* room.wait({ ...here, also: work.also?.(fiber), until, ticket, rank: work.rank })
        if (leave._tag !== "Go") {
          const end = unserved(leave, { ...failure, delivery }, { deadline, now: room.now(), until })
          return yield* withoutStack(() => work.error(end, attemptsWith(end, attempts, trials)))
        }
        trial = leave.trial
        stay = { until, ticket: leave.ticket, trials: trial === undefined ? trials : trials + 1 }
      } else if (!isStale) {
        const error = work.error({ ...failure, delivery }, attempts)
        const next = Result.isFailure(located)
          ? Result.fail(located.failure)
          : yield* pace(now, deadline, error)
        if (Result.isFailure(next)) {
          const misled = typeof next.failure === "string"
            ? new InvalidArgument({ problem: `${next.failure}, after this: ${reason.message}` })
            : next.failure
          return yield* work.error({ ...failure, reason: misled, delivery }, attempts)
        }
        const delay = next.success
        if (delay === undefined) return yield* error
        if (decision.command.pause) {
          if (now + delay >= deadline) {
            yield* Effect.sleep(Math.max(0, deadline - now))
            return yield* work.error(outOfTime({ ...failure, delivery }), attempts)
          }
          if (delay > 0) yield* Effect.sleep(delay)
        }
      }
      router.count(redirected ? "redirects" : "retries", failure, fiber)
      route = decision.command
    }

    attempts++
    if (redirected) redirects++
    const begun = clock.currentTimeMillisUnsafe()
    const again = work.again(route, !abridged)
    const result = yield* trial === undefined || room === undefined || about === undefined
      ? again
      : room.tried(trial, about, again)
    trial = undefined
    if (Result.isSuccess(result)) {
      const { topology } = decision
      if (topology._tag === "Patch" && topology.slot !== undefined) router.serves(topology.slot, topology.address.key)
      return result.success
    }
    failure = result.failure
    if (
      work.patient && failure.delivery === "Rejected" && clock.currentTimeMillisUnsafe() - begun >= wellReceived
    ) {
      pace = paceAnew()
      redirects = 0
      stay = undefined
    }
  }
})

/** A command that has been tried once, and the outcome. `together` is as in `Try`. */
export interface Tried<A> {
  readonly command: Command.Command<A>
  readonly slot: number
  readonly deadline: number
  readonly failure: Failure
  readonly overtaken?: boolean
  readonly together?: boolean
  readonly seen?: Seen
  /** Its stay in the waiting room before its first try. */
  readonly stay?: Stay | undefined
  /** Its place in the waiting room, if it has not been there. */
  readonly rank?: number | undefined
}

/** Continues with a command whose first try has failed. */
export const follow = <A>(
  router: Router,
  { command, deadline, failure, overtaken = false, rank, seen, slot, stay, together = false }: Tried<A>
): Effect.Effect<A, RedisError> => {
  seen?.(failure.node)
  let tries = 1
  return persevere<A, RedisError, never>(router, {
    repeatable: command.spec.readOnly || command.idempotent,
    patient: blocks(command),
    abridged: command.unabridged !== undefined,
    placeOf: (fiber) => router.placeOf(command, slot, fiber),
    beside: !together && router.standsApart(command),
    reads: command.spec.readOnly,
    stale: false,
    stay,
    rank,
    deadline,
    overtaken,
    again: (route, inFull) =>
      Effect.flatMap(
        router.send({ command: inFull ? Command.inFull(command) : command, slot, deadline, route, together }),
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
      toError(failure, { command, slot, attempts, time: deadlineOf(command, 0, router.timeout) })
  }, failure)
}
