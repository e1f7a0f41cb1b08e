/**
 * Sets: unordered collections of unique members.
 *
 * Source: https://redis.io/docs/latest/commands/?group=set
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const SADD = CommandSpec.get("SADD")
const SCARD = CommandSpec.get("SCARD")
const SDIFF = CommandSpec.get("SDIFF")
const SDIFFSTORE = CommandSpec.get("SDIFFSTORE")
const SINTER = CommandSpec.get("SINTER")
const SINTERCARD = CommandSpec.get("SINTERCARD")
const SINTERSTORE = CommandSpec.get("SINTERSTORE")
const SISMEMBER = CommandSpec.get("SISMEMBER")
const SMEMBERS = CommandSpec.get("SMEMBERS")
const SMISMEMBER = CommandSpec.get("SMISMEMBER")
const SMOVE = CommandSpec.get("SMOVE")
const SPOP = CommandSpec.get("SPOP")
const SRANDMEMBER = CommandSpec.get("SRANDMEMBER")
const SREM = CommandSpec.get("SREM")
const SSCAN = CommandSpec.get("SSCAN")
const SUNION = CommandSpec.get("SUNION")
const SUNIONSTORE = CommandSpec.get("SUNIONSTORE")

const texts = Reply.array(Reply.text)
const booleans = Reply.array(Reply.boolean)
const page = Reply.page(texts)

/**
 * Adds members to a set, which is created if need be. Replies how many were not in it yet.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Two tags)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const added = Redis.sadd("post:1:tags", ["effect", "redis"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sadd/
 * @category sets
 * @since 0.1.0
 */
