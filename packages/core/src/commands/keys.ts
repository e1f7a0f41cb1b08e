/**
 * Keys, whatever they hold: existence, lifetime, names, copies and order.
 *
 * Source: https://redis.io/docs/latest/commands/?group=generic
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const COPY = CommandSpec.get("COPY")
const DEL = CommandSpec.get("DEL")
const DUMP = CommandSpec.get("DUMP")
const EXISTS = CommandSpec.get("EXISTS")
const EXPIRE = CommandSpec.get("EXPIRE")
const EXPIREAT = CommandSpec.get("EXPIREAT")
const EXPIRETIME = CommandSpec.get("EXPIRETIME")
const KEYS = CommandSpec.get("KEYS")
const OBJECT_ENCODING = CommandSpec.get("OBJECT ENCODING")
const OBJECT_FREQ = CommandSpec.get("OBJECT FREQ")
const OBJECT_IDLETIME = CommandSpec.get("OBJECT IDLETIME")
const OBJECT_REFCOUNT = CommandSpec.get("OBJECT REFCOUNT")
const PERSIST = CommandSpec.get("PERSIST")
const PEXPIRE = CommandSpec.get("PEXPIRE")
const PEXPIREAT = CommandSpec.get("PEXPIREAT")
const PEXPIRETIME = CommandSpec.get("PEXPIRETIME")
const PTTL = CommandSpec.get("PTTL")
const RANDOMKEY = CommandSpec.get("RANDOMKEY")
const RENAME = CommandSpec.get("RENAME")
const RENAMENX = CommandSpec.get("RENAMENX")
const RESTORE = CommandSpec.get("RESTORE")
const SORT = CommandSpec.get("SORT")
const SORT_RO = CommandSpec.get("SORT_RO")
const TOUCH = CommandSpec.get("TOUCH")
const TTL = CommandSpec.get("TTL")
const TYPE = CommandSpec.get("TYPE")
const UNLINK = CommandSpec.get("UNLINK")

const texts = Reply.array(Reply.text)
const textsOrNulls = Reply.array(Reply.textOrNull)

/**
 * Copies the value of a key, and its time to live, to another. Replies `false` when there is no such key, or when the
 * other key exists and `replace` is not set.
 *
 * It is sent as one command: keys of different slots are refused before sending. Since Redis 6.2.0.
 *
 * **Example** (Yesterday's ranking)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const copied = Redis.copy("{ranking}:today", "{ranking}:yesterday", { replace: true }) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/copy/
 * @category keys
 * @since 0.1.0
 */
export const copy = (
  source: Command.Arg,
  destination: Command.Arg,
  options?: {
    /** Whether a key that exists is overwritten. */
    readonly replace?: boolean | undefined
  }
): Command.Command<boolean> =>
  Args.command(COPY, () => [source, destination, ...Args.flag(copyOptions(options).replace, "REPLACE")], Reply.boolean)

const copyOptions = Args.options<{ readonly replace?: boolean | undefined }>({ replace: Args.isAsked })

/**
 * Deletes keys. Replies how many there were.
 *
 * The server frees the memory of large values before it continues; with `unlink` it does so in the background. Keys of several
 * slots are deleted slot by slot, not in one step: see `CrossSlot`. Since Redis 1.0.0.
 *
 * **Example** (Two users)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const deleted = Redis.del(["user:1", "user:2"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/del/
 * @category keys
 * @since 0.1.0
 */
