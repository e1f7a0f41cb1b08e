/**
 * The way that a command takes, found before anything is sent: to the slot of its keys, split into parts, or nowhere, with
 * the reason. Pure.
 */
import type * as Effect from "effect/Effect"
import type * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import type { Seen } from "./tracing.ts"

/** A way that leads to several nodes, whose replies become one. */
export interface Split {
  readonly _tag: "Split"
  readonly execute: <A>(command: Command.Command<A>, seen: Seen) => Effect.Effect<A, RedisError.RedisError>
}

/** A slot (`anySlot` for a command without keys), a split, or the reason why the command is refused. */
export type Admission = number | Split | RedisError.Reason

/** What to use instead of a command that nobody may send on a connection that other commands use too. */
export const insteadOfTakingOver =
  "use Redis.transaction for MULTI to EXEC, PubSub to subscribe, and Connection.make for the rest"

const instead = {
  Here: "it is about what was sent on the connection before it: use it in a session",
  Changes: "it changes the connection it is sent on, and connections are shared: use it in a session",
  Watches: "it changes the connection it is sent on, and connections are shared: use it in a session",
  Unwatches: "it changes the connection it is sent on, and connections are shared: use it in a session",
  TakesOver: `it takes its connection over, and connections are shared: ${insteadOfTakingOver}`
} as const

/** What is wrong with a command wherever it would be sent over a shared connection. */
export const unsound = ({ problem, spec }: Command.Any): RedisError.InvalidArgument | undefined => {
  if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
  return spec.stateful === undefined ? undefined : new RedisError.InvalidArgument({ problem: instead[spec.stateful] })
}

const needsNode = ({ spec }: Command.Any): boolean => spec.sticky && spec.keys.length === 0

/** What is wrong with sending a command to any node that would take it. */
export const unplaced = (command: Command.Any): RedisError.InvalidArgument | undefined => {
  const found = needsNode(command) ? command : command.before.find(needsNode)
  return found === undefined ? undefined : new RedisError.InvalidArgument({
    problem: `the cursor of ${found.spec.name} means something only at the node that gave it: run all of the scan in ` +
      "Nodes.visit for each node, in Session.use({ node }, ...) for one, or send each page with Nodes.executeOn"
  })
}

/**
 * Whether a command is about all nodes, or all shards. One that is about its connection (WAIT) means that connection
 * alone, and what a special policy asks for is the caller's business.
 */
export const isForAllNodes = ({ spec }: Command.Any): boolean =>
  (spec.request === "AllShards" || spec.request === "AllNodes") &&
  spec.keys.length === 0 && spec.stateful === undefined && spec.response !== "Special"
