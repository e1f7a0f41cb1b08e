/**
 * What is looked at before a command is sent: whether it makes sense there. Pure.
 */
import type * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"

/** For commands that nobody may send on a connection that others, or other commands, use. */
export const insteadOfTakingOver =
  "use Redis.transaction for MULTI to EXEC, PubSub to subscribe, and Connection.make for the rest"

const instead = {
  Here: "it is about what was sent on the connection before it: use it in a session",
  Changes: "it changes the connection it is sent on, and connections are shared: use it in a session",
  Watches: "it changes the connection it is sent on, and connections are shared: use it in a session",
  Unwatches: "it changes the connection it is sent on, and connections are shared: use it in a session",
  TakesOver: `it takes its connection over, and connections are shared: ${insteadOfTakingOver}`
} as const

/** What is wrong with a command itself, wherever it is sent over shared connections. */
export const unsound = ({ problem, spec }: Command.Any): RedisError.InvalidArgument | undefined => {
  if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
  return spec.stateful === undefined ? undefined : new RedisError.InvalidArgument({ problem: instead[spec.stateful] })
}

const needsNode = ({ spec }: Command.Any): boolean => spec.sticky && spec.keys.length === 0

/** What is wrong with sending it to any node that would take it. */
export const unplaced = (command: Command.Any): RedisError.InvalidArgument | undefined => {
  const found = needsNode(command) ? command : command.before.find(needsNode)
  return found === undefined ? undefined : new RedisError.InvalidArgument({
    problem: `the cursor of ${found.spec.name} means something only at the node that gave it: run all of the scan in ` +
      "Nodes.visit for each node, in Session.use({ node }, ...) for one, or send each page with RedisCluster.executeOn"
  })
}
