/**
 * Hashes: fields with values under one key, and, since Redis 7.4, times to live for single fields.
 *
 * Source: https://redis.io/docs/latest/commands/?group=hash
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const HDEL = CommandSpec.get("HDEL")
const HEXISTS = CommandSpec.get("HEXISTS")
const HEXPIRE = CommandSpec.get("HEXPIRE")
const HEXPIREAT = CommandSpec.get("HEXPIREAT")
const HEXPIRETIME = CommandSpec.get("HEXPIRETIME")
const HGET = CommandSpec.get("HGET")
const HGETALL = CommandSpec.get("HGETALL")
const HGETDEL = CommandSpec.get("HGETDEL")
const HGETEX = CommandSpec.get("HGETEX")
const HINCRBY = CommandSpec.get("HINCRBY")
const HINCRBYFLOAT = CommandSpec.get("HINCRBYFLOAT")
const HKEYS = CommandSpec.get("HKEYS")
const HLEN = CommandSpec.get("HLEN")
const HMGET = CommandSpec.get("HMGET")
const HMSET = CommandSpec.get("HMSET")
const HPERSIST = CommandSpec.get("HPERSIST")
const HPEXPIRE = CommandSpec.get("HPEXPIRE")
const HPEXPIREAT = CommandSpec.get("HPEXPIREAT")
const HPEXPIRETIME = CommandSpec.get("HPEXPIRETIME")
const HPTTL = CommandSpec.get("HPTTL")
const HRANDFIELD = CommandSpec.get("HRANDFIELD")
const HSCAN = CommandSpec.get("HSCAN")
const HSET = CommandSpec.get("HSET")
const HSETEX = CommandSpec.get("HSETEX")
const HSETNX = CommandSpec.get("HSETNX")
const HSTRLEN = CommandSpec.get("HSTRLEN")
const HTTL = CommandSpec.get("HTTL")
const HVALS = CommandSpec.get("HVALS")

const texts = Reply.array(Reply.text)
const textsOrNulls = Reply.array(Reply.textOrNull)
const integers = Reply.array(Reply.integer)
const values = Reply.record(Reply.text)
const fieldsWithValues = Reply.list(Reply.text, Reply.text, (field, value): FieldValue => ({ field, value }))
const pageOfFields = Reply.page(texts)
const pageOfFieldsWithValues = Reply.page(fieldsWithValues)
const expirySet = Reply.array(Reply.among([-2, 0, 1, 2]))
const expiryRemoved = Reply.array(Reply.among([-2, -1, 1]))

/**
 * A field of a hash and its value.
 *
 * @category models
 * @since 0.1.0
 */
export interface FieldValue {
  readonly field: string
  readonly value: string
}

/**
 * Which fields get a time to live: only those without one (`nx`), only those with one (`xx`), only those that will live
 * longer (`gt`) or shorter (`lt`) than before, or all. A field without one counts as living for ever.
 *
 * @category models
 * @since 0.1.0
 */
export type HexpireCondition =
  | { readonly nx?: boolean | undefined; readonly xx?: undefined; readonly gt?: undefined; readonly lt?: undefined }
  | { readonly nx?: undefined; readonly xx?: boolean | undefined; readonly gt?: undefined; readonly lt?: undefined }
  | { readonly nx?: undefined; readonly xx?: undefined; readonly gt?: boolean | undefined; readonly lt?: undefined }
  | { readonly nx?: undefined; readonly xx?: undefined; readonly gt?: undefined; readonly lt?: boolean | undefined }

const useHdel = "to remove the fields at once use hdel, to keep them as long as the key use hpersist or set no time"

const withFields = (fields: ReadonlyArray<Command.Arg>): Args.Args => ["FIELDS", ...Args.counted(fields, "field")]

const conditions = Args.options<HexpireCondition>({
  nx: Args.isAsked,
  xx: Args.isAsked,
  gt: Args.isAsked,
  lt: Args.isAsked
}, ["nx", "xx", "gt", "lt"])

const conditionArgs = (condition: HexpireCondition | undefined): Args.Args => {
  const { gt, lt, nx, xx } = conditions(condition)
  return [...Args.flag(nx, "NX"), ...Args.flag(xx, "XX"), ...Args.flag(gt, "GT"), ...Args.flag(lt, "LT")]
}

