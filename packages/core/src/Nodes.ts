/**
 * Work on each node of a cluster: any effect, run once a node, in a session there.
 *
 * For one command on many nodes, `RedisCluster.executeEach` is shorter, and needs no connection of its own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Command from "./Command.ts"
import { membersOf, nodesCheck } from "./internal/execution/members.ts"
import type { NodeResult, Nodes } from "./internal/execution/members.ts"
import { unsent } from "./internal/failures/failure.ts"
import * as Settings from "./internal/values/settings.ts"
import { RedisCluster } from "./RedisCluster.ts"
import * as RedisError from "./RedisError.ts"
import * as Session from "./Session.ts"
import type { Node } from "./SlotMap.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** How many nodes are visited at the same time. Default 8. */
  readonly concurrency?: number | "unbounded" | undefined
}

const concurrency: Settings.Check = (name, value) => {
  const problem = value === "unbounded" ? undefined : Settings.count(name, value)
  return problem?.replace(", not ", ` or "unbounded", not `)
}

const problemOf = (nodes: unknown, effect: unknown, options: unknown): string | undefined => {
  const problem = nodesCheck("nodes", nodes)
  if (problem !== undefined) return problem
  if (!Effect.isEffect(effect) && typeof effect !== "function") {
    return `what to run on each node has to be an Effect, or a function of the node, not ${Settings.kindOf(effect)}`
  }
  return options === undefined ? undefined : Settings.optionsProblem(options, { concurrency })
}

/** What is no Effect would never end. */
const orRefused = <A, E, R>(made: Effect.Effect<A, E, R>): Effect.Effect<A, E | RedisError.RedisError, R> => {
  if (Effect.isEffect(made)) return made
  const problem = `what a function runs on each node has to be an Effect, not ${Settings.kindOf(made)}`
  return Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
}

type Visit<A, E, R> = Effect.Effect<A, E, R> | ((node: Node) => Effect.Effect<A, E, R>)

/**
 * Runs an effect on each node, in a session that is bound to that node, and streams what comes of it, node by node, as it
 * comes.
 *
 * **Details**
 *
 * - The nodes are those that the client knows when the stream begins. On replicas the session has declared READONLY, so
 *   that keys can be read there.
 * - What fails on a node, connecting too, is that node's result; the others are visited all the same. The stream itself
 *   fails with `NoNodeForSlot` when no such node is known.
 * - Commands go where the session is, whatever slot their keys are in: a node redirects what is not its own.
 *
 * **Example** (Counting keys as they come)
 *
 * ```ts
 * import { Nodes, Redis } from "@redisc/core"
 * import { Effect, Result, Stream } from "effect"
 *
 * const counted = Nodes.visit("primaries", Redis.dbsize(), { concurrency: 2 }).pipe(
 *   Stream.runForEach(({ address, result }) =>
 *     Effect.log(address.key, Result.isSuccess(result) ? result.success : result.failure.message))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const visit = <A, E, R>(
  nodes: Nodes,
  effect: Visit<A, E, R>,
  options?: Options
): Stream.Stream<
  NodeResult<A, E | RedisError.RedisError>,
  RedisError.RedisError,
  Exclude<R, Command.Redis> | RedisCluster
> =>
  Stream.unwrap(Effect.map(RedisCluster, (cluster) => {
    const problem = problemOf(nodes, effect, options)
    if (problem !== undefined) return Stream.fail(unsent(new RedisError.InvalidArgument({ problem })))
    const members = membersOf(cluster.topology.currentUnsafe(), nodes)
    if (members.length === 0) {
      const role = nodes === "replicas" ? "replica" : undefined
      return Stream.fail(unsent(new RedisError.NoNodeForSlot({ role })))
    }
    return Stream.mapEffect(Stream.fromIterable(members), (node) => {
      const { address, role } = node
      const work = Effect.isEffect(effect) ? effect : Effect.suspend(() => orRefused(effect(node)))
      return Effect.map(
        Effect.result(Session.use({ node: address }, work)),
        (result): NodeResult<A, E | RedisError.RedisError> => ({ address, role, result })
      )
    }, { concurrency: options?.concurrency ?? 8, unordered: true })
  }))

/**
 * The same, collected: each node's result by the key of its address, `"10.0.0.1:6379"`.
 *
 * **Example** (Memory of all nodes)
 *
 * ```ts
 * import { Nodes, Redis } from "@redisc/core"
 *
 * const memory = Nodes.collect("all", Redis.info(["memory"]))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const collect = <A, E, R>(
  nodes: Nodes,
  effect: Visit<A, E, R>,
  options?: Options
): Effect.Effect<
  Readonly<Record<string, Result.Result<A, E | RedisError.RedisError>>>,
  RedisError.RedisError,
  Exclude<R, Command.Redis> | RedisCluster
> =>
  Effect.map(
    Stream.runCollect(visit(nodes, effect, options)),
    (results) => Object.fromEntries(results.map(({ address, result }) => [address.key, result]))
  )
