/**
 * Strings: values of up to 512 MB, and the numbers in them.
 *
 * Source: https://redis.io/docs/latest/commands/?group=string
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"
import { oneOf } from "../internal/values/settings.ts"
import { isRedisError } from "../RedisError.ts"
import type { RedisError } from "../RedisError.ts"

const APPEND = CommandSpec.get("APPEND")
const DECR = CommandSpec.get("DECR")
const DECRBY = CommandSpec.get("DECRBY")
const GET = CommandSpec.get("GET")
const GETDEL = CommandSpec.get("GETDEL")
const GETEX = CommandSpec.get("GETEX")
const GETRANGE = CommandSpec.get("GETRANGE")
const GETSET = CommandSpec.get("GETSET")
const INCR = CommandSpec.get("INCR")
const INCRBY = CommandSpec.get("INCRBY")
const INCRBYFLOAT = CommandSpec.get("INCRBYFLOAT")
const LCS = CommandSpec.get("LCS")
const MGET = CommandSpec.get("MGET")
const MSET = CommandSpec.get("MSET")
const MSETNX = CommandSpec.get("MSETNX")
const PSETEX = CommandSpec.get("PSETEX")
const SET = CommandSpec.get("SET")
const SETEX = CommandSpec.get("SETEX")
const SETNX = CommandSpec.get("SETNX")
const SETRANGE = CommandSpec.get("SETRANGE")
const STRLEN = CommandSpec.get("STRLEN")

/**
 * Appends to the value of a key, which is created if need be. Replies the length in bytes that the value then has.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 2.0.0.
 *
 * **Example** (A log in one value)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.append("job:7:log", "started\n") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/append/
 * @category strings
 * @since 0.1.0
 */
export const append = (key: Command.Arg, value: Command.Arg): Command.Command<number> =>
  Command.make(APPEND, [key, value], Reply.integer)

/**
 * Subtracts 1 from the integer that a key holds, 0 when there is none. Replies the result.
 *
 * Fails with `ServerError` when the value is not an integer of 64 bits or would leave their range, and with code
 * `WRONGTYPE` when it is not a string. A result beyond 2^53 is stored, but fails with `DecodeFailed`. Since Redis 1.0.0.
 *
 * **Example** (A place less)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const left = Redis.decr("concert:1:seats") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/decr/
 * @category strings
 * @since 0.1.0
 */
export const decr = (key: Command.Arg): Command.Command<number> => Command.make(DECR, [key], Reply.integer)

/**
 * Subtracts from the integer that a key holds, 0 when there is none. Replies the result.
 *
 * Fails with `ServerError` when the value is not an integer of 64 bits or would leave their range, and with code
 * `WRONGTYPE` when it is not a string. A result beyond 2^53 is stored, but fails with `DecodeFailed`. Since Redis 1.0.0.
 *
 * **Example** (Four places less)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const left = Redis.decrby("concert:1:seats", 4) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/decrby/
 * @category strings
 * @since 0.1.0
 */
export const decrby = (key: Command.Arg, decrement: number): Command.Command<number> =>
  Args.command(DECRBY, () => [key, Args.integer(decrement, "the decrement")], Reply.integer)

/**
 * The value of a key, `null` when there is none.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 1.0.0.
 *
 * **Example** (Text and bytes)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const name = Redis.get("user:1:name") // Command<string | null>
 * const avatar = Redis.get("user:1:avatar").pipe(Command.bytes) // Command<Uint8Array | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/get/
 * @category strings
 * @since 0.1.0
 */
export const get = (key: Command.Arg): Command.Command<string | null> => Command.make(GET, [key], Reply.textOrNull)

/**
 * The value of a key, which is deleted in the same step, `null` when there is none.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string, which then stays. Since
 * Redis 6.2.0.
 *
 * **Example** (A token that works once)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const user = Redis.getdel("login:token:8f3a") // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/getdel/
 * @category strings
 * @since 0.1.0
 */
