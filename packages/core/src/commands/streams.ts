/**
 * Streams: logs of entries, each with an ID that is greater than those before it, and with fields. To share entries
 * among several workers, use a consumer group; see `consumerGroups.ts`.
 *
 * Source: https://redis.io/docs/latest/commands/?group=stream
 */
import type * as Duration from "effect/Duration"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"
import * as Streams from "../internal/commands/streams.ts"
import type { StreamEntry, StreamId } from "../internal/commands/streams.ts"
import type * as Resp from "../Resp.ts"

export type { StreamEntry, StreamFields, StreamId } from "../internal/commands/streams.ts"

const XADD = CommandSpec.get("XADD")
const XDEL = CommandSpec.get("XDEL")
const XINFO_STREAM = CommandSpec.get("XINFO STREAM")
const XLEN = CommandSpec.get("XLEN")
const XRANGE = CommandSpec.get("XRANGE")
const XREVRANGE = CommandSpec.get("XREVRANGE")
const XSETID = CommandSpec.get("XSETID")
const XTRIM = CommandSpec.get("XTRIM")
const XREAD = CommandSpec.get("XREAD")

/**
 * The entries read from one stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamRead<out Entry = StreamEntry> {
  readonly key: string
  readonly entries: ReadonlyArray<Entry>
}

/**
 * Which entries of a stream to keep: the newest `maxlen`, or those from the ID `minid` on.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamTrim =
  & (
    | { readonly maxlen: number; readonly minid?: undefined }
    | {
      readonly maxlen?: undefined
      /** Since Redis 6.2.0. */
      readonly minid: string
    }
  )
  & (
    | { readonly approximate?: false | undefined; readonly limit?: undefined }
    | {
      /** Allows Redis to keep some more: it then removes whole blocks of entries, which is much faster. */
      readonly approximate: true
      /** The maximum number of entries to remove, 0 for no limit; by default Redis chooses. Since Redis 6.2.0. */
      readonly limit?: number | undefined
    }
  )

/**
 * @category models
 * @since 0.1.0
 */
export interface XaddOptions {
  /**
   * The ID of the entry, greater than all before it. By default Redis makes one from its clock; for `"1700000000000-*"`
   * it makes only the second part, since Redis 7.0.0.
   */
  readonly id?: string | undefined
  /** Which entries to keep after the new one is added; by default all. */
  readonly trim?: StreamTrim | undefined
}

const trimOptions = Args.demanded<StreamTrim>({
  maxlen: Args.any,
  minid: Args.any,
  approximate: Args.isAsked,
  limit: Args.any
}, ["maxlen", "minid"])

const trimArgs = (trim: StreamTrim): Args.Args => {
  const { approximate, limit, maxlen, minid } = trimOptions(trim)
  if (maxlen === undefined && minid === undefined) return Args.refuse("say what to keep: give maxlen or minid")
  return [
    ...(minid === undefined ? ["MAXLEN"] : ["MINID"]),
    ...Args.flag(approximate, "~"),
    minid ?? Args.integer(maxlen, "maxlen"),
    ...Args.option("LIMIT", limit, (limit) => Args.integer(limit, "the limit"))
  ]
}

/**
 * Adds an entry at the end of a stream, which is created if need be. Replies the entry's ID. Give the fields as a
 * record, or as pairs when a name is bytes or comes twice.
 *
 * **Details**
 *
 * With `nomkstream` a missing stream is not created, and the reply is `null`.
 *
 * Fails with `ServerError`: code `ERR` when the ID is not greater than all before it, code `WRONGTYPE` when the key
 * holds something other than a stream. Since Redis 5.0.0, `nomkstream` since 6.2.0.
 *
 * **Example** (A reading, and one in a log that is kept short)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const id = Redis.xadd("readings", { sensor: "attic", celsius: "21.5" }) // Command<Redis.StreamId>
 * const kept = Redis.xadd("log", { text: "started" }, { trim: { maxlen: 1000, approximate: true } })
 * const old = Redis.xadd("log", { text: "stopped" }, { nomkstream: true }) // Command<Redis.StreamId | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xadd/
 * @category streams
 * @since 0.1.0
 */
