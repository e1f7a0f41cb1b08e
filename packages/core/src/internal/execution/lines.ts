/**
 * The choice among a node's connections: the shared ones, or those that a region holds.
 */
import * as Effect from "effect/Effect"
import type * as Command from "../../Command.ts"
import type * as NodePool from "../../NodePool.ts"
import type * as RedisError from "../../RedisError.ts"
import type { Call, Outcome, Taker } from "../connection/call.ts"
import { notSent } from "../failures/failure.ts"

export interface Lines {
  /** Why no more calls are taken; undefined while they are. */
  readonly over: () => RedisError.Reason | undefined
  /** Calls in one lane, such as those on a slot, keep their order. */
  readonly submit: (node: NodePool.Node, call: Call, lane: number) => void
  /** Makes an attempt on a connection that carries nothing else at the same time. */
  readonly alone: (
    node: NodePool.Node,
    deadline: number,
    attemptOn: (taker: Taker) => Effect.Effect<Outcome>
  ) => Effect.Effect<Outcome>
  /** Runs a command on the node. Redirects are not followed, but returned as errors. `deadline` is as in `Node.executeBy`. */
  readonly execute: <A>(
    node: NodePool.Node,
    command: Command.Command<A>,
    deadline?: number
  ) => Effect.Effect<A, RedisError.RedisError>
}

/** The shared connections. A command that has to be alone gets a dedicated one. */
export const shared: Lines = {
  over: () => undefined,
  submit: (node, call, lane) => node.submit(call, lane),
  alone: (node, deadline, attemptOn) =>
    Effect.scoped(Effect.matchEffect(node.dedicatedBy(deadline), {
      onSuccess: attemptOn,
      onFailure: ({ reason }) => Effect.succeed({ _tag: "Failed", failure: notSent(reason, node.address.key) })
    })),
  execute: (node, command, deadline) =>
    deadline === undefined ? node.execute(command) : node.executeBy(command, deadline)
}