/**
 * Removes fields from a hash. Replies how many there were. When the last field is removed, so is the key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (Forgetting an address)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.hdel("user:1", ["street", "city"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hdel/
 * @category hashes
 * @since 0.1.0
 */
export const hdel = (key: Command.Arg, fields: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(HDEL, () => [key, ...Args.some(fields, "field")], Reply.integer)

/**
 * Whether a hash has a field.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (Is there an address?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const known = Redis.hexists("user:1", "city") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hexists/
 * @category hashes
 * @since 0.1.0
 */
export const hexists = (key: Command.Arg, field: Command.Arg): Command.Command<boolean> =>
  Command.make(HEXISTS, [key, field], Reply.boolean)

/**
 * Gives fields a time to live, in whole seconds, rounded up.
 *
 * **Details**
 *
 * Replies for each field, in their order: 1 when it was set, 0 when the condition was not met, -2 when there is no such
 * field or key. It never replies 2, as {@link hexpireat} does.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Gotchas**
 *
 * Give the time with its unit, as in `"60 seconds"`: a bare number is refused, since Effect would read it as
 * milliseconds.
 *
 * **Example** (A code that is good for ten minutes)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const set = Redis.hexpire("user:1", "10 minutes", ["code"]) // Command<ReadonlyArray<-2 | 0 | 1 | 2>>
 * const only = Redis.hexpire("user:1", "10 minutes", ["code"], { nx: true })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hexpire/
 * @category hashes
 * @since 0.1.0
 */
export const hexpire = (
  key: Command.Arg,
  ttl: Args.Span,
  fields: ReadonlyArray<Command.Arg>,
  condition?: HexpireCondition
): Command.Command<ReadonlyArray<-2 | 0 | 1 | 2>> =>
  Args.command(
    HEXPIRE,
    () => [key, Args.seconds(ttl, useHdel), ...conditionArgs(condition), ...withFields(fields)],
    expirySet
  )

/**
 * Lets fields live until a point in time, in whole seconds, rounded up.
 *
 * **Details**
 *
 * Replies for each field, in their order: 1 when it was set, 2 when the field was removed because that time has passed,
 * 0 when the condition was not met, -2 when there is no such field or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (A voucher for a year)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const set = Redis.hexpireat("user:1", new Date("2030-01-01"), ["voucher"])
 * // Command<ReadonlyArray<-2 | 0 | 1 | 2>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hexpireat/
 * @category hashes
 * @since 0.1.0
 */
export const hexpireat = (
  key: Command.Arg,
  at: DateTime.DateTime | Date,
  fields: ReadonlyArray<Command.Arg>,
  condition?: HexpireCondition
): Command.Command<ReadonlyArray<-2 | 0 | 1 | 2>> =>
  Args.command(
    HEXPIREAT,
    () => [key, Args.epochSeconds(at), ...conditionArgs(condition), ...withFields(fields)],
    expirySet
  )

/**
 * When fields expire, in Unix seconds and in their order: -1 for a field without a time to live, -2 when there is no
 * such field or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (When does the code expire?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const times = Redis.hexpiretime("user:1", ["code"]) // Command<ReadonlyArray<number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hexpiretime/
 * @category hashes
 * @since 0.1.0
 */
export const hexpiretime = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<number>> => Args.command(HEXPIRETIME, () => [key, ...withFields(fields)], integers)

/**
 * The value of a field, `null` when there is no such field or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (One field)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const name = Redis.hget("user:1", "name") // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hget/
 * @category hashes
 * @since 0.1.0
 */
export const hget = (key: Command.Arg, field: Command.Arg): Command.Command<string | null> =>
  Command.make(HGET, [key, field], Reply.textOrNull)

/**
 * All fields of a hash with their values, none when there is no such key. The record has no prototype. Read a large
 * hash with {@link hscan}.
 *
 * Field names are text, also under `Command.bytes`; use {@link hscan} for names that are not UTF-8. Fails with
 * `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (A user)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const user = Redis.hgetall("user:1") // Command<Record<string, string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hgetall/
 * @category hashes
 * @since 0.1.0
 */
export const hgetall = (key: Command.Arg): Command.Command<Record<string, string>> =>
  Command.make(HGETALL, [key], values)

/**
 * Removes fields and replies their values, in their order, `null` for each that was not there.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 8.0.0.
 *
 * **Example** (A code is good for one use)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const codes = Redis.hgetdel("user:1", ["code"]) // Command<ReadonlyArray<string | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hgetdel/
 * @category hashes
 * @since 0.1.0
 */
export const hgetdel = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<string | null>> =>
  Args.command(HGETDEL, () => [key, ...withFields(fields)], textsOrNulls)

/**
 * How {@link hgetex} changes the time to live of the fields; without any of these it stays.
 *
 * @category models
 * @since 0.1.0
 */
export type HgetexOptions =
  | {
    /** How long the fields live from now on; parts of a millisecond are rounded up. */
    readonly ex?: Args.Span | undefined
    readonly exat?: undefined
    readonly persist?: undefined
  }
  | {
    readonly ex?: undefined
    /** When the fields expire. */
    readonly exat?: DateTime.DateTime | Date | undefined
    readonly persist?: undefined
  }
  | {
    readonly ex?: undefined
    readonly exat?: undefined
    /** Whether the fields are kept as long as their key. */
    readonly persist?: boolean | undefined
  }

/**
 * The values of fields, whose time to live is changed in the same step, `null` for each that is not there. Without
 * options the time to live stays as it is.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 8.0.0.
 *
 * **Example** (A token that lives on while it is used)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const tokens = Redis.hgetex("user:1", ["token"], { ex: "30 minutes" }) // Command<ReadonlyArray<string | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hgetex/
 * @category hashes
 * @since 0.1.0
 */
export const hgetex = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>,
  options?: HgetexOptions
): Command.Command<ReadonlyArray<string | null>> =>
  Args.command(HGETEX, () => {
    const given = hgetexOptions(options)
    return [
      key,
      ...Args.expiryOption(given, useHdel),
      ...Args.flag(given.persist, "PERSIST"),
      ...withFields(fields)
    ]
  }, textsOrNulls)

