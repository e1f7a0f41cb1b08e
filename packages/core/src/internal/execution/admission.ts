/**
 * Decides where a command goes before anything is sent: to the slot of its keys, to several nodes in parts, or nowhere, with
 * the reason. Pure.
 */
import type * as Effect from "effect/Effect"
import type * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import type { Parts } from "./parts.ts"
import type { Seen } from "./tracing.ts"

/** The way of a command that goes to several nodes, whose replies are merged, or has to wait before its way is known. */
export interface Split {
  readonly _tag: "Split"
  /** `begun` is when the command began, in milliseconds of the Clock, if that was earlier. */
  readonly execute: <A>(
    command: Command.Command<A>,
    seen: Seen,
    begun?: number
  ) => Effect.Effect<A, RedisError.RedisError>
}

/** A slot (`anySlot` for a command without keys), parts for several slots, a split, or the reason why the command is refused. */
export type Admission = number | Parts | Split | RedisError.Reason

/** Advice for commands that take over their connection, which is refused on shared connections. */
export const insteadOfTakingOver =
  "use Redis.transaction for MULTI to EXEC, PubSub to subscribe, and Connection.make for the rest"

const instead = {
  Here: "it is about what was sent on the connection before it: use it in a session",
  Changes: "it changes the connection it is sent on, and connections are shared: use it in a session",
  Watches: "it changes the connection it is sent on, and connections are shared: use it in a session",
  Unwatches: "it changes the connection it is sent on, and connections are shared: use it in a session",
  TakesOver: `it takes its connection over, and connections are shared: ${insteadOfTakingOver}`
} as const

/** The reason why a command can't be sent over a shared connection; undefined if it can. */
export const unsound = ({ problem, spec }: Command.Any): RedisError.InvalidArgument | undefined => {
  if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
  return spec.stateful === undefined ? undefined : new RedisError.InvalidArgument({ problem: instead[spec.stateful] })
}

const needsNode = ({ spec }: Command.Any): boolean => spec.sticky && spec.keys.length === 0

/** The reason why a command can't go to just any node; undefined if it can. */
export const unplaced = (command: Command.Any): RedisError.InvalidArgument | undefined => {
  const found = needsNode(command) ? command : command.before.find(needsNode)
  return found === undefined ? undefined : new RedisError.InvalidArgument({
    problem: `the cursor of ${found.spec.name} means something only at the node that gave it: send it there with ` +
      "Nodes.executeOn, or in Session.use({ node }, ...). For the keys of the whole cluster there are Scan.keys and Scan.pages"
  })
}

/**
 * Whether a command goes to all nodes, or to all shards. A command about its own connection (WAIT) goes only there, and
 * commands with a special response policy are left to the caller.
 */
export const isForAllNodes = ({ spec }: Command.Any): boolean =>
  (spec.request === "AllShards" || spec.request === "AllNodes") &&
  spec.keys.length === 0 && spec.stateful === undefined && spec.response !== "Special"
