/**
 * HyperLogLogs: estimates of how many different elements were seen, off by about 0.81 %, in at most 12 kB a key. The
 * elements themselves are not kept.
 *
 * Source: https://redis.io/docs/latest/commands/?group=hyperloglog
 */
import type * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const PFADD = CommandSpec.get("PFADD")
const PFCOUNT = CommandSpec.get("PFCOUNT")
const PFMERGE = CommandSpec.get("PFMERGE")

/**
 * Adds elements to a HyperLogLog, which is created if need be. Replies whether anything changed: `false` means that the
 * elements were most likely seen before. Without elements it only creates the key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a HyperLogLog. Since Redis 2.8.9.
 *
 * **Example** (A visitor)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const changed = Redis.pfadd("visitors:today", ["user:1"]) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pfadd/
 * @category hyperloglogs
 * @since 0.1.0
 */
export const pfadd = (key: Command.Arg, elements: ReadonlyArray<Command.Arg>): Command.Command<boolean> =>
  Args.command(PFADD, () => [key, ...Args.list(elements, "element")], Reply.boolean)

/**
 * The approximate number of different elements that one HyperLogLog, or several together, have seen. A missing key
 * counts as empty.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a HyperLogLog. Since Redis 2.8.9.
 *
 * **Example** (Who came today, and who came at all)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const today = Redis.pfcount(["{visitors}:today"]) // Command<number>
 * const both = Redis.pfcount(["{visitors}:yesterday", "{visitors}:today"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pfcount/
 * @category hyperloglogs
 * @since 0.1.0
 */
export const pfcount = (keys: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(PFCOUNT, () => [...Args.some(keys, "key")], Reply.integer)

/**
 * Merges the sources into the HyperLogLog at `destination`, which is created if need be.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` (code `WRONGTYPE`) when a key holds something other than a HyperLogLog. Since Redis 2.8.9.
 *
 * **Example** (A week of days)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const merged = Redis.pfmerge("{visitors}:week", ["{visitors}:monday", "{visitors}:tuesday"]) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pfmerge/
 * @category hyperloglogs
 * @since 0.1.0
 */
export const pfmerge = (destination: Command.Arg, sources: ReadonlyArray<Command.Arg>): Command.Command<"OK"> =>
  Args.command(PFMERGE, () => [destination, ...Args.list(sources, "source")], Reply.ok)