const hgetexOptions = Args.options<HgetexOptions>({ ex: Args.any, exat: Args.any, persist: Args.isAsked }, [
  "ex",
  "exat",
  "persist"
])

/**
 * Adds to the integer that a field holds, 0 when there is none. Replies the result.
 *
 * Fails with `ServerError` when the value is not an integer of 64 bits or would leave their range, and with code
 * `WRONGTYPE` when the key is not a hash. A result beyond 2^53 is stored, but fails with `DecodeFailed`. Since Redis
 * 2.0.0.
 *
 * **Example** (One login more)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const logins = Redis.hincrby("user:1", "logins", 1) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hincrby/
 * @category hashes
 * @since 0.1.0
 */
export const hincrby = (key: Command.Arg, field: Command.Arg, increment: number): Command.Command<number> =>
  Args.command(HINCRBY, () => [key, field, Args.integer(increment, "the increment")], Reply.integer)

/**
 * Adds to the number that a field holds, 0 when there is none. Replies the result, to the precision of a double.
 *
 * Fails with `ServerError` when the value is not a number, and with code `WRONGTYPE` when the key is not a hash. Since
 * Redis 2.6.0.
 *
 * **Example** (Some money)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const balance = Redis.hincrbyfloat("user:1", "balance", 2.5) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hincrbyfloat/
 * @category hashes
 * @since 0.1.0
 */
export const hincrbyfloat = (key: Command.Arg, field: Command.Arg, increment: number): Command.Command<number> =>
  Args.command(HINCRBYFLOAT, () => [key, field, Args.finite(increment, "the increment")], Reply.double)

/**
 * The names of all fields, none when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (What is known about a user)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const fields = Redis.hkeys("user:1") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hkeys/
 * @category hashes
 * @since 0.1.0
 */
export const hkeys = (key: Command.Arg): Command.Command<ReadonlyArray<string>> => Command.make(HKEYS, [key], texts)

/**
 * The number of fields, 0 when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (How many fields)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const fields = Redis.hlen("user:1") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hlen/
 * @category hashes
 * @since 0.1.0
 */
