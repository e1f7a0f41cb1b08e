/**
 * A dedicated connection for a part of a program, bound to the keys of one slot or to a node, until a scope is closed.
 *
 * Inside a session every command runs on that one connection. Commands are built in the same way as elsewhere. WATCH, WAIT and
 * work on one node need a session. Everything else should do without: shared connections are faster, and follow redirects.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Address from "./Address.ts"
import { Client } from "./Client.ts"
import * as Command from "./Command.ts"
import * as CommandSpec from "./CommandSpec.ts"
import { anySlot, slotOfKeys } from "./internal/commands/keySlot.ts"
import { toSent } from "./internal/commands/sendable.ts"
import type { Connection } from "./internal/connection/connection.ts"
import type { ClusterRouter } from "./internal/execution/clusterRouter.ts"
import { Executor } from "./internal/execution/executor.ts"
import { known } from "./internal/execution/firstMap.ts"
import * as Redirects from "./internal/execution/redirects.ts"
import { byMap } from "./internal/execution/router.ts"
import type { Route } from "./internal/execution/router.ts"
import { SessionRouter } from "./internal/execution/sessionRouter.ts"
import { toError, unsent } from "./internal/failures/failure.ts"
import type { Failure } from "./internal/failures/failure.ts"
import { address, flag, kindOf, oneOf, optionsProblem } from "./internal/values/settings.ts"
import type * as NodePool from "./NodePool.ts"
import * as ReadFrom from "./ReadFrom.ts"
import * as RedisError from "./RedisError.ts"
import * as SlotMap from "./SlotMap.ts"

/**
 * What a session is bound to.
 *
 * **Details**
 *
 * - `keys` of one slot: the node that serves it. The session then takes only commands on keys of that slot.
 * - `node`: that node, whatever slots it serves. A replica answers reads in such a session.
 * - neither: a primary, each session the next one in turn.
 *
 * With `readFrom` a replica may answer, see {@link ReadFrom}. Such a session can't write.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  readonly keys?: Command.Arg | ReadonlyArray<Command.Arg> | undefined
  readonly node?: string | Address.Address | undefined
  readonly readFrom?: ReadFrom.ReadFrom | undefined
}

/**
 * An open session. It executes commands like the service {@link Command.Redis}, but over its one connection.
 *
 * **Details**
 *
 * A redirect is an error here (`Moved`, `Ask`, `TryAgain`), since following it would mean leaving the connection. Wrong use
 * fails with `SessionMisused`: a key of another slot, a command while another one blocks the connection, any use after the
 * scope has closed.
 *
 * @category models
 * @since 0.1.0
 */
export type Session = Command.Redis["Service"] & {
  readonly address: Address.Address
  /** The slot that the session is bound to; undefined if it is bound to a node. */
  readonly slot: number | undefined
}

const slotOfTarget = (
  { keys }: Target,
  oneSlot: boolean
): number | RedisError.CrossSlot | RedisError.InvalidArgument => {
  if (keys === undefined) return anySlot
  const sent = toSent(Array.isArray(keys) ? keys : [keys])
  return typeof sent === "string"
    ? new RedisError.InvalidArgument({ problem: `the keys of a session: ${sent}` })
    : slotOfKeys(sent, oneSlot)
}

const targetChecks = {
  keys: (name: string, keys: unknown) =>
    Array.isArray(keys) && keys.length === 0 ? `${name} is empty: give a key at least, or leave it out` : undefined,
  node: (name: string, node: unknown) => typeof node === "string" ? undefined : address(name, node),
  readFrom: oneOf(...ReadFrom.choices)
}

const useChecks = { rerun: flag }

const refused = (reason: RedisError.Reason): Effect.Effect<never, RedisError.RedisError> => Effect.fail(unsent(reason))

const nodeOf = (
  { cluster }: ClusterRouter,
  node: string | Address.Address
): Result.Result<NodePool.Node, string> =>
  Result.map(Address.read(node), (address) => {
    const known = SlotMap.resolve(cluster.topology.currentUnsafe(), address)
    return known?.role === "replica" ? cluster.pool.reader(known.address) : cluster.pool.node(known?.address ?? address)
  })

