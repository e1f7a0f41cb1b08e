/**
 * Lets connections end that take no more calls: waits until no awaited call is left on them, and unblocks blocked commands.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type * as RedisError from "../../RedisError.ts"
import * as Reply from "../commands/reply.ts"
import { attempt } from "./call.ts"
import type { Taker } from "./call.ts"
import type { Connection } from "./connection.ts"

const CLIENT_UNBLOCK = CommandSpec.get("CLIENT UNBLOCK")

/** Pause between two checks whether any awaited call is left, in milliseconds. Abandoned calls give no notice. */
const lookAgain = 20

/** Completes when a connection that takes no more calls has ended. */
export const drained = (connection: Connection): Effect.Effect<unknown> => {
  const look = Effect.andThen(Effect.sleep(lookAgain), Effect.sync(connection.endIfIdle))
  return Effect.raceFirst(connection.closed, Effect.forever(look))
}

/**
 * Unblocks connections with CLIENT UNBLOCK over another one. A command that is answered at that moment keeps its answer. If
 * there is no other connection, the blocked ones are aborted with the reason.
 */
export const unblock = (
  connections: ReadonlyArray<Connection>,
  over: Effect.Effect<Taker, RedisError.RedisError, Scope.Scope>,
  reason: RedisError.Reason
): Effect.Effect<void> => {
  const blocked = connections.filter((connection) => !connection.isClosed() && connection.blockedBy() !== undefined)
  if (blocked.length === 0) return Effect.void
  return Effect.scoped(Effect.matchEffect(over, {
    onSuccess: (over) =>
      Effect.forEach(blocked, (connection) => release(connection, over, () => connection.abort(reason)), {
        concurrency: "unbounded",
        discard: true
      }),
    onFailure: () => Effect.sync(() => blocked.forEach((connection) => connection.abort(reason)))
  }))
}

/**
 * Sends CLIENT UNBLOCK repeatedly: the blocking command may not have reached the server yet, and another may be behind it.
 * `orElse` is called if that is not possible.
 */
export const release = Effect.fnUntraced(function*(
  connection: Pick<Connection, "isClosed" | "blockedBy" | "endIfIdle" | "closed" | "id">,
  over: Taker,
  orElse: () => void
): Effect.fn.Return<void> {
  while (!connection.isClosed() && connection.blockedBy() !== undefined) {
    const { id } = connection
    const unblock = Command.make(CLIENT_UNBLOCK, [`${id}`, "ERROR"], Reply.raw)
    const outcome = id === undefined
      ? undefined
      : yield* attempt(over, unblock, { asking: false, deadline: Infinity, isOwn: true })
    if (outcome?._tag !== "Replied") return orElse()
    connection.endIfIdle()
    yield* Effect.raceFirst(connection.closed, Effect.sleep(lookAgain))
  }
})