export const sadd = (key: Command.Arg, members: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(SADD, () => [key, ...Args.some(members, "member")], Reply.integer)

/**
 * The number of members of a set, 0 when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Counting tags)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const tags = Redis.scard("post:1:tags") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/scard/
 * @category sets
 * @since 0.1.0
 */
export const scard = (key: Command.Arg): Command.Command<number> => Command.make(SCARD, [key], Reply.integer)

/**
 * The members of the first set that are in none of the others, in no particular order. A missing key is an empty set.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Who has not answered)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const silent = Redis.sdiff(["{poll:1}:invited", "{poll:1}:answered"]) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sdiff/
 * @category sets
 * @since 0.1.0
 */
export const sdiff = (keys: ReadonlyArray<Command.Arg>): Command.Command<ReadonlyArray<string>> =>
  Args.command(SDIFF, () => [...Args.some(keys, "key")], texts)

/**
 * Stores at `destination` what {@link sdiff} replies, replacing whatever was there, and replies the number of members.
 * An empty difference removes `destination`.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` (code `WRONGTYPE`) when one of `keys` holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Keeping who has not answered)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const silent = Redis.sdiffstore("{poll:1}:silent", ["{poll:1}:invited", "{poll:1}:answered"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sdiffstore/
 * @category sets
 * @since 0.1.0
 */
export const sdiffstore = (
  destination: Command.Arg,
  keys: ReadonlyArray<Command.Arg>
): Command.Command<number> =>
  Args.command(SDIFFSTORE, () => [destination, ...Args.some(keys, "key to subtract from")], Reply.integer)

/**
 * The members that all of the sets have, in no particular order. A missing key is an empty set.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Common friends)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const common = Redis.sinter(["{friends}:ada", "{friends}:grace"]) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sinter/
 * @category sets
 * @since 0.1.0
 */
export const sinter = (keys: ReadonlyArray<Command.Arg>): Command.Command<ReadonlyArray<string>> =>
  Args.command(SINTER, () => [...Args.some(keys, "key")], texts)

/**
 * How many members all of the sets have in common. `limit` stops the count early; with 0, or without it, all are
 * counted.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a set. Since Redis 7.0.0.
 *
 * **Example** (Are there ten common friends?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const upToTen = Redis.sintercard(["{friends}:ada", "{friends}:grace"], { limit: 10 }) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sintercard/
 * @category sets
 * @since 0.1.0
 */
export const sintercard = (
  keys: ReadonlyArray<Command.Arg>,
  options?: { readonly limit?: number | undefined }
): Command.Command<number> =>
  Args.command(SINTERCARD, () => [...Args.counted(keys, "key"), ...Args.limit(options)], Reply.integer)

/**
 * Stores at `destination` what {@link sinter} replies, replacing whatever was there, and replies the number of members.
 * An empty intersection removes `destination`.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` (code `WRONGTYPE`) when one of `keys` holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Keeping common friends)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const common = Redis.sinterstore("{friends}:common", ["{friends}:ada", "{friends}:grace"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sinterstore/
 * @category sets
 * @since 0.1.0
 */
export const sinterstore = (
  destination: Command.Arg,
  keys: ReadonlyArray<Command.Arg>
): Command.Command<number> =>
  Args.command(SINTERSTORE, () => [destination, ...Args.some(keys, "key to intersect")], Reply.integer)

/**
 * Whether a member is in a set.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Asking for a tag)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const tagged = Redis.sismember("post:1:tags", "effect") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sismember/
 * @category sets
 * @since 0.1.0
 */
export const sismember = (key: Command.Arg, member: Command.Arg): Command.Command<boolean> =>
  Command.make(SISMEMBER, [key, member], Reply.boolean)

/**
 * All members of a set, in no particular order; none when there is no such key. Read a large set with {@link sscan}.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (All tags)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const tags = Redis.smembers("post:1:tags") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/smembers/
 * @category sets
 * @since 0.1.0
 */
export const smembers = (key: Command.Arg): Command.Command<ReadonlyArray<string>> =>
  Command.make(SMEMBERS, [key], texts)

/**
 * Whether each of several members is in a set, in their order.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 6.2.0.
 *
 * **Example** (Two questions at once)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const tagged = Redis.smismember("post:1:tags", ["effect", "redis"]) // Command<ReadonlyArray<boolean>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/smismember/
 * @category sets
 * @since 0.1.0
 */
export const smismember = (
  key: Command.Arg,
  members: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<boolean>> =>
  Args.command(SMISMEMBER, () => [key, ...Args.some(members, "member")], booleans)

/**
 * Moves a member from one set to another, atomically. Replies `false`, and does nothing, when `source` does not have
 * it.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Done with a task)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.smove("{tasks}:open", "{tasks}:done", "task-1") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/smove/
 * @category sets
 * @since 0.1.0
 */
export const smove = (
  source: Command.Arg,
  destination: Command.Arg,
  member: Command.Arg
): Command.Command<boolean> => Command.make(SMOVE, [source, destination, member], Reply.boolean)

/**
 * Removes a random member and replies it, `null` when there is none. With a `count`, up to that many, in an array.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 1.0.0, `count`
 * since 3.2.0.
 *
 * **Example** (Drawing lots)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const winner = Redis.spop("lottery") // Command<string | null>
 * const winners = Redis.spop("lottery", { count: 3 }) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/spop/
 * @category sets
 * @since 0.1.0
 */
export const spop: {
  (key: Command.Arg): Command.Command<string | null>
  (key: Command.Arg, options: { readonly count: number }): Command.Command<ReadonlyArray<string>>
} = (key: Command.Arg, options?: { readonly count: number }): Command.Command<never> =>
  options === undefined
    ? Command.make(SPOP, [key], Reply.overloaded(Reply.textOrNull))
    : Args.command(SPOP, () => [key, Args.count(options)], Reply.overloaded(texts))

/**
 * A random member, which stays in the set, `null` when there is none. With a `count`, up to that many different ones in
 * an array; with a negative `count`, exactly that many, of which some may be the same.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 1.0.0, `count`
 * since 2.6.0.
 *
 * **Example** (Rolling dice)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const once = Redis.srandmember("die") // Command<string | null>
 * const twice = Redis.srandmember("die", { count: -2 }) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/srandmember/
 * @category sets
 * @since 0.1.0
 */
export const srandmember: {
  (key: Command.Arg): Command.Command<string | null>
  (key: Command.Arg, options: { readonly count: number }): Command.Command<ReadonlyArray<string>>
} = (key: Command.Arg, options?: { readonly count: number }): Command.Command<never> =>
  options === undefined
    ? Command.make(SRANDMEMBER, [key], Reply.overloaded(Reply.textOrNull))
    : Args.command(SRANDMEMBER, () => [key, Args.count(options)], Reply.overloaded(texts))

/**
 * Removes members from a set. Replies how many were in it. When the last member is removed, so is the key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (One tag less)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.srem("post:1:tags", ["redis"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/srem/
 * @category sets
 * @since 0.1.0
 */
export const srem = (key: Command.Arg, members: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(SREM, () => [key, ...Args.some(members, "member")], Reply.integer)

/**
 * Reads a set page by page. Start with the cursor `"0"`, and continue with the cursor of each reply until that is `"0"`
 * again.
 *
 * **Details**
 *
 * `match` keeps the members that fit a glob pattern, but only after a page was read: a page may be empty although more
 * follow. `count` is a hint for the size of a page, 10 by default. A member that exists all the time is returned at
 * least once, and possibly more than once.
 *
 * A cursor is valid only at the node that returned it, so every page comes from the primary, even if replicas answer
 * reads. After a failover, or when the key has moved to another node, start again with `"0"`, as
 * `Scan.items` does.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a set. Since Redis 2.8.0.
 *
 * **Example** (The first page of the tags that begin with e)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const page = Redis.sscan("post:1:tags", "0", { match: "e*", count: 100 })
 * // Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<string> }>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sscan/
 * @category sets
 * @since 0.1.0
 */
export const sscan = (
  key: Command.Arg,
  cursor: string,
  options?: { readonly match?: Command.Arg | undefined; readonly count?: number | undefined }
): Command.Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<string> }> =>
  Args.command(SSCAN, () => [key, cursor, ...Args.scan(Args.scanOptions(options))], page)

/**
 * The members that any of the sets has, in no particular order. A missing key is an empty set.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Friends of either)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const friends = Redis.sunion(["{friends}:ada", "{friends}:grace"]) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sunion/
 * @category sets
 * @since 0.1.0
 */
export const sunion = (keys: ReadonlyArray<Command.Arg>): Command.Command<ReadonlyArray<string>> =>
  Args.command(SUNION, () => [...Args.some(keys, "key")], texts)

/**
 * Stores at `destination` what {@link sunion} replies, replacing whatever was there, and replies the number of members.
 * An empty union removes `destination`.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` (code `WRONGTYPE`) when one of `keys` holds something other than a set. Since Redis 1.0.0.
 *
 * **Example** (Keeping the friends of either)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const friends = Redis.sunionstore("{friends}:all", ["{friends}:ada", "{friends}:grace"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sunionstore/
 * @category sets
 * @since 0.1.0
 */
export const sunionstore = (
  destination: Command.Arg,
  keys: ReadonlyArray<Command.Arg>
): Command.Command<number> =>
  Args.command(SUNIONSTORE, () => [destination, ...Args.some(keys, "key to unite")], Reply.integer)