export const getdel = (key: Command.Arg): Command.Command<string | null> =>
  Command.make(GETDEL, [key], Reply.textOrNull)

/**
 * How {@link getex} changes a key's time to live: it is set, or removed with `persist`.
 *
 * @category models
 * @since 0.1.0
 */
export type GetexOptions =
  | {
    /** How long the key lives from now on; parts of a millisecond are rounded up. */
    readonly ex?: Args.Span | undefined
    readonly exat?: undefined
    readonly persist?: undefined
  }
  | {
    readonly ex?: undefined
    /** When the key expires. */
    readonly exat?: DateTime.DateTime | Date | undefined
    readonly persist?: undefined
  }
  | {
    readonly ex?: undefined
    readonly exat?: undefined
    /** Whether the key is kept for ever. */
    readonly persist?: boolean | undefined
  }

/**
 * The value of a key, whose time to live is changed in the same step, `null` when there is none. Without options the time
 * to live stays as it is.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 6.2.0.
 *
 * **Example** (A session that lives on while it is used)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const session = Redis.getex("session:8f3a", { ex: "30 minutes" }) // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/getex/
 * @category strings
 * @since 0.1.0
 */
export const getex = (key: Command.Arg, options?: GetexOptions): Command.Command<string | null> =>
  Args.command(GETEX, () => {
    const given = getexOptions(options)
    return [key, ...Args.expiryOption(given), ...Args.flag(given.persist, "PERSIST")]
  }, Reply.textOrNull)

const getexOptions = Args.options<GetexOptions>({ ex: Args.any, exat: Args.any, persist: Args.isAsked }, [
  "ex",
  "exat",
  "persist"
])

/**
 * A part of a value, from the byte at `start` to the byte at `end`, both included and counted from 0, or from the end
 * when negative. It is empty when the range is empty, or when there is no such key.
 *
 * A range may cut a character of several bytes in two: use `Command.bytes` for such values. Fails with `ServerError`
 * (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 2.4.0.
 *
 * **Example** (The last three bytes)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const tail = Redis.getrange("greeting", -3, -1) // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/getrange/
 * @category strings
 * @since 0.1.0
 */
export const getrange = (key: Command.Arg, start: number, end: number): Command.Command<string> =>
  Args.command(GETRANGE, () => [key, Args.integer(start, "the start"), Args.integer(end, "the end")], Reply.text)

/**
 * Sets the value of a key and replies the one before, `null` when there was none. The time to live is removed.
 *
 * Redis 6.2 deprecated it: `set` with `get: true` does the same. Fails with `ServerError` (code `WRONGTYPE`) when the key
 * holds something other than a string. Since Redis 1.0.0.
 *
 * **Example** (Resetting a counter)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const before = Redis.getset("visits:today", "0") // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/getset/
 * @category strings
 * @since 0.1.0
 */
export const getset = (key: Command.Arg, value: Command.Arg): Command.Command<string | null> =>
  Command.make(GETSET, [key, value], Reply.textOrNull)

/**
 * Adds 1 to the integer that a key holds, 0 when there is none. Replies the result.
 *
 * Fails with `ServerError` when the value is not an integer of 64 bits or would leave their range, and with code
 * `WRONGTYPE` when it is not a string. A result beyond 2^53 is stored, but fails with `DecodeFailed`. Since Redis 1.0.0.
 *
 * **Example** (Counting visits)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const visits = Redis.incr("visits:today") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/incr/
 * @category strings
 * @since 0.1.0
 */
export const incr = (key: Command.Arg): Command.Command<number> => Command.make(INCR, [key], Reply.integer)

/**
 * Adds to the integer that a key holds, 0 when there is none. Replies the result.
 *
 * Fails with `ServerError` when the value is not an integer of 64 bits or would leave their range, and with code
 * `WRONGTYPE` when it is not a string. A result beyond 2^53 is stored, but fails with `DecodeFailed`. Since Redis 1.0.0.
 *
 * **Example** (Counting bytes)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const bytes = Redis.incrby("traffic:today", 1460) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/incrby/
 * @category strings
 * @since 0.1.0
 */