const choose = (
  router: ClusterRouter,
  target: Target,
  slot: number,
  route: Route
): Effect.Effect<NodePool.Node, RedisError.RedisError> => {
  const { closed, pool, topology } = router.cluster
  if (closed) return refused(new RedisError.Closed())
  if (route._tag === "To") {
    if (route.asking) topology.keep(route.address)
    return Effect.succeed(pool.node(route.address))
  }
  if (target.node !== undefined) {
    const node = nodeOf(router, target.node)
    return Result.isSuccess(node)
      ? Effect.succeed(node.success)
      : refused(new RedisError.InvalidArgument({ problem: node.failure }))
  }
  const readFrom = target.readFrom ?? "primary"
  const node = router.placement.nodeOf(slot, readFrom)
  return node === undefined ? refused(router.placement.noNode(slot, readFrom)) : Effect.succeed(node)
}

interface Opened {
  readonly session: Session
  readonly connection: Connection
}

const open = Effect.fnUntraced(function*(
  router: ClusterRouter,
  target: Target,
  route: Route
): Effect.fn.Return<Opened, RedisError.RedisError, Scope.Scope> {
  const both = "bind a session by keys or to a node, not both"
  const problem = optionsProblem(target, targetChecks) ??
    (target.keys !== undefined && target.node !== undefined ? both : undefined)
  if (problem !== undefined) {
    return yield* refused(new RedisError.InvalidArgument({ problem }))
  }
  yield* known(router.cluster)
  const { oneSlot } = router
  const slot = slotOfTarget(target, oneSlot)
  if (typeof slot !== "number") return yield* refused(slot)
  const node = yield* router.heeding(choose(router, target, slot, route))
  const connection = yield* router.heeding(node.dedicated)
  const bound = oneSlot && slot !== anySlot ? slot : undefined
  const own = new SessionRouter({
    connection,
    slot: bound,
    asking: route._tag === "To" && route.asking,
    cluster: router
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => own.end()))
  const { execute, executeAll } = new Executor(own)
  return { session: { execute, executeAll, address: node.address, slot: bound }, connection }
})

/**
 * Opens a session that lasts until the scope is closed.
 *
 * **Details**
 *
 * Fails with `CrossSlot` if the keys are not of one slot, with `NoNodeForSlot` if no node serves it, with `ConnectionFailed` if
 * its node can't be reached, and with `Timeout` if all of that node's dedicated connections are in use for longer than
 * `leaseTimeout`.
 *
 * Provide it to a part of a program as its `Redis`, or execute commands on it.
 *
 * **Example** (Two commands on one connection)
 *
 * ```ts
 * import { Redis, Session } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const session = yield* Session.make({ keys: "user:1" })
 *   yield* session.execute(Redis.set("user:1", "ada"))
 *   return yield* Redis.get("user:1").pipe(Effect.provideService(Redis.Redis, session))
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  target: Target = {}
): Effect.Effect<Session, RedisError.RedisError, Scope.Scope | Client> =>
  Effect.flatMap(
    Client,
    ({ router }) => Effect.map(open(router, target, byMap), ({ session }) => session)
  )

/**
 * Runs an effect with a session as its `Redis`, so that all its commands go over one connection.
 *
 * **Details**
 *
 * By default a redirect, or a node that can't serve now, fails the command that met it. With `rerun` the whole effect is run
 * again from its beginning, in a new session, on the node that the redirect named or that serves the slot by then, as the
 * redirect policy says. Everything it did before is done again. If the connection was lost with a command under way, the effect
 * is run again only if that command just reads or watches.
 *
 * **Gotchas**
 *
 * Only commands that run inside the effect, through the `Redis` of its fiber, use the session. A service that took
 * `Redis.Redis` when it was built goes on using the shared connections.
 *
 * **Example** (A block that follows its slot)
 *
 * ```ts
 * import { Redis, Session } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const confirmed = Session.use(
 *   { keys: "user:1" },
 *   Effect.gen(function*() {
 *     yield* Redis.set("user:1", "ada")
 *     return yield* Redis.wait(1, "100 millis") // how many replicas have it
 *   }),
 *   { rerun: true }
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const use = <A, E, R>(
  target: Target,
  effect: Effect.Effect<A, E, R>,
  options?: { readonly rerun?: boolean | undefined }
): Effect.Effect<A, E | RedisError.RedisError, Exclude<R, Command.Redis> | Client> =>
  Effect.flatMap(Client, ({ router }) => {
    const once: Once<A, E, Exclude<R, Command.Redis>> = (route, onOpen) =>
      Effect.scoped(Effect.flatMap(open(router, target, route), ({ connection, session }) => {
        onOpen(connection)
        return Effect.provideService(effect, Command.Redis, session)
      }))
    const problem = (options === undefined ? undefined : optionsProblem(options, useChecks)) ?? effectProblem(effect)
    if (problem !== undefined) return refused(new RedisError.InvalidArgument({ problem }))
    return options?.rerun === true ? rerun(router, () => slotOfRoom(router, target), once) : once(byMap, () => {})
  })

const effectProblem = (effect: unknown): string | undefined =>
  Effect.isEffect(effect) ? undefined : `give a session the Effect to run in it, not ${kindOf(effect)}`

/** The slot whose primary the session needs; undefined for one that is bound to a node, or reads from replicas. */
const slotOfRoom = (router: ClusterRouter, target: Target): number | undefined => {
  if (target.node !== undefined || (target.readFrom ?? "primary") !== "primary") return undefined
  const slot = slotOfTarget(target, router.oneSlot)
  return typeof slot === "number" ? slot : undefined
}