export const hlen = (key: Command.Arg): Command.Command<number> => Command.make(HLEN, [key], Reply.integer)

/**
 * The values of several fields, in their order, `null` for each that is not there.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (Two fields)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const values = Redis.hmget("user:1", ["name", "city"]) // Command<ReadonlyArray<string | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hmget/
 * @category hashes
 * @since 0.1.0
 */
export const hmget = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<string | null>> =>
  Args.command(HMGET, () => [key, ...Args.some(fields, "field")], textsOrNulls)

/**
 * Sets fields of a hash, which is created if need be. Give a record, or pairs when a name is bytes.
 *
 * Redis 4.0 deprecated it: {@link hset} does the same, and tells how many fields are new. Fails with `ServerError`
 * (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (Two fields)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const saved = Redis.hmset("user:1", { name: "ada", city: "London" }) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hmset/
 * @category hashes
 * @since 0.1.0
 */
export const hmset = (key: Command.Arg, entries: Args.Entries): Command.Command<"OK"> =>
  Args.command(HMSET, () => [key, ...Args.entries(entries, "field")], Reply.ok)

/**
 * Removes the time to live of fields, which then live as long as their key.
 *
 * Replies for each field, in their order: 1 when it was removed, -1 when there was none, -2 when there is no such field
 * or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (Keeping a code)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const kept = Redis.hpersist("user:1", ["code"]) // Command<ReadonlyArray<-2 | -1 | 1>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hpersist/
 * @category hashes
 * @since 0.1.0
 */
export const hpersist = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<-2 | -1 | 1>> =>
  Args.command(HPERSIST, () => [key, ...withFields(fields)], expiryRemoved)

/**
 * {@link hexpire} to the millisecond.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (A lock in a field)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const set = Redis.hpexpire("locks", "1500 millis", ["report"]) // Command<ReadonlyArray<-2 | 0 | 1 | 2>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hpexpire/
 * @category hashes
 * @since 0.1.0
 */
export const hpexpire = (
  key: Command.Arg,
  ttl: Duration.Input,
  fields: ReadonlyArray<Command.Arg>,
  condition?: HexpireCondition
): Command.Command<ReadonlyArray<-2 | 0 | 1 | 2>> =>
  Args.command(
    HPEXPIRE,
    () => [key, Args.millis(ttl, useHdel), ...conditionArgs(condition), ...withFields(fields)],
    expirySet
  )

/**
 * {@link hexpireat} to the millisecond.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (A voucher for a year)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const set = Redis.hpexpireat("user:1", new Date("2030-01-01"), ["voucher"])
 * // Command<ReadonlyArray<-2 | 0 | 1 | 2>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hpexpireat/
 * @category hashes
 * @since 0.1.0
 */
export const hpexpireat = (
  key: Command.Arg,
  at: DateTime.DateTime | Date,
  fields: ReadonlyArray<Command.Arg>,
  condition?: HexpireCondition
): Command.Command<ReadonlyArray<-2 | 0 | 1 | 2>> =>
  Args.command(
    HPEXPIREAT,
    () => [key, Args.epochMillis(at), ...conditionArgs(condition), ...withFields(fields)],
    expirySet
  )

/**
 * When fields expire, in Unix milliseconds and in their order: -1 for a field without a time to live, -2 when there is
 * no such field or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (When does the code expire?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const times = Redis.hpexpiretime("user:1", ["code"]) // Command<ReadonlyArray<number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hpexpiretime/
 * @category hashes
 * @since 0.1.0
 */
export const hpexpiretime = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<number>> => Args.command(HPEXPIRETIME, () => [key, ...withFields(fields)], integers)

/**
 * How long fields still live, in milliseconds and in their order: -1 for a field without a time to live, -2 when there
 * is no such field or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (How long is the code good?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const millis = Redis.hpttl("user:1", ["code"]) // Command<ReadonlyArray<number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hpttl/
 * @category hashes
 * @since 0.1.0
 */
export const hpttl = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<number>> => Args.command(HPTTL, () => [key, ...withFields(fields)], integers)

