/**
 * Decides what to do when a command fails, as a pure function of the failure and a few facts about the command. A Schedule
 * says only when to try again, and for how long.
 *
 * Source: cluster specification, "Redirection and resharding".
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Address from "./Address.ts"
import { isUnknownScript, unsent } from "./internal/failures/failure.ts"
import type { Failure } from "./internal/failures/failure.ts"
import { duration, hasOptions, timeoutMillis } from "./internal/values/settings.ts"
import { InvalidArgument } from "./RedisError.ts"
import type { RedisError } from "./RedisError.ts"

/**
 * Whether failed commands are tried again, and when.
 *
 * **Details**
 *
 * The schedule is stepped once before each further try, with the last error as its input. When the schedule is done, the caller
 * gets that error. Redirects are followed at once, without the schedule's delay, unless they repeat.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedirectPolicy {
  /** With `undefined` nothing is followed or tried again: the caller gets every redirect and every failure. */
  readonly schedule: Schedule.Schedule<unknown, RedisError> | undefined
  /**
   * How long a command waits for a node that is away: that can't be reached, or says that it can't serve. While it waits, the
   * schedule is not stepped: one trial goes out on behalf of all who wait. Without `within` the schedule decides.
   */
  readonly within?: Duration.Input | undefined
}

/**
 * A policy from a schedule; with `within`, how long a command waits for a node that is away.
 *
 * **Example** (Five quick tries)
 *
 * ```ts
 * import { Redis, RedirectPolicy } from "@redisc/core"
 * import { Schedule } from "effect"
 *
 * const impatient = RedirectPolicy.make(Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(5)]))
 * const name = Redis.get("user:1:name").pipe(RedirectPolicy.provide(impatient))
 * ```
 *
 * **Example** (No more than five seconds for a node that is away)
 *
 * ```ts
 * import { RedirectPolicy } from "@redisc/core"
 * import { Schedule } from "effect"
 *
 * const patient = RedirectPolicy.make(Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(5)]), { within: "5 seconds" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  schedule: Schedule.Schedule<unknown, RedisError>,
  options?: { readonly within?: Duration.Input | undefined }
): RedirectPolicy => ({ schedule, within: options?.within })

/**
 * Follows no redirects and tries nothing again: the caller sees even a `MOVED`.
 *
 * **Example** (Seeing where a key has gone)
 *
 * ```ts
 * import { Redis, RedirectPolicy } from "@redisc/core"
 *
 * const plain = Redis.get("user:1").pipe(RedirectPolicy.provide(RedirectPolicy.none))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: RedirectPolicy = { schedule: undefined }

/**
 * Jittered delays from 10 ms, doubling up to 250 ms; at most 200 tries in 25 seconds. That is enough for a cluster with the
 * default node timeout of 15 seconds to promote a replica.
 *
 * @category constructors
 * @since 0.1.0
 */
export const standard: RedirectPolicy = make(
  Schedule.max([
    Schedule.exponential("10 millis").pipe(
      Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(250)))),
      Schedule.jittered
    ),
    Schedule.recurs(200),
    Schedule.during("25 seconds")
  ]),
  { within: "25 seconds" }
)

/**
 * What a policy says. Its properties are read once: they may be getters, which throw or say something else each time.
 *
 * @internal
 */
export interface Terms {
  readonly schedule: Schedule.Schedule<unknown, RedisError> | undefined
  /** How long it waits for a node that is away, in milliseconds; `undefined` if its schedule decides that. */
  readonly within: number | undefined
}

/**
 * With these nothing is tried again.
 *
 * @internal
 */
export const noTerms: Terms = { schedule: undefined, within: undefined }

/** What policies say, so that each is read once and not for every command that fails. */
const known = new WeakMap<object, Result.Result<Terms, string>>()

/**
 * Reads a policy; or the problem with a value that is none.
 *
 * @internal
 */
export const termsOf = (name: string, value: unknown): Result.Result<Terms, string> => {
  const before = known.get(value as object)
  if (before !== undefined) return before
  const terms = readTerms(name, value)
  if (Result.isSuccess(terms)) known.set(value as object, terms)
  return terms
}

const readTerms = (name: string, value: unknown): Result.Result<Terms, string> => {
  try {
    if (hasOptions(value) && Object.hasOwn(value, "schedule")) {
      const { schedule, within } = value
      const problem = within === undefined ? undefined : duration("within", within)
      if (problem !== undefined) return Result.fail(`${name}: ${problem}`)
      if (schedule === undefined) return Result.succeed(noTerms)
      if (Schedule.isSchedule(schedule)) {
        const millis = within === undefined ? undefined : timeoutMillis(within as Duration.Input)
        return Result.succeed({ schedule: schedule as NonNullable<Terms["schedule"]>, within: millis })
      }
    }
  } catch {
    // A value whose getter throws is no policy.
  }
  return Result.fail(
    `${name} has to be a policy: RedirectPolicy.standard, RedirectPolicy.none, or RedirectPolicy.make(schedule)`
  )
}

/**
 * Checks that a value is a policy.
 *
 * @internal
 */
export const check = (name: string, value: unknown): string | undefined =>
  Option.getOrUndefined(Result.getFailure(termsOf(name, value)))

/**
 * The policy of a region of the program. `undefined`: the policy of the layer.
 *
 * @category references
 * @since 0.1.0
 */
