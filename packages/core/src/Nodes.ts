/**
 * Work on chosen nodes, whatever slots they serve: a command on one node ({@link executeOn}), a command on each node of a role
 * ({@link execute}), or any effect on each node, in a session there ({@link visit}, {@link collect}).
 *
 * Commands go over the shared connections. For a dedicated connection to one node, use `Session.use` with `node` as its target.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Address from "./Address.ts"
import { Client } from "./Client.ts"
import * as Command from "./Command.ts"
import { known } from "./internal/execution/firstMap.ts"
import { membersOf, nodesCheck } from "./internal/execution/members.ts"
import type { NodeResult, Nodes } from "./internal/execution/members.ts"
import * as OnNodes from "./internal/execution/onNodes.ts"
import * as Tracing from "./internal/execution/tracing.ts"
import { unsent } from "./internal/failures/failure.ts"
import * as Settings from "./internal/values/settings.ts"
import * as RedisError from "./RedisError.ts"
import * as Session from "./Session.ts"
import type { Node } from "./SlotMap.ts"

export type { NodeResult, Nodes } from "./internal/execution/members.ts"

/**
 * Executes a command on one node, whatever slot its keys are in.
 *
 * **Details**
 *
 * Redirects are not followed: it fails with `Moved` or `Ask` if the node does not serve the command's keys. Reads go to a
 * replica over a connection that has declared READONLY, so that the replica answers them. Commands that block get a dedicated
 * connection.
 *
 * **Example** (One node's clients)
 *
 * ```ts
 * import { Nodes, Redis } from "@redisc/core"
 *
 * const clients = Nodes.executeOn("10.0.0.1:6379", Redis.clientList())
 * ```
 *
 * @category executing
 * @since 0.1.0
 */
export const executeOn = <A>(
  node: string | Address.Address,
  given: Command.Command<A>
): Effect.Effect<A, RedisError.RedisError, Client> =>
  Effect.flatMap(Client, ({ router }) =>
    Effect.withFiber((fiber) => {
      const command = Command.orInvalid(given)
      const work = OnNodes.executeOn(router.cluster, node, command)
      return Tracing.isTraced(fiber)
        ? Tracing.traced(command, (seen) =>
          Effect.tap(work, () => Effect.sync(() => seen(Result.getOrThrow(Address.read(node)).key))))
        : work
    }))

/**
 * Executes a command on each node of a role at the same time, and returns the result of each node.
 *
 * **Details**
 *
 * A failure on a node is the result of that node. The whole effect fails only if `nodes` is not the name of a role. The nodes
 * are those that the client knows to be up.
 *
 * **Example** (Memory, node by node)
 *
 * ```ts
 * import { Nodes, Redis } from "@redisc/core"
 *
 * const memory = Nodes.execute("primaries", Redis.info(["memory"]))
 * ```
 *
 * @category executing
 * @since 0.1.0
 */
export const execute = <A>(
  nodes: Nodes,
  given: Command.Command<A>
): Effect.Effect<ReadonlyArray<NodeResult<A>>, RedisError.RedisError, Client> =>
  Effect.flatMap(Client, ({ router }) =>
    Effect.withFiber((fiber) => {
      const command = Command.orInvalid(given)
      const problem = nodesCheck("nodes", nodes)
      if (problem !== undefined) return Effect.fail(unsent(new RedisError.InvalidArgument({ problem }), command))
      const work = OnNodes.executeEach(router.cluster, command, nodes)
      return Tracing.isTraced(fiber)
        ? Tracing.traced(
          command,
          (seen) => Effect.tap(work, (results) => Effect.sync(() => seen(...OnNodes.nodesOf(results)))),
          (results) => OnNodes.failuresIn(results)[0]
        )
        : work
    }))

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** The maximum number of nodes that are visited at the same time. Default 8. */
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

/** Fails if a function returned something else than an Effect. */
const orRefused = <A, E, R>(made: Effect.Effect<A, E, R>): Effect.Effect<A, E | RedisError.RedisError, R> => {
  if (Effect.isEffect(made)) return made
  const problem = `what a function runs on each node has to be an Effect, not ${Settings.kindOf(made)}`
  return Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
}

type Visit<A, E, R> = Effect.Effect<A, E, R> | ((node: Node) => Effect.Effect<A, E, R>)

/**
 * Runs an effect on each node, in a session bound to that node, and streams the results of the nodes as they arrive.
 *
 * **Details**
 *
 * - The nodes are those that the client knows when the stream begins. On replicas the session has declared READONLY, so that
 *   their keys can be read.
 * - A failure on a node, including one to connect, is the result of that node; the other nodes are still visited. The stream
 *   itself fails with `NoNodeForSlot` if no such node is known.
 * - Commands go to the node of the session, whatever slot their keys are in. A node answers with a redirect if it does not
 *   serve the slot.
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
  Exclude<R, Command.Redis> | Client
> =>
  Stream.unwrap(Effect.gen(function*() {
    const { router, topology } = yield* Client
    const problem = problemOf(nodes, effect, options)
    if (problem !== undefined) return Stream.fail(unsent(new RedisError.InvalidArgument({ problem })))
    yield* known(router.cluster)
    const members = membersOf(topology.currentUnsafe(), nodes)
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
 * Like {@link visit}, but collected: the results of all nodes by the keys of their addresses, such as `"10.0.0.1:6379"`.
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
  Exclude<R, Command.Redis> | Client
> =>
  Effect.map(
    Stream.runCollect(visit(nodes, effect, options)),
    (results) => Object.fromEntries(results.map(({ address, result }) => [address.key, result]))
  )