/**
 * The name of a random field, `null` when there is no such key. With a `count`, up to that many different ones in an
 * array; with a negative `count`, exactly that many, of which some may be the same. `withvalues` adds their values.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 6.2.0.
 *
 * **Example** (One, three, and three with their values)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const one = Redis.hrandfield("capitals") // Command<string | null>
 * const some = Redis.hrandfield("capitals", { count: 3 }) // Command<ReadonlyArray<string>>
 * const pairs = Redis.hrandfield("capitals", { count: 3, withvalues: true })
 * // Command<ReadonlyArray<Redis.FieldValue>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hrandfield/
 * @category hashes
 * @since 0.1.0
 */
export const hrandfield: {
  (key: Command.Arg): Command.Command<string | null>
  (
    key: Command.Arg,
    options: { readonly count: number; readonly withvalues?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    key: Command.Arg,
    options: { readonly count: number; readonly withvalues: true }
  ): Command.Command<ReadonlyArray<FieldValue>>
} = (
  key: Command.Arg,
  options?: { readonly count: number; readonly withvalues?: boolean | undefined }
): Command.Command<never> =>
  options === undefined
    ? Command.make(HRANDFIELD, [key], Reply.overloaded(Reply.textOrNull))
    : Args.building(HRANDFIELD, () => {
      const { count, withvalues } = hrandfieldOptions(options)
      return Command.make(
        HRANDFIELD,
        [key, Args.integer(count, "the count"), ...Args.flag(withvalues, "WITHVALUES")],
        withvalues === true ? Reply.overloaded(fieldsWithValues) : Reply.overloaded(texts)
      )
    })

const hrandfieldOptions = Args.demanded<{ readonly count: number; readonly withvalues?: boolean | undefined }>({
  count: Args.any,
  withvalues: Args.isAsked
})

/**
 * Reads a hash page by page. Start with the cursor `"0"`, and continue with the cursor of each reply until that is
 * `"0"` again.
 *
 * **Details**
 *
 * `match` keeps the fields whose names fit a glob pattern, but only after a page was read: a page may be empty although
 * more follow. `count` is a hint for the size of a page, 10 by default. With `novalues` the items are the names only. A
 * field that exists all the time is returned at least once, and possibly more than once.
 *
 * A cursor is valid only at the node that returned it, so every page comes from the primary, even if replicas answer
 * reads. After a failover, or when the key has moved to another node, start again with `"0"`, as
 * `Scan.items` does.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.8.0,
 * `novalues` since 7.4.0.
 *
 * **Example** (The first page of the fields that begin with c)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const page = Redis.hscan("user:1", "0", { match: "c*", count: 100 })
 * // Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<Redis.FieldValue> }>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hscan/
 * @category hashes
 * @since 0.1.0
 */
export const hscan: {
  (
    key: Command.Arg,
    cursor: string,
    options?: {
      readonly match?: Command.Arg | undefined
      readonly count?: number | undefined
      readonly novalues?: false | undefined
    }
  ): Command.Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<FieldValue> }>
  (
    key: Command.Arg,
    cursor: string,
    options: {
      readonly match?: Command.Arg | undefined
      readonly count?: number | undefined
      readonly novalues: true
    }
  ): Command.Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<string> }>
} = (
  key: Command.Arg,
  cursor: string,
  options?: HscanOptions
): Command.Command<never> =>
  Args.building(HSCAN, () => {
    const given = hscanOptions(options)
    return Command.make(
      HSCAN,
      [key, cursor, ...Args.scan(given), ...Args.flag(given.novalues, "NOVALUES")],
      given.novalues === true ? Reply.overloaded(pageOfFields) : Reply.overloaded(pageOfFieldsWithValues)
    )
  })

interface HscanOptions extends Args.ScanOptions {
  readonly novalues?: boolean | undefined
}

const hscanOptions = Args.options<HscanOptions>({ match: Args.any, count: Args.any, novalues: Args.isAsked })

/**
 * Sets fields of a hash, which is created if need be. Replies how many of them are new. Give a record, or pairs when a
 * name is bytes.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0,
 * several fields at once since 4.0.0.
 *
 * **Example** (Two fields)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const added = Redis.hset("user:1", { name: "ada", city: "London" }) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hset/
 * @category hashes
 * @since 0.1.0
 */
export const hset = (key: Command.Arg, entries: Args.Entries): Command.Command<number> =>
  Args.command(HSET, () => [key, ...Args.entries(entries, "field")], Reply.integer)