export const Current = Context.Reference<RedirectPolicy | undefined>("@redisc/core/RedirectPolicy", {
  defaultValue: () => undefined
})

/**
 * Runs an effect with this policy for all commands in it. If the value is no policy, which is possible only without types, the
 * effect fails with `InvalidArgument`.
 *
 * **Example** (A region that does not wait)
 *
 * ```ts
 * import { Redis, RedirectPolicy } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const both = Effect.all([Redis.get("a"), Redis.get("b")]).pipe(RedirectPolicy.provide(RedirectPolicy.none))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const provide: {
  (policy: RedirectPolicy): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, policy: RedirectPolicy): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, policy: RedirectPolicy): Effect.Effect<A, E, R> => {
    const problem = policy === undefined ? undefined : check("what RedirectPolicy.provide is given", policy)
    return problem === undefined
      ? Effect.provideService(self, Current, policy)
      : Effect.suspend(() => Effect.fail(unsent(new InvalidArgument({ problem })) as never))
  }
)

/**
 * The facts about the command that the decision depends on, besides the failure.
 *
 * @category models
 * @since 0.1.0
 */
export interface Facts {
  /** Whether the command may be sent again although it may have been executed: it only reads, or was marked idempotent. */
  readonly repeatable: boolean
  /** How many redirects this command has followed already. */
  readonly redirects: number
  /** Whether the command went out in a short form that the server may not know: a script by its digest. */
  readonly abridged: boolean
  /** The address that a redirect names, relative to the node that sent it; `undefined` if it names none. */
  readonly target: Address.Address | undefined
}

/**
 * What to do with the command, and what to do about the slot map.
 *
 * **Details**
 *
 * For the command:
 * - `GiveUp` fails it.
 * - `ByMap` sends it again, to the node that serves the slot then.
 * - `To` sends it to one address.
 * - `InFull` sends the full form at once, because the node did not know the short one.
 *
 * With `pause`, the client first waits for as long as the schedule says.
 *
 * For the slot map: `Keep` it, `Refresh` it, or `Patch` one slot; without a slot, all of them. `Renew` is for a node that names
 * itself as the new owner: the node's address leads to another server by now, so the connection is opened anew.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decision {
  readonly command:
    | { readonly _tag: "GiveUp" }
    | { readonly _tag: "InFull" }
    | { readonly _tag: "ByMap"; readonly pause: boolean }
    | { readonly _tag: "To"; readonly address: Address.Address; readonly asking: boolean; readonly pause: boolean }
  readonly topology:
    | { readonly _tag: "Keep" }
    | { readonly _tag: "Refresh" }
    | { readonly _tag: "Renew"; readonly address: Address.Address }
    | { readonly _tag: "Patch"; readonly slot: number | undefined; readonly address: Address.Address }
}

const giveUp = { _tag: "GiveUp" } as const
const keep = { _tag: "Keep" } as const
const refresh = { _tag: "Refresh" } as const
const again = { _tag: "ByMap", pause: true } as const

/** How many redirects in a row are followed without a pause. After more, the nodes disagree, and hurrying does not help. */
const promptRedirects = 3

/**
 * Maps a failure to what happens to the command and to the map. Pure. A command that may have been executed is sent again only
 * if it is `repeatable`, whatever the reason.
 *
 * @category decisions
 * @since 0.1.0
 */
export const decide = (failure: Failure, facts: Facts): Decision => {
  const decision = follow(failure, facts)
  return failure.delivery === "MaybeExecuted" && !facts.repeatable ? { ...decision, command: giveUp } : decision
}

const follow = (failure: Failure, facts: Facts): Decision => {
  const { reason } = failure
  const pause = facts.redirects >= promptRedirects
  switch (reason._tag) {
    case "Moved": {
      if (facts.target === undefined) return { command: again, topology: refresh }
      const address = facts.target
      if (address.key === failure.node) return { command: again, topology: { _tag: "Renew", address } }
      return {
        command: { _tag: "To", address, asking: false, pause },
        topology: { _tag: "Patch", slot: reason.slot, address }
      }
    }
    case "Ask":
      return facts.target === undefined
        ? { command: again, topology: refresh }
        : { command: { _tag: "To", address: facts.target, asking: true, pause }, topology: keep }
    case "Redirected":
      return facts.target === undefined || facts.target.key === failure.node
        ? { command: again, topology: refresh }
        : {
          command: { _tag: "To", address: facts.target, asking: false, pause },
          topology: { _tag: "Patch", slot: undefined, address: facts.target }
        }
    case "TryAgain":
      return { command: again, topology: keep }
    case "ClusterDown":
    case "ConnectionFailed":
    case "ConnectionLost":
    case "NoNodeForSlot":
    case "ProtocolViolation":
      return { command: again, topology: refresh }
    case "AuthenticationFailed":
      // While connecting, credentials may be refused for a moment, while they are rotated or permissions are loaded.
      return failure.delivery === "NotSent" ? { command: again, topology: keep } : { command: giveUp, topology: keep }
    case "Timeout":
      return { command: giveUp, topology: refresh }
    case "ServerError":
      return { command: facts.abridged && isUnknownScript(failure) ? { _tag: "InFull" } : giveUp, topology: keep }
    default:
      return { command: giveUp, topology: keep }
  }
}
