/**
 * Executes a command on named nodes, or on the nodes of a role, whatever slot it is about. There is one try per node, over the
 * node's own connections, and no redirect is followed.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Address from "../../Address.ts"
import type * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import { deadlineOf } from "../connection/call.ts"
import { unsent } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import { unsound } from "./admission.ts"
import type { Cluster } from "./cluster.ts"
import { known, unbegun } from "./firstMap.ts"
import * as Lines from "./lines.ts"
import { membersOf } from "./members.ts"
import type { NodeResult, Nodes } from "./members.ts"

/**
 * Executes a command on one node. Reads go to a replica over a connection that has declared READONLY. `deadline` is as in
 * `Node.executeBy`.
 */
export const executeOn = <A>(
  cluster: Cluster,
  given: string | Address.Address,
  command: Command.Command<A>,
  lines: Lines.Lines = Lines.shared,
  deadline?: number
): Effect.Effect<A, RedisError.RedisError> =>
  Effect.suspend(() => {
    const refused = (reason: RedisError.Reason) => Effect.fail(unsent(reason, command))
    const nowhere = typeof given === "string" ? undefined : Settings.address("what to execute on", given)
    if (nowhere !== undefined) return refused(new RedisError.InvalidArgument({ problem: nowhere }))
    if (cluster.closed) return refused(new RedisError.Closed())
    const problem = unsound(command)
    if (problem !== undefined) return refused(problem)
    const read = Address.read(given)
    if (Result.isFailure(read)) return refused(new RedisError.InvalidArgument({ problem: read.failure }))
    const address = read.success
    const { firstMap, pool, topology } = cluster
    const execute = (deadline: number | undefined) => {
      const isReplica = SlotMap.resolve(topology.currentUnsafe(), address)?.role === "replica"
      const node = isReplica && command.spec.readOnly ? pool.reader(address) : pool.node(address)
      return lines.execute(node, command, deadline)
    }
    return firstMap.isKnown ? execute(deadline) : onceKnown(cluster, command, execute)
  })

/** Waits for the first map, as part of the time that the command has. */
const onceKnown = <A, B>(
  cluster: Cluster,
  command: Command.Command<A>,
  execute: (deadline: number) => Effect.Effect<B, RedisError.RedisError>
): Effect.Effect<B, RedisError.RedisError> => {
  const { clock, commandTimeout } = cluster
  const deadline = deadlineOf(command, clock.readExactly(), commandTimeout)
  return Effect.andThen(
    known(cluster, deadline, (failure) => unbegun(failure, command, commandTimeout)),
    Effect.suspend(() => execute(deadline))
  )
}

/** Executes a command on all nodes of a role at once. A failure on a node is the result of that node. */
export const executeEach = <A>(
  cluster: Cluster,
  command: Command.Command<A>,
  nodes: Nodes
): Effect.Effect<ReadonlyArray<NodeResult<A>>, RedisError.RedisError> => {
  const execute = (deadline: number | undefined) =>
    Effect.forEach(membersOf(cluster.topology.currentUnsafe(), nodes), ({ address, role }) =>
      Effect.map(
        Effect.result(executeOn(cluster, address, command, Lines.shared, deadline)),
        (result): NodeResult<A> => ({ address, role, result })
      ), { concurrency: "unbounded" })
  return Effect.suspend(() =>
    cluster.firstMap.isKnown || cluster.closed ? execute(undefined) : onceKnown(cluster, command, execute)
  )
}

/** The keys of the nodes that have answered or failed. */
export const nodesOf = (results: ReadonlyArray<NodeResult<unknown>>): ReadonlyArray<string | undefined> =>
  results.map(({ address, result }) => Result.isSuccess(result) ? address.key : result.failure.node)

export const failuresIn = (results: ReadonlyArray<NodeResult<unknown>>): ReadonlyArray<RedisError.RedisError> =>
  results.flatMap(({ result }) => Result.isFailure(result) ? [result.failure] : [])