type Once<A, E, R> = (
  route: Route,
  onOpen: (connection: Connection) => void
) => Effect.Effect<A, E | RedisError.RedisError, R>

/** The delivery of the whole block. The error is about one command, but others may have been under way beside it. */
const deliveryOf = (
  { command, delivery, inPart }: RedisError.RedisError,
  connection: Connection | undefined
): RedisError.Delivery => {
  if (inPart === true || connection?.lostWork() === true) return "MaybeExecuted"
  const spec = command === undefined ? undefined : CommandSpec.find(command)
  return spec !== undefined && CommandSpec.isHarmless(spec) ? "NotSent" : delivery
}

/**
 * Runs a block again in the same way as a command is tried again. Fails with the block's last error, which names the failed
 * command.
 */
const rerun = <A, E, R>(
  router: ClusterRouter,
  slotOf: () => number | undefined,
  once: Once<A, E, R>
): Effect.Effect<A, E | RedisError.RedisError, R> => {
  let last: RedisError.RedisError | undefined
  const again = (route: Route) => {
    let connection: Connection | undefined
    const opened = (one: Connection): void => {
      connection = one
    }
    return Effect.matchEffect(once(route, opened), {
      onSuccess: (value): Effect.Effect<Result.Result<A, Failure>, E> => Effect.succeed(Result.succeed(value)),
      onFailure: (error): Effect.Effect<Result.Result<A, Failure>, E> => {
        if (!RedisError.isRedisError(error)) return Effect.fail(error)
        last = error
        const { node, reason } = error
        return Effect.succeed(Result.fail({ delivery: deliveryOf(error, connection), node, reason }))
      }
    })
  }
  return Effect.flatMap(again(byMap), (first) =>
    Result.isSuccess(first)
      ? Effect.succeed(first.success)
      : Redirects.persevere(router, {
        repeatable: false,
        patient: false,
        placeOf: () => {
          const slot = slotOf()
          return slot === undefined ? undefined : { slot, readFrom: "primary" }
        },
        beside: true,
        reads: false,
        stale: false,
        overtaken: false,
        abridged: false,
        deadline: Infinity,
        again,
        // If the policy itself is invalid, the error is not one of the block.
        error: (failure, attempts) =>
          last?.reason === failure.reason
            ? last
            : toError({ ...failure, delivery: last?.delivery ?? failure.delivery }, { attempts })
      }, first.failure))
}
