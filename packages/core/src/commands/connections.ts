/**
 * Commands about the connection on which they are sent. Use them in a session: on shared connections they are refused.
 *
 * Source: https://redis.io/docs/latest/commands/?group=connection, ?group=transactions and ?group=generic
 */
import type * as Duration from "effect/Duration"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const READONLY = CommandSpec.get("READONLY")
const READWRITE = CommandSpec.get("READWRITE")
const UNWATCH = CommandSpec.get("UNWATCH")
const WAIT = CommandSpec.get("WAIT")
const WAITAOF = CommandSpec.get("WAITAOF")
const WATCH = CommandSpec.get("WATCH")

/**
 * Allows a replica to answer reads on this connection, which may then be stale. Only in a session, whose connection is
 * closed afterwards. A session to a replica has sent it already.
 *
 * Since Redis 3.0.0.
 *
 * **Example** (Reading from a node that may be a replica by now)
 *
 * ```ts
 * import { Redis, Session } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const read = Session.use({ node: "10.0.0.4:6379" }, Effect.andThen(Redis.readonly(), Redis.get("user:1")))
 * ```
 *
 * @see https://redis.io/docs/latest/commands/readonly/
 * @category connections
 * @since 0.1.0
 */
export const readonly = (): Command.Command<"OK"> => Command.make(READONLY, [], Reply.ok)

/**
 * Undoes READONLY: a replica redirects reads to its primary again. Only in a session.
 *
 * Since Redis 3.0.0.
 *
 * **Example** (No stale reads from here on)
 *
 * ```ts
 * import { Redis, Session } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const strict = Session.use({ keys: "user:1", readFrom: "replica" }, Effect.andThen(Redis.readwrite(), Redis.get("user:1")))
 * ```
 *
 * @see https://redis.io/docs/latest/commands/readwrite/
 * @category connections
 * @since 0.1.0
 */
export const readwrite = (): Command.Command<"OK"> => Command.make(READWRITE, [], Reply.ok)

/**
 * Watches keys of one slot: a transaction that follows on the same connection executes nothing, and fails with
 * `Conflict`, when one of them has been changed by then. Only in a session.
 *
 * `Redis.optimistic` does all of this: it watches, reads, sends the transaction, and starts over after a conflict.
 *
 * Since Redis 2.2.0.
 *
 * **Example** (Watching by hand)
 *
 * ```ts
 * import { Redis, Session } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const doubled = Session.use({ keys: "n" }, Effect.gen(function*() {
 *   yield* Redis.watch(["n"])
 *   const n = Number(yield* Redis.get("n"))
 *   return yield* Redis.transaction([Redis.set("n", `${n * 2}`)])
 * }))
 * ```
 *
 * @see https://redis.io/docs/latest/commands/watch/
 * @category connections
 * @since 0.1.0
 */
export const watch = (keys: ReadonlyArray<Command.Arg>): Command.Command<"OK"> =>
  Args.command(WATCH, () => [...Args.some(keys, "key")], Reply.ok)

/**
 * Forgets all watched keys. So does a session when it ends, and EXEC, whether it succeeds or not.
 *
 * Since Redis 2.2.0.
 *
 * **Example** (Thinking better of it)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const forgotten = Redis.unwatch() // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/unwatch/
 * @category connections
 * @since 0.1.0
 */
export const unwatch = (): Command.Command<"OK"> => Command.make(UNWATCH, [], Reply.ok)

/**
 * Waits until `replicas` replicas have acknowledged all writes of this connection, or until the timeout. Replies how
 * many have acknowledged them, which can be fewer or more. Only in a session; `Redis.ensureReplication` does this for
 * the writes of an effect.
 *
 * `timeout` is a duration above zero in whole milliseconds, rounded up; `"Infinity"` waits for ever. Since Redis 3.0.0.
 *
 * **Example** (Is it on a replica?)
 *
 * ```ts
 * import { Redis, Session } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const copies = Session.use({ keys: "user:1" }, Effect.andThen(Redis.set("user:1", "ada"), Redis.wait(1, "50 millis")))
 * ```
 *
 * @see https://redis.io/docs/latest/commands/wait/
 * @category connections
 * @since 0.1.0
 */
export const wait = (replicas: number, timeout: Duration.Input): Command.Command<number> =>
  Args.command(
    WAIT,
    () => [Args.atLeast(0, replicas, "the number of replicas"), Args.timeoutMillis(timeout)],
    Reply.integer
  )

/**
 * Waits until the writes of this connection are in the append-only files of this node (with `local` 1) and of
 * `replicas` replicas, or until the timeout. Replies how many of each have them. Only in a session.
 *
 * Fails with `ServerError` when `local` is 1 and the node keeps no such file. `timeout` as in {@link wait}. Since Redis
 * 7.2.0.
 *
 * **Example** (Is it on a disk?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const onDisk = Redis.waitaof(1, 1, "1 second") // Command<{ local: number, replicas: number }>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/waitaof/
 * @category connections
 * @since 0.1.0
 */
export const waitaof = (
  local: 0 | 1,
  replicas: number,
  timeout: Duration.Input
): Command.Command<{ readonly local: number; readonly replicas: number }> =>
  Args.command(
    WAITAOF,
    () => [
      Args.atLeast(0, local, "whether it counts locally (0 or 1)"),
      Args.atLeast(0, replicas, "the number of replicas"),
      Args.timeoutMillis(timeout)
    ],
    Reply.pair(Reply.integer, Reply.integer, (local, replicas) => ({ local, replicas }))
  )