export const xadd: {
  (
    key: Command.Arg,
    fields: Args.Entries,
    options?: XaddOptions & { readonly nomkstream?: false | undefined }
  ): Command.Command<StreamId>
  (
    key: Command.Arg,
    fields: Args.Entries,
    options: XaddOptions & { readonly nomkstream: true }
  ): Command.Command<StreamId | null>
} = (
  key: Command.Arg,
  fields: Args.Entries,
  options?: XaddOptions & { readonly nomkstream?: boolean | undefined }
): Command.Command<never> =>
  Args.building(XADD, () => {
    const { id = "*", nomkstream, trim } = xaddOptions(options)
    const args = [
      key,
      ...Args.flag(nomkstream, "NOMKSTREAM"),
      ...(trim === undefined ? [] : trimArgs(trim)),
      id,
      ...Args.entries(fields, "field")
    ]
    return Command.make(
      XADD,
      args,
      nomkstream === true ? Reply.overloaded(Streams.idOrNull) : Reply.overloaded(Streams.id)
    )
  })

const xaddOptions = Args.options<XaddOptions & { readonly nomkstream?: boolean | undefined }>({
  id: Args.any,
  trim: Args.any,
  nomkstream: Args.isAsked
})

/**
 * Removes entries from a stream. Replies how many there were. A stream without entries stays a key.
 *
 * Fails with `ServerError`: code `ERR` for an invalid ID, code `WRONGTYPE` when the key holds something other than a
 * stream. Since Redis 5.0.0.
 *
 * **Example** (Forgetting a reading)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.xdel("readings", ["1700000000000-0"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xdel/
 * @category streams
 * @since 0.1.0
 */
export const xdel = (key: Command.Arg, ids: ReadonlyArray<string>): Command.Command<number> =>
  Args.command(XDEL, () => [key, ...Args.some(ids, "ID")], Reply.integer)

/**
 * The fields that {@link xinfoStream} and {@link xinfoStreamFull} share.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamSummary {
  /** How many entries there are. */
  readonly length: number
  /** The size of the tree that holds them. */
  readonly radixTreeKeys: number
  readonly radixTreeNodes: number
  /** The greatest ID that was ever given. */
  readonly lastGeneratedId: StreamId
  /** The greatest ID that was ever deleted, `"0-0"` for none. `null` before Redis 7.0.0, as are the next two. */
  readonly maxDeletedEntryId: StreamId | null
  /** How many entries were ever added. */
  readonly entriesAdded: number | null
  /** The ID of the first entry, `"0-0"` when there is none. */
  readonly recordedFirstEntryId: StreamId | null
}

/**
 * A stream as {@link xinfoStream} describes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamInfo extends StreamSummary {
  /** How many consumer groups there are. */
  readonly groups: number
  /** `null` when there are no entries. */
  readonly firstEntry: StreamEntry | null
  readonly lastEntry: StreamEntry | null
}

const entryOrNull = Reply.nullOr(Streams.entry)

const summaryOf = (stream: Readonly<Record<string, Resp.Value>>): StreamSummary => ({
  length: Reply.integer(stream["length"]),
  radixTreeKeys: Reply.integer(stream["radix-tree-keys"]),
  radixTreeNodes: Reply.integer(stream["radix-tree-nodes"]),
  lastGeneratedId: Streams.id(stream["last-generated-id"]),
  maxDeletedEntryId: Streams.idOrNull(stream["max-deleted-entry-id"] ?? null),
  entriesAdded: Reply.integerOrNull(stream["entries-added"] ?? null),
  recordedFirstEntryId: Streams.idOrNull(stream["recorded-first-entry-id"] ?? null)
})

const streamInfo: Reply.Decode<StreamInfo> = (value) => {
  const stream = Streams.info(value)
  return {
    ...summaryOf(stream),
    groups: Reply.integer(stream["groups"]),
    firstEntry: entryOrNull(stream["first-entry"]),
    lastEntry: entryOrNull(stream["last-entry"])
  }
}