export const incrby = (key: Command.Arg, increment: number): Command.Command<number> =>
  Args.command(INCRBY, () => [key, Args.integer(increment, "the increment")], Reply.integer)

/**
 * Adds to the number that a key holds, 0 when there is none. Replies the result.
 *
 * Redis computes with more digits than a JavaScript number has, and keeps up to 17 behind the decimal point. Fails with
 * `ServerError` when the value is not a number or the result not finite, and with code `WRONGTYPE` when it is not a
 * string. Since Redis 2.6.0.
 *
 * **Example** (A running total)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const litres = Redis.incrbyfloat("tank:1:litres", -0.25) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/incrbyfloat/
 * @category strings
 * @since 0.1.0
 */
export const incrbyfloat = (key: Command.Arg, increment: number): Command.Command<number> =>
  Args.command(INCRBYFLOAT, () => [key, Args.finite(increment, "the increment")], Reply.double)

/**
 * A piece that two values share: its first and last byte in each of them, both included, and its length.
 *
 * @category models
 * @since 0.1.0
 */
export interface LcsMatch {
  readonly first: { readonly start: number; readonly end: number }
  readonly second: { readonly start: number; readonly end: number }
  readonly length: number
}

/**
 * The pieces of a longest common subsequence, from the last to the first, and its whole length.
 *
 * @category models
 * @since 0.1.0
 */
export interface LcsMatches {
  readonly matches: ReadonlyArray<LcsMatch>
  readonly length: number
}

/**
 * What {@link lcs} replies: the subsequence itself, its length (`len`), or its positions (`idx`).
 *
 * @category models
 * @since 0.1.0
 */
export type LcsOptions =
  | { readonly len?: undefined; readonly idx?: undefined; readonly minmatchlen?: undefined }
  | { readonly len: true; readonly idx?: undefined; readonly minmatchlen?: undefined }
  | {
    readonly len?: undefined
    readonly idx: true
    /** Leaves out pieces that are shorter. */
    readonly minmatchlen?: number | undefined
  }

const parts = Reply.array(Reply.raw)
const fields = Reply.record(Reply.raw)
const lcsRange = Reply.pair(Reply.integer, Reply.integer, (start, end) => ({ start, end }))

const lcsMatch: Reply.Decode<LcsMatch> = (value) => {
  const [first, second, length] = parts(value)
  return { first: lcsRange(first), second: lcsRange(second), length: Reply.integer(length) }
}

const matches = Reply.array(lcsMatch)

const lcsMatches: Reply.Decode<LcsMatches> = (value) => {
  const field = fields(value)
  return { matches: matches(field["matches"]), length: Reply.integer(field["len"]) }
}

/**
 * The longest common subsequence of two values: the rest of both after as few bytes as possible are left out. A key
 * that is missing counts as an empty value.
 *
 * With `len` the reply is its length in bytes, with `idx` where its pieces are. The time it takes grows with the product of
 * the two lengths.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` when one of the
 * keys holds something other than a string. Since Redis 7.0.0.
 *
 * **Example** (How alike are two names?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const common = Redis.lcs("{name}:1", "{name}:2") // Command<string>
 * const length = Redis.lcs("{name}:1", "{name}:2", { len: true }) // Command<number>
 * const where = Redis.lcs("{name}:1", "{name}:2", { idx: true, minmatchlen: 4 }) // Command<Redis.LcsMatches>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lcs/
 * @category strings
 * @since 0.1.0
 */