export const del = (keys: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(DEL, () => [...Args.some(keys, "key")], Reply.integer)

/**
 * The value of a key in Redis' own format, for `restore`, `null` when there is no such key. The time to live is not in it.
 *
 * The reply is bytes without `Command.bytes`. Since Redis 2.6.0.
 *
 * **Example** (A backup of one key)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const saved = Redis.dump("user:1:profile") // Command<Uint8Array | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/dump/
 * @category keys
 * @since 0.1.0
 */
export const dump = (key: Command.Arg): Command.Command<Uint8Array | null> =>
  Command.bytes(Command.make(DUMP, [key], Reply.textOrNull))

/**
 * How many of the keys exist. A key that is given twice counts twice.
 *
 * Keys of several slots are counted slot by slot: see `CrossSlot`. Since Redis 1.0.0.
 *
 * **Example** (Is there a lock?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const locked = Redis.exists(["lock:report"]).pipe(Command.map((count) => count > 0)) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/exists/
 * @category keys
 * @since 0.1.0
 */
export const exists = (keys: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(EXISTS, () => [...Args.some(keys, "key")], Reply.integer)

/**
 * When a time to live is set: only if the key has none (`nx`), only if it has one (`xx`), only if the new one is later
 * (`gt`) or earlier (`lt`), or always. A key without one counts as living for ever. Since Redis 7.0.0.
 *
 * @category models
 * @since 0.1.0
 */
export type ExpireCondition =
  | {
    readonly nx?: boolean | undefined
    readonly xx?: undefined
    readonly gt?: undefined
    readonly lt?: undefined
  }
  | {
    readonly nx?: undefined
    readonly xx?: boolean | undefined
    readonly gt?: boolean | undefined
    readonly lt?: undefined
  }
  | {
    readonly nx?: undefined
    readonly xx?: boolean | undefined
    readonly gt?: undefined
    readonly lt?: boolean | undefined
  }

const conditions = Args.options<ExpireCondition>(
  {
    nx: Args.isAsked,
    xx: Args.isAsked,
    gt: Args.isAsked,
    lt: Args.isAsked
  },
  ["nx", "xx"],
  ["nx", "gt", "lt"]
)

const conditionArgs = (condition: ExpireCondition | undefined): Args.Args => {
  const { gt, lt, nx, xx } = conditions(condition)
  return [...Args.flag(nx, "NX"), ...Args.flag(xx, "XX"), ...Args.flag(gt, "GT"), ...Args.flag(lt, "LT")]
}

/**
 * Gives a key a time to live, sent in seconds and rounded up. Replies `false` when there is no such key, or when the
 * condition was not met.
 *
 * Since Redis 1.0.0, conditions since 7.0.0.
 *
 * **Gotchas**
 *
 * Give the time with its unit, as in `"60 seconds"`: a bare number is refused, since Effect would read it as
 * milliseconds.
 *
 * **Example** (Half an hour, but never less than before)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.expire("session:8f3a", "30 minutes") // Command<boolean>
 * const prolonged = Redis.expire("session:8f3a", "30 minutes", { gt: true })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/expire/
 * @category keys
 * @since 0.1.0
 */
export const expire = (
  key: Command.Arg,
  ttl: Args.Span,
  condition?: ExpireCondition
): Command.Command<boolean> =>
  Args.command(EXPIRE, () => [key, Args.seconds(ttl), ...conditionArgs(condition)], Reply.boolean)

/**
 * Lets a key expire at a point in time, sent in seconds and rounded up; one that has passed deletes the key. Replies
 * `false` when there is no such key, or when the condition was not met.
 *
 * Since Redis 1.2.0, conditions since 7.0.0.
 *
 * **Example** (Until the end of the year)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.expireat("voucher:42", new Date("2027-01-01T00:00:00Z")) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/expireat/
 * @category keys
 * @since 0.1.0
 */
export const expireat = (
  key: Command.Arg,
  at: DateTime.DateTime | Date,
  condition?: ExpireCondition
): Command.Command<boolean> =>
  Args.command(EXPIREAT, () => [key, Args.epochSeconds(at), ...conditionArgs(condition)], Reply.boolean)

/**
 * When a key expires, in Unix seconds: -1 when it lives for ever, -2 when there is no such key.
 *
 * Since Redis 7.0.0.
 *
 * **Example** (When does a session end?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const at = Redis.expiretime("session:8f3a") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/expiretime/
 * @category keys
 * @since 0.1.0
 */
export const expiretime = (key: Command.Arg): Command.Command<number> => Command.make(EXPIRETIME, [key], Reply.integer)

/**
 * The keys that match a pattern, in no order. `*` stands for any characters, `?` for one character, `[ab]` for one of
 * the given ones.
 *
 * In a cluster every primary is asked. Each scans all of its keys and does nothing else meanwhile, so use this only for
 * small data and for debugging. Since Redis 1.0.0.
 *
 * **Example** (All keys of a user)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const found = Redis.keys("user:1:*") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/keys/
 * @category keys
 * @since 0.1.0
 */
export const keys = (pattern: Command.Arg): Command.Command<ReadonlyArray<string>> =>
  Command.make(KEYS, [pattern], texts)

/**
 * How the value of a key is stored, such as `"listpack"` or `"hashtable"`, `null` when there is no such key.
 *
 * Since Redis 2.2.3.
 *
 * **Example** (Is the hash still small?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const encoding = Redis.objectEncoding("user:1:profile") // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/object-encoding/
 * @category keys
 * @since 0.1.0
 */
export const objectEncoding = (key: Command.Arg): Command.Command<string | null> =>
  Command.make(OBJECT_ENCODING, [key], Reply.textOrNull)

/**
 * How often a key is used, as a logarithmic counter from 0 to 255, `null` when there is no such key.
 *
 * Fails with `ServerError` unless the server has an LFU policy; without one it does not count. Since Redis 4.0.0.
 *
 * **Example** (A key in demand?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const frequency = Redis.objectFreq("page:home") // Command<number | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/object-freq/
 * @category keys
 * @since 0.1.0
 */
export const objectFreq = (key: Command.Arg): Command.Command<number | null> =>
  Command.make(OBJECT_FREQ, [key], Reply.integerOrNull)

/**
 * For how many seconds a key has not been used, `null` when there is no such key.
 *
 * Fails with `ServerError` if the server has an LFU policy, since it does not keep the time then. Since Redis 2.2.3.
 *
 * **Example** (A forgotten key?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const seconds = Redis.objectIdletime("report:2019") // Command<number | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/object-idletime/
 * @category keys
 * @since 0.1.0
 */
export const objectIdletime = (key: Command.Arg): Command.Command<number | null> =>
  Command.make(OBJECT_IDLETIME, [key], Reply.integerOrNull)

/**
 * How many references the server holds to the value of a key, `null` when there is no such key.
 *
 * Since Redis 2.2.3.
 *
 * **Example** (A shared value?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const references = Redis.objectRefcount("visits:today") // Command<number | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/object-refcount/
 * @category keys
 * @since 0.1.0
 */
export const objectRefcount = (key: Command.Arg): Command.Command<number | null> =>
  Command.make(OBJECT_REFCOUNT, [key], Reply.integerOrNull)

/**
 * Removes the time to live of a key. Replies `false` when there is no such key, or when it had none.
 *
 * Since Redis 2.2.0.
 *
 * **Example** (Keeping a draft)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const kept = Redis.persist("draft:12") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/persist/
 * @category keys
 * @since 0.1.0
 */
export const persist = (key: Command.Arg): Command.Command<boolean> => Command.make(PERSIST, [key], Reply.boolean)

/**
 * Gives a key a time to live, sent in milliseconds and rounded up. Replies `false` when there is no such key, or when
 * the condition was not met.
 *
 * Since Redis 2.6.0, conditions since 7.0.0.
 *
 * **Example** (A quarter of a second)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.pexpire("lease:1", "250 millis") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pexpire/
 * @category keys
 * @since 0.1.0
 */
export const pexpire = (
  key: Command.Arg,
  ttl: Duration.Input,
  condition?: ExpireCondition
): Command.Command<boolean> =>
  Args.command(PEXPIRE, () => [key, Args.millis(ttl), ...conditionArgs(condition)], Reply.boolean)

/**
 * Lets a key expire at a point in time, sent in milliseconds; one that has passed deletes the key. Replies `false` when
 * there is no such key, or when the condition was not met.
 *
 * Since Redis 2.6.0, conditions since 7.0.0.
 *
 * **Example** (Until the end of the year)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.pexpireat("voucher:42", new Date("2027-01-01T00:00:00Z")) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pexpireat/
 * @category keys
 * @since 0.1.0
 */
export const pexpireat = (
  key: Command.Arg,
  at: DateTime.DateTime | Date,
  condition?: ExpireCondition
): Command.Command<boolean> =>
  Args.command(PEXPIREAT, () => [key, Args.epochMillis(at), ...conditionArgs(condition)], Reply.boolean)

/**
 * When a key expires, in Unix milliseconds: -1 when it lives for ever, -2 when there is no such key.
 *
 * Since Redis 7.0.0.
 *
 * **Example** (When does a lease end?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const at = Redis.pexpiretime("lease:1") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pexpiretime/
 * @category keys
 * @since 0.1.0
 */
export const pexpiretime = (key: Command.Arg): Command.Command<number> =>
  Command.make(PEXPIRETIME, [key], Reply.integer)

/**
 * For how many milliseconds a key still lives: -1 when it lives for ever, -2 when there is no such key.
 *
 * Since Redis 2.6.0.
 *
 * **Example** (How long does a lease last?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const millis = Redis.pttl("lease:1") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pttl/
 * @category keys
 * @since 0.1.0
 */
export const pttl = (key: Command.Arg): Command.Command<number> => Command.make(PTTL, [key], Reply.integer)

/**
 * A random key, `null` when there is none.
 *
 * In a cluster every primary is asked, and one of their keys is chosen, so that each key is about as likely as any other. Since
 * Redis 1.0.0.
 *
 * **Example** (A sample)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const key = Redis.randomkey() // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/randomkey/
 * @category keys
 * @since 0.1.0
 */
export const randomkey = (): Command.Command<string | null> => Command.make(RANDOMKEY, [], Reply.textOrNull)

/**
 * Renames a key; its time to live goes with it. A key that has the new name already is overwritten.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` when there is no
 * such key. Since Redis 1.0.0.
 *
 * **Example** (From draft to page)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const renamed = Redis.rename("{page:1}:draft", "{page:1}:text") // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/rename/
 * @category keys
 * @since 0.1.0
 */
export const rename = (key: Command.Arg, newKey: Command.Arg): Command.Command<"OK"> =>
  Command.make(RENAME, [key, newKey], Reply.ok)

/**
 * Renames a key unless one has the new name already. Replies whether it was renamed.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` when there is no
 * such key. Since Redis 1.0.0.
 *
 * **Example** (From draft to page, once)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const renamed = Redis.renamenx("{page:1}:draft", "{page:1}:text") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/renamenx/
 * @category keys
 * @since 0.1.0
 */
export const renamenx = (key: Command.Arg, newKey: Command.Arg): Command.Command<boolean> =>
  Command.make(RENAMENX, [key, newKey], Reply.boolean)

/**
 * How a key is restored: when it expires (by default never), whether it may replace another, and how recently or often
 * used the eviction policy considers it.
 *
 * @category models
 * @since 0.1.0
 */
export type RestoreOptions =
  & {
    /** Whether a key that exists is overwritten. */
    readonly replace?: boolean | undefined
  }
  & (
    | {
      /** How long the key lives from now on, rounded up to milliseconds. */
      readonly ex?: Args.Span | undefined
      readonly exat?: undefined
    }
    | {
      readonly ex?: undefined
      /** When the key expires. Since Redis 5.0.0. */
      readonly exat?: DateTime.DateTime | Date | undefined
    }
  )
  & (
    | {
      /** For how long the key has not been used, in whole seconds. Since Redis 5.0.0. */
      readonly idletime?: Args.Span | undefined
      readonly freq?: undefined
    }
    | {
      readonly idletime?: undefined
      /** How often it is used, as `objectFreq` replies it. Since Redis 5.0.0. */
      readonly freq?: number | undefined
    }
  )

const restoreTtl = (options: RestoreOptions): Command.Arg =>
  options.ex !== undefined
    ? `${Args.ex(options.ex)}`
    : options.exat !== undefined
    ? Args.epochMillis(options.exat)
    : "0"

/**
 * Creates a key from the reply of `dump`.
 *
 * Fails with `ServerError`: code `BUSYKEY` when the key exists and `replace` is not set, code `ERR` when the bytes are
 * damaged or of a later version of Redis. Since Redis 2.6.0.
 *
 * **Example** (A copy under another slot)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const copied = Effect.gen(function*() {
 *   const saved = yield* Redis.dump("user:1:profile")
 *   if (saved !== null) yield* Redis.restore("user:2:profile", saved, { ex: "1 day", replace: true })
 * })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/restore/
 * @category keys
 * @since 0.1.0
 */
export const restore = (
  key: Command.Arg,
  serialized: Uint8Array,
  options?: RestoreOptions
): Command.Command<"OK"> =>
  Args.command(RESTORE, () => {
    const given = restoreOptions(options)
    return [
      key,
      restoreTtl(given),
      serialized,
      ...Args.flag(given.replace, "REPLACE"),
      ...Args.flag(given.exat !== undefined, "ABSTTL"),
      ...Args.option("IDLETIME", given.idletime, (idle) => Args.idleSeconds(idle, "idletime")),
      ...Args.option("FREQ", given.freq, (freq) => Args.integer(freq, "freq"))
    ]
  }, Reply.ok)

const restoreOptions = Args.options<RestoreOptions>(
  {
    replace: Args.isAsked,
    ex: Args.any,
    exat: Args.any,
    idletime: Args.any,
    freq: Args.any
  },
  ["ex", "exat"],
  ["idletime", "freq"]
)

/**
 * How elements are sorted.
 *
 * **Details**
 *
 * In `by` and `get`, `*` stands for the element, and `->` leads to a field of a hash. `by` without a `*` turns sorting
 * off; `"#"` in `get` is the element itself. A cluster refuses `get`, and `by` with a `*`; since Redis 7.4 it takes
 * patterns that name keys of the same slot.
 *
 * @category models
 * @since 0.1.0
 */
export interface SortOptions {
  /** The pattern of the keys that hold the weights to sort by, instead of the elements. */
  readonly by?: Command.Arg | undefined
  /** Which of the sorted elements to take. */
  readonly limit?: { readonly offset: number; readonly count: number } | undefined
  /** Patterns of the keys whose values to reply, instead of the elements. */
  readonly get?: ReadonlyArray<Command.Arg> | undefined
  /** From low to high (`ASC`, the default), or from high to low. */
  readonly order?: "ASC" | "DESC" | undefined
  /** Whether to compare elements as text; otherwise they must be numbers. */
  readonly alpha?: boolean | undefined
}

const sortChecks = { by: Args.any, limit: Args.any, get: Args.any, order: Args.any, alpha: Args.isAsked }
const sortLimit = Args.demanded<Required<SortOptions>["limit"] & object>({ offset: Args.any, count: Args.any })

const sortLimitArgs = (limit: SortOptions["limit"]): Args.Args => {
  if (limit === undefined) return []
  const { count, offset } = sortLimit(limit)
  return ["LIMIT", Args.integer(offset, "the offset of the limit"), Args.integer(count, "the count of the limit")]
}

const sortArgs = (key: Command.Arg, options: SortOptions): ReadonlyArray<Command.Arg> => [
  key,
  ...Args.option("BY", options.by, (by) => by),
  ...sortLimitArgs(options.limit),
  ...Args.list(options.get === undefined ? [] : options.get, "pattern").flatMap((pattern) => ["GET", pattern]),
  ...(options.order === undefined ? [] : [options.order]),
  ...Args.flag(options.alpha, "ALPHA")
]

/**
 * The elements of a list, set or sorted set, sorted as numbers or as text; none when there is no such key.
 *
 * With `get` the reply has the values of the keys that the patterns name, `null` for each missing one. With `store` the
 * result is stored as a list at that key, replacing whatever was there, and the reply is its length.
 *
 * It is sent as one command: keys of different slots, `store` included, are refused before sending. Fails with
 * `ServerError` when elements are not numbers and `alpha` is not set, and with code `WRONGTYPE` when the key holds something
 * else. Since Redis 1.0.0.
 *
 * **Example** (The three highest bids)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const top = Redis.sort("{item:1}:bids", { order: "DESC", limit: { offset: 0, count: 3 } })
 * // Command<ReadonlyArray<string>>
 * const stored = Redis.sort("{item:1}:bids", { store: "{item:1}:sorted" }) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sort/
 * @category keys
 * @since 0.1.0
 */
export const sort: {
  (
    key: Command.Arg,
    options?: SortOptions & { readonly get?: undefined; readonly store?: undefined }
  ): Command.Command<ReadonlyArray<string>>
  (key: Command.Arg, options: SortOptions & { readonly store: Command.Arg }): Command.Command<number>
  (
    key: Command.Arg,
    options: SortOptions & { readonly store?: undefined }
  ): Command.Command<ReadonlyArray<string | null>>
} = (
  key: Command.Arg,
  options?: SortOptions & { readonly store?: Command.Arg | undefined }
): Command.Command<never> =>
  Args.building(SORT, () => {
    const { store, ...given } = sortStoreOptions(options)
    return Command.make(
      SORT,
      [...sortArgs(key, given), ...Args.option("STORE", store, (store) => store)],
      store === undefined ? Reply.overloaded(textsOrNulls) : Reply.overloaded(Reply.integer)
    )
  })

const sortStoreOptions = Args.options<SortOptions & { readonly store?: Command.Arg | undefined }>({
  ...sortChecks,
  store: Args.any
})

/**
 * The elements of a list, set or sorted set, sorted: `sort` without `store`, so that a replica can answer it.
 *
 * Fails with `ServerError` when elements are not numbers and `alpha` is not set, and with code `WRONGTYPE` when the key
 * holds something else. Since Redis 7.0.0.
 *
 * **Example** (Names in order)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const names = Redis.sortRo("team:1", { alpha: true }) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/sort_ro/
 * @category keys
 * @since 0.1.0
 */
export const sortRo: {
  (key: Command.Arg, options?: SortOptions & { readonly get?: undefined }): Command.Command<ReadonlyArray<string>>
  (key: Command.Arg, options: SortOptions): Command.Command<ReadonlyArray<string | null>>
} = (key: Command.Arg, options?: SortOptions): Command.Command<never> =>
  Args.command(SORT_RO, () => sortArgs(key, sortOptions(options)), Reply.overloaded(textsOrNulls))

const sortOptions = Args.options<SortOptions>(sortChecks)

/**
 * Marks keys as just used, without reading them. Replies how many of them exist.
 *
 * Keys of several slots are touched slot by slot: see `CrossSlot`. Since Redis 3.2.1.
 *
 * **Example** (Keeping a page from eviction)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const touched = Redis.touch(["page:home"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/touch/
 * @category keys
 * @since 0.1.0
 */
export const touch = (keys: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(TOUCH, () => [...Args.some(keys, "key")], Reply.integer)

/**
 * For how many seconds a key still lives, rounded: -1 when it lives for ever, -2 when there is no such key.
 *
 * Since Redis 1.0.0.
 *
 * **Example** (How long does a session last?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const seconds = Redis.ttl("session:8f3a") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/ttl/
 * @category keys
 * @since 0.1.0
 */
export const ttl = (key: Command.Arg): Command.Command<number> => Command.make(TTL, [key], Reply.integer)

/**
 * What a key holds: `"string"`, `"list"`, `"set"`, `"zset"`, `"hash"`, `"stream"`, a type of a module, or `"none"` when there
 * is no such key.
 *
 * Since Redis 1.0.0.
 *
 * **Example** (Is it a hash?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const kind = Redis.type("user:1:profile") // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/type/
 * @category keys
 * @since 0.1.0
 */
export const type = (key: Command.Arg): Command.Command<string> => Command.makeSealed(TYPE, [key], Reply.name)

/**
 * Deletes keys, and frees their memory in the background. Replies how many there were.
 *
 * Keys of several slots are deleted slot by slot, not in one step: see `CrossSlot`. Since Redis 4.0.0.
 *
 * **Example** (A large list)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const deleted = Redis.unlink(["events:2019"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/unlink/
 * @category keys
 * @since 0.1.0
 */
export const unlink = (keys: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(UNLINK, () => [...Args.some(keys, "key")], Reply.integer)