/**
 * A description of a stream: its length, its first and last entry, the number of its groups.
 *
 * Fails with `ServerError`: code `ERR` when there is no such key, code `WRONGTYPE` when it holds something other than a
 * stream. Since Redis 5.0.0.
 *
 * **Example** (The newest entry)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const newest = Redis.xinfoStream("readings").pipe(Command.map((stream) => stream.lastEntry))
 * // Command<Redis.StreamEntry | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xinfo-stream/
 * @category streams
 * @since 0.1.0
 */
export const xinfoStream = (key: Command.Arg): Command.Command<StreamInfo> =>
  Command.make(XINFO_STREAM, [key], streamInfo)

/**
 * A consumer as {@link xinfoStreamFull} describes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamConsumerFull {
  readonly name: string
  /** When it last tried to read or claim, in Unix milliseconds. */
  readonly seenTime: number
  /** When it last got entries, in Unix milliseconds; -1 for never. `null` before Redis 7.2.0. */
  readonly activeTime: number | null
  /** How many entries it has pending. */
  readonly pelCount: number
  /** The first of them, each with the time of its delivery in Unix milliseconds, and how often it was delivered. */
  readonly pending: ReadonlyArray<{
    readonly id: StreamId
    readonly deliveryTime: number
    readonly deliveries: number
  }>
}

/**
 * A consumer group as {@link xinfoStreamFull} describes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamGroupFull {
  readonly name: string
  /** The ID of the last entry that it delivered. */
  readonly lastDeliveredId: StreamId
  /** How many entries it has read, `null` when Redis can't tell, and before 7.0.0. The same goes for `lag`. */
  readonly entriesRead: number | null
  /** How many entries it has yet to read. */
  readonly lag: number | null
  /** How many entries are pending. */
  readonly pelCount: number
  /**
   * The first of them, each with its consumer, the time of its delivery in Unix milliseconds, and how often it was
   * delivered.
   */
  readonly pending: ReadonlyArray<{
    readonly id: StreamId
    readonly consumer: string
    readonly deliveryTime: number
    readonly deliveries: number
  }>
  readonly consumers: ReadonlyArray<StreamConsumerFull>
}

/**
 * A stream as {@link xinfoStreamFull} describes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamInfoFull extends StreamSummary {
  /** The first entries. */
  readonly entries: ReadonlyArray<StreamEntry>
  readonly groups: ReadonlyArray<StreamGroupFull>
}

const pendingOfConsumer = Reply.array((value) => {
  const [id, deliveryTime, deliveries] = Streams.tuple(value, 3)
  return { id: Streams.id(id), deliveryTime: Reply.integer(deliveryTime), deliveries: Reply.integer(deliveries) }
})

const pendingOfGroup = Reply.array((value) => {
  const [id, consumer, deliveryTime, deliveries] = Streams.tuple(value, 4)
  return {
    id: Streams.id(id),
    consumer: Reply.text(consumer),
    deliveryTime: Reply.integer(deliveryTime),
    deliveries: Reply.integer(deliveries)
  }
})

const consumersInFull = Reply.array((value): StreamConsumerFull => {
  const consumer = Streams.info(value)
  return {
    name: Reply.text(consumer["name"]),
    seenTime: Reply.integer(consumer["seen-time"]),
    activeTime: Reply.integerOrNull(consumer["active-time"] ?? null),
    pelCount: Reply.integer(consumer["pel-count"]),
    pending: pendingOfConsumer(consumer["pending"])
  }
})

const groupsInFull = Reply.array((value): StreamGroupFull => {
  const group = Streams.info(value)
  return {
    name: Reply.text(group["name"]),
    lastDeliveredId: Streams.id(group["last-delivered-id"]),
    entriesRead: Reply.integerOrNull(group["entries-read"] ?? null),
    lag: Reply.integerOrNull(group["lag"] ?? null),
    pelCount: Reply.integer(group["pel-count"]),
    pending: pendingOfGroup(group["pending"]),
    consumers: consumersInFull(group["consumers"])
  }
})