export const lcs: {
  (first: Command.Arg, second: Command.Arg): Command.Command<string>
  (
    first: Command.Arg,
    second: Command.Arg,
    options: Extract<LcsOptions, { readonly len: true }>
  ): Command.Command<number>
  (
    first: Command.Arg,
    second: Command.Arg,
    options: Extract<LcsOptions, { readonly idx: true }>
  ): Command.Command<LcsMatches>
} = (first: Command.Arg, second: Command.Arg, options?: LcsOptions): Command.Command<never> =>
  Args.building(LCS, () => {
    const { idx, len, minmatchlen } = lcsOptions(options)
    if (idx !== true && minmatchlen !== undefined) {
      return Args.refuse("minmatchlen is about the pieces: ask for idx, too")
    }
    if (len === true) return Command.make(LCS, [first, second, "LEN"], Reply.overloaded(Reply.integer))
    if (idx !== true) return Command.make(LCS, [first, second], Reply.overloaded(Reply.text))
    const least = Args.option("MINMATCHLEN", minmatchlen, (least) => Args.integer(least, "minmatchlen"))
    return Command.make(LCS, [first, second, "IDX", ...least, "WITHMATCHLEN"], Reply.overloaded(lcsMatches))
  })

const lcsOptions = Args.options<LcsOptions>({ len: Args.isAsked, idx: Args.isAsked, minmatchlen: Args.any }, [
  "len",
  "idx"
])

/**
 * The values of several keys, in their order, `null` for each that is missing or holds something other than a string.
 *
 * **Details**
 *
 * - Keys of several slots are read slot by slot, each node's in one write: see `CrossSlot`. A key that is given twice is read twice.
 * - If the keys of one slot can't be read, it fails, and the error has in `parts` what became of each slot. With `mode: "result"` it
 *   replies a `Result` for each key instead, and those of other slots are read nevertheless. It then fails only if nothing was sent,
 *   or in a session.
 * - Since Redis 1.0.0.
 *
 * **Example** (Keys of any slots)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const values = Redis.mget(["title", "user:1", "user:2"]) // Command<ReadonlyArray<string | null>>
 * ```
 *
 * **Example** (As many as there are)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect, Result } from "effect"
 *
 * const some = Redis.mget(["user:1", "user:2"], { mode: "result" }).pipe(
 *   Effect.map((results) => results.map(Result.getOrElse(() => null)))
 * )
 * ```
 *
 * @see https://redis.io/docs/latest/commands/mget/
 * @category strings
 * @since 0.1.0
 */
export const mget: {
  (
    keys: ReadonlyArray<Command.Arg>,
    options: { readonly mode: "result" }
  ): Command.Command<ReadonlyArray<Result.Result<string | null, RedisError>>>
  (
    keys: ReadonlyArray<Command.Arg>,
    options?: { readonly mode?: undefined }
  ): Command.Command<ReadonlyArray<string | null>>
} = (
  keys: ReadonlyArray<Command.Arg>,
  options?: { readonly mode?: "result" | undefined }
): Command.Command<never> =>
  Args.building(MGET, () => {
    const args = [...Args.some(keys, "key")]
    return mgetOptions(options).mode === undefined
      ? Command.make(MGET, args, Reply.overloaded(texts))
      : Command.tolerating(Command.make(MGET, args, Reply.overloaded(textResults)))
  })

const mgetOptions = Args.options<{ readonly mode?: "result" | undefined }>({ mode: oneOf("result") })
const texts = Reply.array(Reply.textOrNull)
const textResults = Reply.array((value): Result.Result<string | null, RedisError> =>
  isRedisError(value) ? Result.fail(value) : Result.succeed(Reply.textOrNull(value))
)

/**
 * Sets several keys, whatever they hold and without a time to live. Give a record, or pairs when a key is not text.
 *
 * **Details**
 *
 * - Keys of one slot are set in one step. Keys of several slots are set slot by slot: see `CrossSlot`, which also says how to forbid
 *   that. If some can't be set, the others are set nevertheless, and the error has in `parts` what became of each slot.
 * - If a key is given twice, its last value wins.
 * - Since Redis 1.0.1.
 *
 * **Example** (In one step, as the keys share a slot)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const saved = Redis.mset({ "{user:1}:name": "ada", "{user:1}:city": "London" }) // Command<"OK">
 * ```
 *
 * **Example** (Which keys are not set)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const saved = Redis.mset({ a: "1", b: "2" }).pipe(
 *   Effect.tapError(({ parts = [] }) =>
 *     Effect.logWarning(parts.filter(({ reason }) => reason !== undefined).map(({ delivery, slot }) => ({ delivery, slot })))
 *   )
 * )
 * ```
 *
 * @see https://redis.io/docs/latest/commands/mset/
 * @category strings
 * @since 0.1.0
 */
