/**
 * Streams: logs of entries, each with an ID that is greater than those before it, and with fields. What several workers
 * have to share is read in a consumer group, see `consumerGroups.ts`.
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
 * What was read of one stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamRead<out Entry = StreamEntry> {
  readonly key: string
  readonly entries: ReadonlyArray<Entry>
}

/**
 * What of a stream is kept: its newest `maxlen` entries, or those from the ID `minid` on.
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
      /** Whether some more may be kept: entries are then removed by whole blocks, which is much quicker. */
      readonly approximate: true
      /** How many entries to remove at most, 0 for any number; Redis chooses if nothing is said. Since Redis 6.2.0. */
      readonly limit?: number | undefined
    }
  )

/**
 * @category models
 * @since 0.1.0
 */
export interface XaddOptions {
  /**
   * The ID of the entry, greater than all before it. Redis makes one from its clock if nothing is said; of
   * `"1700000000000-*"` it makes the second part, since Redis 7.0.0.
   */
  readonly id?: string | undefined
  /** What of the stream is kept once the entry is in it; all, if nothing is said. */
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
 * Fails with `ServerError`: code `ERR` for what is no ID, code `WRONGTYPE` when the key holds something other than a
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
 * What {@link xinfoStream} and {@link xinfoStreamFull} both tell.
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
 * What a stream is like: its length, its first and last entry, how many groups it has.
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
  /** When it last got something, in Unix milliseconds; -1 for never. `null` before Redis 7.2.0. */
  readonly activeTime: number | null
  /** How many entries it has pending. */
  readonly pelCount: number
  /** The first of them, with when they were delivered, in Unix milliseconds, and how often. */
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
  /** The last entry that it was handed. */
  readonly lastDeliveredId: StreamId
  /** How many entries it has read, `null` when Redis can't tell, and before 7.0.0. The same goes for `lag`. */
  readonly entriesRead: number | null
  /** How many entries it has yet to read. */
  readonly lag: number | null
  /** How many entries are pending. */
  readonly pelCount: number
  /** The first of them, with who has them, since when, in Unix milliseconds, and how often they were delivered. */
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
  /** The first ones. */
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
 * What a stream is like, down to what each consumer of each group has pending. Of every list of entries it shows the
 * first `count`, all with 0, ten if nothing is said.
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
 * `"-"` is before the first entry, `"+"` behind the last. Milliseconds alone mean all entries of them. A parenthesis
 * excludes an end, `"(1700000000000-0"`, since Redis 6.2.0: that way the next page begins behind the last entry.
 *
 * Fails with `ServerError`: code `ERR` for what is no ID, code `WRONGTYPE` when the key holds something other than a
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
 * The entries behind an ID of each of several streams, as many as there are or the first `count` of each. Replies those
 * streams that have some, `null` when none has.
 *
 * **Details**
 *
 * With `block` it waits up to that long while there are none, on a connection of its own, and `"Infinity"` waits for
 * ever. It then reads the stream that gets an entry first. The time is rounded up to milliseconds, and the reply is
 * `null` when it is over.
 *
 * `"0"` is before the first entry. `"$"` means whatever comes from now on: use it for the first read only, and the last
 * ID that you have seen from then on, or you miss what comes in between. `"+"` is the last entry, since Redis 7.4.0.
 *
 * It is sent as one command: keys of different slots are refused before sending. Give a record, or pairs when a key is
 * bytes. Fails with `ServerError`: code `ERR` for what is no ID, code `WRONGTYPE` when a key holds something other than
 * a stream. Since Redis 5.0.0.
 *
 * **Example** (What is there, and what comes)
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
 * Fails with `ServerError`: code `ERR` for what is no ID, code `WRONGTYPE` when the key holds something other than a
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
 * Sets the ID that new ones have to be greater than, for copies of a stream. It can't be below the last entry's.
 * `entriesadded` and `maxdeletedid` set how many entries were ever added and the greatest ID that was deleted.
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