const streamInfoFull: Reply.Decode<StreamInfoFull> = (value) => {
  const stream = Streams.info(value)
  return {
    ...summaryOf(stream),
    entries: Streams.entries(stream["entries"]),
    groups: groupsInFull(stream["groups"])
  }
}

/**
 * A full description of a stream, including the pending entries of each consumer of each group. Each list of entries
 * has the first `count` ones: 10 by default, all with 0.
 *
 * Fails with `ServerError`: code `ERR` when there is no such key, code `WRONGTYPE` when it holds something other than a
 * stream. Since Redis 6.0.0.
 *
 * **Example** (Who is behind?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const behind = Redis.xinfoStreamFull("jobs", { count: 1 }).pipe(
 *   Command.map(({ groups }) => groups.filter(({ lag }) => lag === null || lag > 1000))
 * ) // Command<Array<Redis.StreamGroupFull>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xinfo-stream/
 * @category streams
 * @since 0.1.0
 */
export const xinfoStreamFull = (
  key: Command.Arg,
  options?: { readonly count?: number | undefined }
): Command.Command<StreamInfoFull> =>
  Args.command(XINFO_STREAM, () => {
    const { count } = Streams.countOptions(options)
    return [key, "FULL", ...Args.option("COUNT", count, (count) => Args.atLeast(0, count, "the count"))]
  }, streamInfoFull)

/**
 * The number of entries of a stream, 0 when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a stream. Since Redis 5.0.0.
 *
 * **Example** (How many readings)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.xlen("readings") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xlen/
 * @category streams
 * @since 0.1.0
 */
export const xlen = (key: Command.Arg): Command.Command<number> => Command.make(XLEN, [key], Reply.integer)

/**
 * The entries from the ID `start` to the ID `end`, both included, or the first `count` of them. None when there is no
 * such key.
 *
 * **Details**
 *
 * `"-"` is before the first entry, `"+"` behind the last. An ID of milliseconds only means all entries of that
 * millisecond. Since Redis 6.2.0 a parenthesis excludes an end, as in `"(1700000000000-0"`, so that the next page can
 * begin behind the last entry.
 *
 * Fails with `ServerError`: code `ERR` for an invalid ID, code `WRONGTYPE` when the key holds something other than a
 * stream. Since Redis 5.0.0.
 *
 * **Example** (A page, and the readings of a minute)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const page = Redis.xrange("readings", "-", "+", { count: 100 }) // Command<ReadonlyArray<Redis.StreamEntry>>
 * const minute = Redis.xrange("readings", "1700000000000", "1700000059999").pipe(
 *   Command.map((entries) => entries.map(({ fields }) => Object.fromEntries(fields)))
 * ) // Command<Array<Record<string, string>>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xrange/
 * @category streams
 * @since 0.1.0
 */
export const xrange = (
  key: Command.Arg,
  start: string,
  end: string,
  options?: { readonly count?: number | undefined }
): Command.Command<ReadonlyArray<StreamEntry>> =>
  Args.command(XRANGE, () => [key, start, end, ...Streams.count(Streams.countOptions(options).count)], Streams.entries)

/**
 * The entries behind an ID of each of several streams: all of them, or the first `count` of each. Replies the streams
 * that have such entries, `null` if none has.
 *
 * **Details**
 *
 * With `block` it waits up to that long for entries, on a connection of its own; `"Infinity"` waits for ever. It then
 * reads the stream that gets an entry first. The time is rounded up to milliseconds, and the reply is `null` when it is
 * over.
 *
 * `"0"` is before the first entry. `"$"` means entries added from now on. Use it only for the first read, and then the
 * last ID that you have seen; otherwise you miss the entries added in between. `"+"` is the last entry, since Redis
 * 7.4.0.
 *
 * It is sent as one command: keys of different slots are refused before sending. Give a record, or pairs when a key is
 * bytes. Fails with `ServerError`: code `ERR` for an invalid ID, code `WRONGTYPE` when a key holds something other than
 * a stream. Since Redis 5.0.0.
 *
 * **Example** (Existing entries, and new ones)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const old = Redis.xread({ readings: "0" }, { count: 100 }) // Command<ReadonlyArray<Redis.StreamRead> | null>
 * const next = Redis.xread({ readings: "1700000000000-0" }, { block: "30 seconds" })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xread/
 * @category streams
 * @since 0.1.0
 */