export const mset = (entries: Args.Entries): Command.Command<"OK"> =>
  Args.command(MSET, () => Args.entries(entries, "key with its value"), Reply.ok)

/**
 * Sets several keys in one step if none of them exists. Replies `false` when one did, and then sets none.
 *
 * It is sent as one command: keys of different slots are refused before sending. Since Redis 1.0.1.
 *
 * **Example** (Taking a name and its mail address, or neither)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const taken = Redis.msetnx({ "{ada}:owner": "1", "{ada}:mail": "ada@example.com" }) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/msetnx/
 * @category strings
 * @since 0.1.0
 */
export const msetnx = (entries: Args.Entries): Command.Command<boolean> =>
  Args.command(MSETNX, () => Args.entries(entries, "key with its value"), Reply.boolean)

/**
 * Sets the value of a key with a time to live, sent in milliseconds and rounded up.
 *
 * Redis 2.6.12 superseded it: `set` with `ex` does the same. Since Redis 2.6.0.
 *
 * **Example** (A short lease)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const leased = Redis.psetex("lease:1", "250 millis", "worker-3") // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/psetex/
 * @category strings
 * @since 0.1.0
 */
export const psetex = (key: Command.Arg, ttl: Duration.Input, value: Command.Arg): Command.Command<"OK"> =>
  Args.command(PSETEX, () => [key, Args.millis(ttl), value], Reply.ok)

/**
 * How long the new value lives: for a while, until a point in time, or as long as the previous one. By default it lives
 * for ever.
 *
 * @category models
 * @since 0.1.0
 */
export type SetExpiry =
  | {
    /** How long the key lives from now on; parts of a millisecond are rounded up. */
    readonly ex?: Args.Span | undefined
    readonly exat?: undefined
    readonly keepttl?: undefined
  }
  | {
    readonly ex?: undefined
    /** When the key expires. */
    readonly exat?: DateTime.DateTime | Date | undefined
    readonly keepttl?: undefined
  }
  | {
    readonly ex?: undefined
    readonly exat?: undefined
    /** Whether the key keeps the time to live that it has. */
    readonly keepttl?: boolean | undefined
  }

/**
 * When a value is set: only if the key does not exist (`nx`), only if it does (`xx`), or always.
 *
 * @category models
 * @since 0.1.0
 */
export type SetCondition =
  | { readonly nx?: boolean | undefined; readonly xx?: undefined }
  | { readonly nx?: undefined; readonly xx?: boolean | undefined }

/**
 * @category models
 * @since 0.1.0
 */
export type SetOptions = SetExpiry & SetCondition & {
  /** Whether to reply the value before, instead of whether the new one was set. */
  readonly get?: boolean | undefined
}

/**
 * Sets the value of a key, replacing whatever it holds.
 *
 * Replies `"OK"`, or `null` if the condition `nx` or `xx` was not met. With `get` it replies the previous value
 * instead, `null` when there was none, which does not tell whether the new one was set.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when `get` finds something other than a string, which then stays. Since Redis
 * 1.0.0, `keepttl` since 6.0.0, `get` and `exat` since 6.2.0, `nx` together with `get` since 7.0.0.
 *
 * **Example** (A lock)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const saved = Redis.set("user:1:name", "ada") // Command<"OK">
 * const locked = Redis.set("lock:report", "worker-3", { nx: true, ex: "30 seconds" }) // Command<"OK" | null>
 * const before = Redis.set("user:1:name", "grace", { get: true }) // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/set/
 * @category strings
 * @since 0.1.0
 */
