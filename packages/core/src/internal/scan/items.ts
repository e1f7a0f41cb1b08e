/**
 * Pages of the items of one key (HSCAN, SSCAN, ZSCAN). A cursor means something only at the node that gave it, so a page carries its
 * node, and the next one goes there. If that node no longer answers for the key, the key is read from its beginning, wherever it is
 * then.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Address from "../../Address.ts"
import * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import { deadlineOf, decoded } from "../connection/call.ts"
import type { ClusterRouter } from "../execution/clusterRouter.ts"
import { known } from "../execution/firstMap.ts"
import * as Redirects from "../execution/redirects.ts"
import { byMap, isAsking } from "../execution/router.ts"
import type { Route } from "../execution/router.ts"
import { toError, unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import { isPassing } from "./work.ts"

/**
 * Where the next page of a key's items is: the node and its cursor. Plain data.
 *
 * @category models
 * @since 0.1.0
 */
export interface Next {
  readonly node: string
  readonly cursor: string
  /** Whether the key was at the target of its slot's migration, which has to be asked for it. */
  readonly asking: boolean
}

/**
 * A page of the items of one key. Without `next` it is the last one.
 *
 * @category models
 * @since 0.1.0
 */
export interface ItemPage<out A> {
  readonly items: ReadonlyArray<A>
  readonly next: Next | undefined
}

/** A command that reads one page from a cursor. */
export type Paged<A> = (cursor: string) => Command.Command<{
  readonly cursor: `${bigint}`
  readonly items: ReadonlyArray<A>
}>

type Page<A> = Effect.Effect<ItemPage<A>, RedisError.RedisError>

const refused = (problem: string, command?: Command.Any): Effect.Effect<never, RedisError.RedisError> =>
  Effect.fail(unsent(new RedisError.InvalidArgument({ problem }), command))

/** The command of a page; the problem, if the function makes no such command. */
const commandAt = <A>(paged: Paged<A>, cursor: string): ReturnType<Paged<A>> | string => {
  const right =
    "has to be a function that makes HSCAN, SSCAN or ZSCAN of a cursor, as in (cursor) => Redis.sscan(key, cursor)"
  if (typeof paged !== "function") return `what reads a page ${right}, not ${Settings.kindOf(paged)}`
  try {
    const command = paged(cursor)
    if (Command.isCommand(command) && command.spec.sticky && command.spec.keys.length > 0) return command
  } catch {
    return `what reads a page has thrown: it ${right}`
  }
  return `what reads a page ${right}`
}

type Tried<A> = Effect.Effect<Result.Result<ItemPage<A>, Failure>, RedisError.RedisError>

const attempt = <A>(
  router: ClusterRouter,
  command: ReturnType<Paged<A>>,
  { deadline, route, slot }: { readonly slot: number; readonly deadline: number; readonly route: Route }
): Tried<A> =>
  Effect.flatMap(
    router.send({ command, slot, deadline, route, together: false }),
    (outcome): Tried<A> =>
      outcome._tag === "Failed"
        ? Effect.succeed(Result.fail(outcome.failure))
        : Effect.map(decoded(command, outcome.value, outcome.node, slot), ({ cursor, items }) =>
          Result.succeed({
            items,
            next: cursor === "0" ? undefined : { node: outcome.node, cursor, asking: isAsking(route) }
          }))
  )

/** Makes tries of a command, with their common slot, deadline and error. */
const withCommand = <A>(
  router: ClusterRouter,
  paged: Paged<A>,
  cursor: string,
  use: (work: {
    readonly tryAt: (route: Route) => Tried<A>
    readonly slot: number
    readonly deadline: number
    readonly error: (failure: Failure, attempts: number) => RedisError.RedisError
  }) => Page<A>
): Page<A> =>
  Effect.withFiber((fiber) => {
    const command = commandAt(paged, cursor)
    if (typeof command === "string") return refused(command)
    const slot = router.admit(command, fiber, true)
    if (typeof slot !== "number") {
      return "message" in slot ? Effect.fail(unsent(slot, command)) : refused("it is about several keys", command)
    }
    const deadline = deadlineOf(command, router.clock.readExactly(), router.timeout)
    const time = deadlineOf(command, 0, router.timeout)
    return use({
      tryAt: (route) => attempt(router, command, { slot, deadline, route }),
      slot,
      deadline,
      error: (failure, attempts) => toError(failure, { command, slot, attempts, time })
    })
  })

const first = <A>(router: ClusterRouter, paged: Paged<A>): Page<A> =>
  withCommand(
    router,
    paged,
    "0",
    ({ deadline, error, slot, tryAt }) =>
      Effect.flatMap(tryAt(byMap), (page) =>
        Result.isSuccess(page)
          ? Effect.succeed(page.success)
          : Redirects.persevere<ItemPage<A>, RedisError.RedisError, never>(router, {
            repeatable: true,
            patient: false,
            abridged: false,
            placeOf: () => ({ slot, readFrom: "primary" }),
            beside: false,
            reads: true,
            stale: false,
            deadline,
            overtaken: false,
            again: tryAt,
            error
          }, page.failure))
  )

const isGone = (error: RedisError.RedisError): boolean => error.reason._tag !== "Timeout" && isPassing(error)

const further = <A>(router: ClusterRouter, paged: Paged<A>, { asking, cursor, node }: Next): Page<A> => {
  const address = Address.read(node)
  if (Result.isFailure(address)) return refused(`node of the next page: ${address.failure}`)
  return withCommand(
    router,
    paged,
    cursor,
    ({ error, tryAt }) =>
      Effect.flatMap(tryAt({ _tag: "To", address: address.success, asking }), (page) => {
        if (Result.isSuccess(page)) return Effect.succeed(page.success)
        const failed = error(page.failure, 1)
        return isGone(failed) ? first(router, paged) : Effect.fail(failed)
      })
  )
}

const checks = {
  node: Settings.text,
  cursor: Settings.satisfies("a cursor", (value) => typeof value === "string" && /^\d{1,20}$/.test(value)),
  asking: Settings.flag
}

const isWhole = ({ asking, cursor, node }: Next): boolean =>
  node !== undefined && cursor !== undefined && asking !== undefined

/** The first page, or the one that `next` of an earlier page names. */
export const page = <A>(router: ClusterRouter, paged: Paged<A>, next: Next | undefined): Page<A> =>
  Effect.suspend(() => {
    if (!router.firstMap.isKnown) return Effect.andThen(known(router.cluster), page(router, paged, next))
    if (next === undefined) return first(router, paged)
    const problem = Settings.optionsProblem(next, checks, "next") ??
      (isWhole(next) ? undefined : "next has to be that of an earlier page, as it was")
    return problem === undefined ? further(router, paged, next) : refused(problem)
  })