export const xread = (
  streams: Args.Entries,
  options?: { readonly count?: number | undefined; readonly block?: Duration.Input | undefined }
): Command.Command<ReadonlyArray<StreamRead> | null> =>
  Args.command(XREAD, () => Streams.reading(streams, xreadOptions(options)), reads)

const xreadOptions = Args.options<Streams.ReadOptions>({ count: Args.any, block: Args.any })

const reads = Streams.read(Streams.entry)

/**
 * {@link xrange} backwards: the entries from the ID `end` down to the ID `start`, or the last `count` of them.
 *
 * Fails with `ServerError`: code `ERR` for an invalid ID, code `WRONGTYPE` when the key holds something other than a
 * stream. Since Redis 5.0.0.
 *
 * **Example** (The newest entry)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const newest = Redis.xrevrange("readings", "+", "-", { count: 1 }) // Command<ReadonlyArray<Redis.StreamEntry>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xrevrange/
 * @category streams
 * @since 0.1.0
 */
export const xrevrange = (
  key: Command.Arg,
  end: string,
  start: string,
  options?: { readonly count?: number | undefined }
): Command.Command<ReadonlyArray<StreamEntry>> =>
  Args.command(
    XREVRANGE,
    () => [key, end, start, ...Streams.count(Streams.countOptions(options).count)],
    Streams.entries
  )

/**
 * Sets the ID that the IDs of new entries must exceed, for copies of a stream. It can't be less than the last entry's
 * ID. `entriesadded` and `maxdeletedid` set how many entries were ever added and the greatest ID that was deleted.
 *
 * Fails with `ServerError`: code `ERR` when there is no such key, or when a value contradicts what the stream holds,
 * code `WRONGTYPE` when the key holds something other than a stream. Since Redis 5.0.0, the options since 7.0.0.
 *
 * **Example** (Going on where another stream is)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const set = Redis.xsetid("copy", "1700000000000-0", { entriesadded: 1000 }) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xsetid/
 * @category streams
 * @since 0.1.0
 */
export const xsetid = (
  key: Command.Arg,
  lastId: string,
  options?: XsetidOptions
): Command.Command<"OK"> =>
  Args.command(XSETID, () => {
    const { entriesadded, maxdeletedid } = xsetidOptions(options)
    return [
      key,
      lastId,
      ...Args.option("ENTRIESADDED", entriesadded, (added) => Args.integer(added, "entriesadded")),
      ...Args.option("MAXDELETEDID", maxdeletedid, (id) => id)
    ]
  }, Reply.ok)

interface XsetidOptions {
  readonly entriesadded?: number | undefined
  readonly maxdeletedid?: string | undefined
}

const xsetidOptions = Args.options<XsetidOptions>({ entriesadded: Args.any, maxdeletedid: Args.any })

/**
 * Removes the oldest entries of a stream: those beyond the newest `maxlen`, or those before the ID `minid`. Replies how
 * many were removed.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a stream. Since Redis 5.0.0.
 *
 * **Example** (About a thousand entries, and a day of them)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.xtrim("log", { maxlen: 1000, approximate: true }) // Command<number>
 * const day = Redis.xtrim("log", { minid: `${Date.now() - 24 * 60 * 60 * 1000}` })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xtrim/
 * @category streams
 * @since 0.1.0
 */
export const xtrim = (key: Command.Arg, trim: StreamTrim): Command.Command<number> =>
  Args.command(XTRIM, () => [key, ...trimArgs(trim)], Reply.integer)