export const set: {
  (
    key: Command.Arg,
    value: Command.Arg,
    options?: SetExpiry & { readonly nx?: undefined; readonly xx?: undefined; readonly get?: undefined }
  ): Command.Command<"OK">
  (
    key: Command.Arg,
    value: Command.Arg,
    options: SetOptions & { readonly get: true }
  ): Command.Command<string | null>
  (
    key: Command.Arg,
    value: Command.Arg,
    options: SetOptions & { readonly get?: false | undefined }
  ): Command.Command<"OK" | null>
} = (key: Command.Arg, value: Command.Arg, options?: SetOptions): Command.Command<never> => {
  if (options === undefined) return Command.make(SET, [key, value], Reply.overloaded(Reply.ok))
  return Args.building(SET, () => {
    const given = setOptions(options)
    const args = [
      key,
      value,
      ...Args.flag(given.nx, "NX"),
      ...Args.flag(given.xx, "XX"),
      ...Args.flag(given.get, "GET"),
      ...Args.expiryOption(given),
      ...Args.flag(given.keepttl, "KEEPTTL")
    ]
    return Command.make(SET, args, Reply.overloaded(given.get === true ? Reply.textOrNull : Reply.okOrNull))
  })
}

const setOptions = Args.options<SetOptions>(
  {
    nx: Args.isAsked,
    xx: Args.isAsked,
    get: Args.isAsked,
    ex: Args.any,
    exat: Args.any,
    keepttl: Args.isAsked
  },
  ["nx", "xx"],
  ["ex", "exat", "keepttl"]
)

/**
 * Sets the value of a key with a time to live, sent in seconds and rounded up.
 *
 * Redis 2.6.12 superseded it: `set` with `ex` does the same, to the millisecond. Since Redis 2.0.0.
 *
 * **Gotchas**
 *
 * Give the time with its unit, as in `"60 seconds"`: a bare number is refused, since Effect would read it as
 * milliseconds.
 *
 * **Example** (A page kept for an hour)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const cached = Redis.setex("page:home", "1 hour", "<html></html>") // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/setex/
 * @category strings
 * @since 0.1.0
 */
export const setex = (key: Command.Arg, ttl: Args.Span, value: Command.Arg): Command.Command<"OK"> =>
  Args.command(SETEX, () => [key, Args.seconds(ttl), value], Reply.ok)

/**
 * Sets the value of a key that does not exist. Replies whether it was set.
 *
 * Redis 2.6.12 superseded it: `set` with `nx` does the same, and can set a time to live. Since Redis 1.0.0.
 *
 * **Example** (The first one to come)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const first = Redis.setnx("race:1:winner", "ada") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/setnx/
 * @category strings
 * @since 0.1.0
 */
export const setnx = (key: Command.Arg, value: Command.Arg): Command.Command<boolean> =>
  Command.make(SETNX, [key, value], Reply.boolean)

/**
 * Overwrites a part of a value from the byte at `offset` on. A shorter value is first padded with zero bytes. Replies
 * the length in bytes that the value then has.
 *
 * Fails with `ServerError` when the offset is negative or the value would exceed 512 MB, and with code `WRONGTYPE` when the
 * key holds something other than a string. Since Redis 2.2.0.
 *
 * **Example** (Another end)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.setrange("greeting", 6, "Redis") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/setrange/
 * @category strings
 * @since 0.1.0
 */
export const setrange = (key: Command.Arg, offset: number, value: Command.Arg): Command.Command<number> =>
  Args.command(SETRANGE, () => [key, Args.integer(offset, "the offset"), value], Reply.integer)

/**
 * The length of a value in bytes, 0 when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 2.2.0.
 *
 * **Example** (The size of a picture)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const size = Redis.strlen("user:1:avatar") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/strlen/
 * @category strings
 * @since 0.1.0
 */
export const strlen = (key: Command.Arg): Command.Command<number> => Command.make(STRLEN, [key], Reply.integer)