/**
 * When {@link hsetex} sets the fields, only if none of them exists (`fnx`), only if all of them do (`fxx`), or always;
 * and how long they live: for a while, until a point in time, as long as before (`keepttl`), or, without any, for ever.
 *
 * @category models
 * @since 0.1.0
 */
export type HsetexOptions =
  & (
    | { readonly fnx?: boolean | undefined; readonly fxx?: undefined }
    | { readonly fnx?: undefined; readonly fxx?: boolean | undefined }
  )
  & (
    | {
      /** How long the fields live from now on; parts of a millisecond are rounded up. */
      readonly ex?: Args.Span | undefined
      readonly exat?: undefined
      readonly keepttl?: undefined
    }
    | {
      readonly ex?: undefined
      /** When the fields expire. */
      readonly exat?: DateTime.DateTime | Date | undefined
      readonly keepttl?: undefined
    }
    | {
      readonly ex?: undefined
      readonly exat?: undefined
      /** Whether the fields keep the time to live that they have. */
      readonly keepttl?: boolean | undefined
    }
  )

/**
 * Sets fields of a hash and their time to live in one step. Replies whether they were set: all of them, or none. Give a
 * record, or pairs when a name is bytes.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 8.0.0.
 *
 * **Example** (A code that is good for ten minutes, unless there is one)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const sent = Redis.hsetex("user:1", { code: "4711" }, { fnx: true, ex: "10 minutes" }) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hsetex/
 * @category hashes
 * @since 0.1.0
 */
export const hsetex = (
  key: Command.Arg,
  entries: Args.Entries,
  options?: HsetexOptions
): Command.Command<boolean> =>
  Args.command(HSETEX, () => {
    const given = hsetexOptions(options)
    const fields = Args.entries(entries, "field")
    return [
      key,
      ...Args.flag(given.fnx, "FNX"),
      ...Args.flag(given.fxx, "FXX"),
      ...Args.expiryOption(given, useHdel),
      ...Args.flag(given.keepttl, "KEEPTTL"),
      "FIELDS",
      `${fields.length / 2}`,
      ...fields
    ]
  }, Reply.boolean)

const hsetexOptions = Args.options<HsetexOptions>(
  {
    fnx: Args.isAsked,
    fxx: Args.isAsked,
    ex: Args.any,
    exat: Args.any,
    keepttl: Args.isAsked
  },
  ["fnx", "fxx"],
  ["ex", "exat", "keepttl"]
)

/**
 * Sets a field that is not there yet. Replies whether it was set; an existing one stays as it is.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (The first one wins)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const first = Redis.hsetnx("race:1", "winner", "ada") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hsetnx/
 * @category hashes
 * @since 0.1.0
 */
export const hsetnx = (
  key: Command.Arg,
  field: Command.Arg,
  value: Command.Arg
): Command.Command<boolean> => Command.make(HSETNX, [key, field, value], Reply.boolean)

/**
 * The length of a field's value in bytes, 0 when there is no such field or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 3.2.0.
 *
 * **Example** (How long is the biography?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.hstrlen("user:1", "biography") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hstrlen/
 * @category hashes
 * @since 0.1.0
 */
export const hstrlen = (key: Command.Arg, field: Command.Arg): Command.Command<number> =>
  Command.make(HSTRLEN, [key, field], Reply.integer)

/**
 * How long fields still live, in seconds and in their order: -1 for a field without a time to live, -2 when there is no
 * such field or key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 7.4.0.
 *
 * **Example** (How long is the code good?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const seconds = Redis.httl("user:1", ["code"]) // Command<ReadonlyArray<number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/httl/
 * @category hashes
 * @since 0.1.0
 */
export const httl = (
  key: Command.Arg,
  fields: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<number>> => Args.command(HTTL, () => [key, ...withFields(fields)], integers)

/**
 * The values of all fields, none when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a hash. Since Redis 2.0.0.
 *
 * **Example** (All values)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const values = Redis.hvals("user:1") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/hvals/
 * @category hashes
 * @since 0.1.0
 */
export const hvals = (key: Command.Arg): Command.Command<ReadonlyArray<string>> => Command.make(HVALS, [key], texts)
