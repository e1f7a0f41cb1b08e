/**
 * Consumer groups: several consumers that share the entries of a stream. Each entry is handed to one of them, and stays
 * pending with it until it is acknowledged; another consumer can claim it if the first one has died.
 *
 * Source: https://redis.io/docs/latest/commands/?group=stream
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"
import * as Streams from "../internal/commands/streams.ts"
import type { StreamEntry, StreamFields, StreamId, StreamRead } from "./streams.ts"

const XACK = CommandSpec.get("XACK")
const XAUTOCLAIM = CommandSpec.get("XAUTOCLAIM")
const XCLAIM = CommandSpec.get("XCLAIM")
const XGROUP_CREATE = CommandSpec.get("XGROUP CREATE")
const XGROUP_CREATECONSUMER = CommandSpec.get("XGROUP CREATECONSUMER")
const XGROUP_DELCONSUMER = CommandSpec.get("XGROUP DELCONSUMER")
const XGROUP_DESTROY = CommandSpec.get("XGROUP DESTROY")
const XGROUP_SETID = CommandSpec.get("XGROUP SETID")
const XINFO_CONSUMERS = CommandSpec.get("XINFO CONSUMERS")
const XINFO_GROUPS = CommandSpec.get("XINFO GROUPS")
const XPENDING = CommandSpec.get("XPENDING")
const XREADGROUP = CommandSpec.get("XREADGROUP")

/**
 * Marks entries as done: they are no longer pending. Replies how many were.
 *
 * Fails with `ServerError`: code `ERR` for an invalid ID, code `WRONGTYPE` when the key holds something other than a
 * stream. A missing group has nothing pending. Since Redis 5.0.0.
 *
 * **Example** (A job is done)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.xack("jobs", "workers", ["1700000000000-0"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xack/
 * @category consumer groups
 * @since 0.1.0
 */
export const xack = (
  key: Command.Arg,
  group: Command.Arg,
  ids: ReadonlyArray<string>
): Command.Command<number> => Args.command(XACK, () => [key, group, ...Args.some(ids, "ID")], Reply.integer)

/**
 * The reply of {@link xautoclaim}: `cursor`, where to continue (`"0-0"` at the end); the entries that the consumer has
 * now; and `deleted`, the IDs of entries that are no longer pending because they were deleted from the stream (empty
 * before Redis 7.0).
 *
 * @category models
 * @since 0.1.0
 */
export interface Autoclaimed<out Entry = StreamEntry> {
  readonly cursor: StreamId
  readonly entries: ReadonlyArray<Entry>
  readonly deleted: ReadonlyArray<StreamId>
}

/** Before 7.0, entries that were deleted from the stream are claimed as nil. */
const claimed = <A>(item: Reply.Decode<A>): Reply.Decode<ReadonlyArray<A>> => {
  const items = Reply.array(Reply.nullOr(item))
  return (value) => items(value).filter((item) => item !== null)
}

const claimedEntries = claimed(Streams.entry)

const autoclaimed = <A>(entries: Reply.Decode<ReadonlyArray<A>>): Reply.Decode<Autoclaimed<A>> => (value) => {
  if (!Array.isArray(value) || value.length < 2) {
    throw new Reply.Mismatch("a cursor and claimed entries", Reply.describeReply(value))
  }
  return { cursor: Streams.id(value[0]), entries: entries(value[1]), deleted: Streams.ids(value[2] ?? []) }
}

const autoclaimedEntries = autoclaimed(claimedEntries)
const autoclaimedIds = autoclaimed(Streams.ids)

/**
 * {@link xclaim} for all entries that have been pending for at least `minIdle`, page by page. Start with `"0-0"`, and
 * continue with the `cursor` of each reply until that is `"0-0"` again.
 *
 * **Details**
 *
 * `count` is the maximum number of entries to claim, 100 by default. With `justid` the reply has IDs in place of
 * entries, and the claim is not counted as a delivery. The idle time is rounded up to milliseconds.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such key or group, code `WRONGTYPE` when the key holds
 * something other than a stream. Since Redis 6.2.0, `deleted` since 7.0.0.
 *
 * **Example** (Taking over entries that others have not finished for a minute)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const page = Redis.xautoclaim("jobs", "workers", "worker-2", "1 minute", "0-0") // Command<Redis.Autoclaimed>
 * const ids = Redis.xautoclaim("jobs", "workers", "worker-2", "1 minute", "0-0", { count: 10, justid: true })
 * // Command<Redis.Autoclaimed<Redis.StreamId>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xautoclaim/
 * @category consumer groups
 * @since 0.1.0
 */
export const xautoclaim: {
  (
    key: Command.Arg,
    group: Command.Arg,
    consumer: Command.Arg,
    minIdle: Duration.Input,
    start: string,
    options?: { readonly count?: number | undefined; readonly justid?: false | undefined }
  ): Command.Command<Autoclaimed>
  (
    key: Command.Arg,
    group: Command.Arg,
    consumer: Command.Arg,
    minIdle: Duration.Input,
    start: string,
    options: { readonly count?: number | undefined; readonly justid: true }
  ): Command.Command<Autoclaimed<StreamId>>
} = (
  key: Command.Arg,
  group: Command.Arg,
  consumer: Command.Arg,
  minIdle: Duration.Input,
  start: string,
  options?: XautoclaimOptions
): Command.Command<never> =>
  Args.building(XAUTOCLAIM, () => {
    const { count, justid } = xautoclaimOptions(options)
    const args = [
      key,
      group,
      consumer,
      Args.idleMillis(minIdle),
      start,
      ...Streams.count(count),
      ...Args.flag(justid, "JUSTID")
    ]
    return Command.make(
      XAUTOCLAIM,
      args,
      justid === true ? Reply.overloaded(autoclaimedIds) : Reply.overloaded(autoclaimedEntries)
    )
  })

interface XautoclaimOptions {
  readonly count?: number | undefined
  readonly justid?: boolean | undefined
}

const xautoclaimOptions = Args.options<XautoclaimOptions>({ count: Args.any, justid: Args.isAsked })

/**
 * How {@link xclaim} changes what the group records about the claimed entries.
 *
 * @category models
 * @since 0.1.0
 */
export type XclaimOptions =
  & (
    | {
      /** For how long they count as idle; 0 by default. */
      readonly idle?: Duration.Input | undefined
      readonly time?: undefined
    }
    | {
      readonly idle?: undefined
      /** When they count as delivered. */
      readonly time?: DateTime.DateTime | Date | undefined
    }
  )
  & {
    /** How often they count as delivered; by default once more than before. */
    readonly retrycount?: number | undefined
    /** Whether to claim entries even if they are not pending. */
    readonly force?: boolean | undefined
    /** The group's last delivered ID becomes this one, if that is less. */
    readonly lastid?: string | undefined
  }

/**
 * Makes `consumer` the owner of pending entries that have been idle for at least `minIdle`. Replies the entries that
 * were claimed; with `justid` only their IDs, and the claim is not counted as a delivery.
 *
 * Entries that were deleted from the stream are not in the reply, and since Redis 7.0.0 no longer pending afterwards.
 * Idle times are rounded up to milliseconds.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such key or group, code `ERR` for an invalid ID, code
 * `WRONGTYPE` when the key holds something other than a stream. Since Redis 5.0.0.
 *
 * **Example** (Taking over a job)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const jobs = Redis.xclaim("jobs", "workers", "worker-2", "1 minute", ["1700000000000-0"])
 * // Command<ReadonlyArray<Redis.StreamEntry>>
 * const ids = Redis.xclaim("jobs", "workers", "worker-2", "1 minute", ["1700000000000-0"], { justid: true })
 * // Command<ReadonlyArray<Redis.StreamId>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xclaim/
 * @category consumer groups
 * @since 0.1.0
 */
export const xclaim: {
  (
    key: Command.Arg,
    group: Command.Arg,
    consumer: Command.Arg,
    minIdle: Duration.Input,
    ids: ReadonlyArray<string>,
    options?: XclaimOptions & { readonly justid?: false | undefined }
  ): Command.Command<ReadonlyArray<StreamEntry>>
  (
    key: Command.Arg,
    group: Command.Arg,
    consumer: Command.Arg,
    minIdle: Duration.Input,
    ids: ReadonlyArray<string>,
    options: XclaimOptions & { readonly justid: true }
  ): Command.Command<ReadonlyArray<StreamId>>
} = (
  key: Command.Arg,
  group: Command.Arg,
  consumer: Command.Arg,
  minIdle: Duration.Input,
  ids: ReadonlyArray<string>,
  options?: XclaimOptions & { readonly justid?: boolean | undefined }
): Command.Command<never> =>
  Args.building(XCLAIM, () => {
    const { force, idle, justid, lastid, retrycount, time } = xclaimOptions(options)
    const args = [
      key,
      group,
      consumer,
      Args.idleMillis(minIdle),
      ...Args.some(ids, "ID"),
      ...Args.option("IDLE", idle, Args.idleMillis),
      ...Args.option("TIME", time, Args.epochMillis),
      ...Args.option("RETRYCOUNT", retrycount, (count) => Args.atLeast(0, count, "retrycount")),
      ...Args.flag(force, "FORCE"),
      ...Args.flag(justid, "JUSTID"),
      ...Args.option("LASTID", lastid, (id) => id)
    ]
    return Command.make(
      XCLAIM,
      args,
      justid === true ? Reply.overloaded(Streams.ids) : Reply.overloaded(claimedEntries)
    )
  })

const xclaimOptions = Args.options<XclaimOptions & { readonly justid?: boolean | undefined }>({
  idle: Args.any,
  time: Args.any,
  retrycount: Args.any,
  force: Args.isAsked,
  lastid: Args.any,
  justid: Args.isAsked
}, ["idle", "time"])

/** `ENTRIESREAD entries-read`. To be spread. */
const entriesRead = (count: number | undefined): Args.Args =>
  Args.option("ENTRIESREAD", count, (count) => Args.integer(count, "entriesread"))

/**
 * Makes a consumer group that gets the entries behind an ID: `"0"` for all, `"$"` for future ones.
 *
 * **Details**
 *
 * `mkstream` creates the stream if need be. `entriesread` is the number of entries up to that ID, for `lag` in
 * {@link xinfoGroups}; -1 if it is unknown.
 *
 * Fails with `ServerError`: code `BUSYGROUP` when there is such a group already, code `ERR` when there is no such key,
 * code `WRONGTYPE` when it holds something other than a stream. Since Redis 5.0.0, `entriesread` since 7.0.0.
 *
 * **Example** (Workers for all jobs)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const made = Redis.xgroupCreate("jobs", "workers", "0", { mkstream: true }) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xgroup-create/
 * @category consumer groups
 * @since 0.1.0
 */
export const xgroupCreate = (
  key: Command.Arg,
  group: Command.Arg,
  id: string,
  options?: XgroupCreateOptions
): Command.Command<"OK"> =>
  Args.command(XGROUP_CREATE, () => {
    const { entriesread, mkstream } = xgroupCreateOptions(options)
    return [key, group, id, ...Args.flag(mkstream, "MKSTREAM"), ...entriesRead(entriesread)]
  }, Reply.ok)

interface XgroupCreateOptions {
  readonly mkstream?: boolean | undefined
  readonly entriesread?: number | undefined
}

const xgroupCreateOptions = Args.options<XgroupCreateOptions>({ mkstream: Args.isAsked, entriesread: Args.any })

/**
 * Adds a consumer to a group. Replies whether it is new. Reading and claiming add a missing consumer by themselves.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such group, code `ERR` when there is no such key, code
 * `WRONGTYPE` when it holds something other than a stream. Since Redis 6.2.0.
 *
 * **Example** (A worker)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const added = Redis.xgroupCreateconsumer("jobs", "workers", "worker-1") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xgroup-createconsumer/
 * @category consumer groups
 * @since 0.1.0
 */
export const xgroupCreateconsumer = (
  key: Command.Arg,
  group: Command.Arg,
  consumer: Command.Arg
): Command.Command<boolean> => Command.make(XGROUP_CREATECONSUMER, [key, group, consumer], Reply.boolean)

/**
 * Removes a consumer from a group. Replies how many entries it had pending.
 *
 * **Gotchas**
 *
 * Its pending entries can no longer be claimed afterwards, so claim them first.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such group, code `ERR` when there is no such key, code
 * `WRONGTYPE` when it holds something other than a stream. Since Redis 5.0.0.
 *
 * **Example** (A worker less)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const lost = Redis.xgroupDelconsumer("jobs", "workers", "worker-1") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xgroup-delconsumer/
 * @category consumer groups
 * @since 0.1.0
 */
export const xgroupDelconsumer = (
  key: Command.Arg,
  group: Command.Arg,
  consumer: Command.Arg
): Command.Command<number> => Command.make(XGROUP_DELCONSUMER, [key, group, consumer], Reply.integer)

/**
 * Removes a consumer group, and what is pending in it. Replies whether there was one.
 *
 * Fails with `ServerError`: code `ERR` when there is no such key, code `WRONGTYPE` when it holds something other than a
 * stream. Consumers that block on the group fail with code `NOGROUP`. Since Redis 5.0.0.
 *
 * **Example** (No more workers)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.xgroupDestroy("jobs", "workers") // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xgroup-destroy/
 * @category consumer groups
 * @since 0.1.0
 */
export const xgroupDestroy = (key: Command.Arg, group: Command.Arg): Command.Command<boolean> =>
  Command.make(XGROUP_DESTROY, [key, group], Reply.boolean)

/**
 * Sets the ID behind which a group continues: `"0"` for all entries again, `"$"` for future entries. Pending entries
 * stay pending. `entriesread` is that of {@link xgroupCreate}.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such group, code `ERR` when there is no such key, code
 * `WRONGTYPE` when it holds something other than a stream. Since Redis 5.0.0, `entriesread` since 7.0.0.
 *
 * **Example** (All over again)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const set = Redis.xgroupSetid("jobs", "workers", "0") // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xgroup-setid/
 * @category consumer groups
 * @since 0.1.0
 */
export const xgroupSetid = (
  key: Command.Arg,
  group: Command.Arg,
  id: string,
  options?: { readonly entriesread?: number | undefined }
): Command.Command<"OK"> =>
  Args.command(XGROUP_SETID, () => [key, group, id, ...entriesRead(setidOptions(options).entriesread)], Reply.ok)

const setidOptions = Args.options<{ readonly entriesread?: number | undefined }>({ entriesread: Args.any })

/**
 * A consumer as {@link xinfoConsumers} describes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamConsumer {
  readonly name: string
  /** How many entries it has pending. */
  readonly pending: number
  /** Milliseconds since it last tried to read or claim. */
  readonly idle: number
  /** Milliseconds since it last got entries, -1 for never. `null` before Redis 7.2.0. */
  readonly inactive: number | null
}

const consumers = Reply.array((value): StreamConsumer => {
  const consumer = Streams.info(value)
  return {
    name: Reply.text(consumer["name"]),
    pending: Reply.integer(consumer["pending"]),
    idle: Reply.integer(consumer["idle"]),
    inactive: Reply.integerOrNull(consumer["inactive"] ?? null)
  }
})

/**
 * The consumers of a group.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such group, code `ERR` when there is no such key, code
 * `WRONGTYPE` when it holds something other than a stream. Since Redis 5.0.0.
 *
 * **Example** (Who has been gone for an hour?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const gone = Redis.xinfoConsumers("jobs", "workers").pipe(
 *   Command.map((consumers) => consumers.filter(({ idle }) => idle > 60 * 60 * 1000))
 * ) // Command<Array<Redis.StreamConsumer>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xinfo-consumers/
 * @category consumer groups
 * @since 0.1.0
 */
export const xinfoConsumers = (
  key: Command.Arg,
  group: Command.Arg
): Command.Command<ReadonlyArray<StreamConsumer>> => Command.make(XINFO_CONSUMERS, [key, group], consumers)

/**
 * A consumer group as {@link xinfoGroups} describes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamGroup {
  readonly name: string
  /** How many consumers it has. */
  readonly consumers: number
  /** How many entries are pending. */
  readonly pending: number
  /** The ID of the last entry that it delivered. */
  readonly lastDeliveredId: StreamId
  /** How many entries it has read, `null` when Redis can't tell, and before 7.0.0. The same goes for `lag`. */
  readonly entriesRead: number | null
  /** How many entries it has yet to read. */
  readonly lag: number | null
}

const groups = Reply.array((value): StreamGroup => {
  const group = Streams.info(value)
  return {
    name: Reply.text(group["name"]),
    consumers: Reply.integer(group["consumers"]),
    pending: Reply.integer(group["pending"]),
    lastDeliveredId: Streams.id(group["last-delivered-id"]),
    entriesRead: Reply.integerOrNull(group["entries-read"] ?? null),
    lag: Reply.integerOrNull(group["lag"] ?? null)
  }
})

/**
 * The consumer groups of a stream.
 *
 * Fails with `ServerError`: code `ERR` when there is no such key, code `WRONGTYPE` when it holds something other than a
 * stream. Since Redis 5.0.0.
 *
 * **Example** (How far behind are they?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const lags = Redis.xinfoGroups("jobs").pipe(Command.map((groups) => groups.map(({ lag }) => lag)))
 * // Command<Array<number | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xinfo-groups/
 * @category consumer groups
 * @since 0.1.0
 */
export const xinfoGroups = (key: Command.Arg): Command.Command<ReadonlyArray<StreamGroup>> =>
  Command.make(XINFO_GROUPS, [key], groups)

/**
 * The pending entries of a group: their number, the first and last of them, and the number of each consumer.
 *
 * @category models
 * @since 0.1.0
 */
export interface PendingSummary {
  readonly count: number
  /** `null` when nothing is pending. */
  readonly first: StreamId | null
  readonly last: StreamId | null
  /** The consumers with pending entries. */
  readonly consumers: ReadonlyArray<{ readonly name: string; readonly count: number }>
}

const countsOrNull = Reply.arrayOrNull(Reply.pair(Reply.text, Reply.integer, (name, count) => ({ name, count })))

const summary: Reply.Decode<PendingSummary> = (value) => {
  const [count, first, last, consumers] = Streams.tuple(value, 4)
  return {
    count: Reply.integer(count),
    first: Streams.idOrNull(first),
    last: Streams.idOrNull(last),
    consumers: countsOrNull(consumers) ?? []
  }
}

/**
 * The number of pending entries of a group, in total and by consumer, and the first and last of them.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such key or group, code `WRONGTYPE` when the key holds
 * something other than a stream. Since Redis 5.0.0.
 *
 * **Example** (The number of pending entries)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const pending = Redis.xpending("jobs", "workers") // Command<Redis.PendingSummary>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xpending/
 * @category consumer groups
 * @since 0.1.0
 */
export const xpending = (key: Command.Arg, group: Command.Arg): Command.Command<PendingSummary> =>
  Command.make(XPENDING, [key, group], summary)

/**
 * An entry that was delivered and is not acknowledged: its consumer, the milliseconds since its last delivery, and how
 * often it was delivered.
 *
 * @category models
 * @since 0.1.0
 */
export interface PendingEntry {
  readonly id: StreamId
  readonly consumer: string
  readonly idle: number
  readonly deliveries: number
}

const pendingEntries = Reply.array((value): PendingEntry => {
  const [id, consumer, idle, deliveries] = Streams.tuple(value, 4)
  return {
    id: Streams.id(id),
    consumer: Reply.text(consumer),
    idle: Reply.integer(idle),
    deliveries: Reply.integer(deliveries)
  }
})

/**
 * The first `count` entries that are pending from the ID `start` to the ID `end`, both as in {@link xrange}: of all
 * consumers or of one `consumer`, and only those that have been idle for at least `idle`, if given.
 *
 * Fails with `ServerError`: code `NOGROUP` when there is no such key or group, code `ERR` for an invalid ID, code
 * `WRONGTYPE` when the key holds something other than a stream. Since Redis 5.0.0, `idle` since 6.2.0.
 *
 * **Example** (Entries that a worker has had for a minute)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const late = Redis.xpendingRange("jobs", "workers", "-", "+", { count: 10, consumer: "worker-1", idle: "1 minute" })
 * // Command<ReadonlyArray<Redis.PendingEntry>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xpending/
 * @category consumer groups
 * @since 0.1.0
 */
export const xpendingRange = (
  key: Command.Arg,
  group: Command.Arg,
  start: string,
  end: string,
  options: {
    readonly count: number
    readonly consumer?: Command.Arg | undefined
    readonly idle?: Duration.Input | undefined
  }
): Command.Command<ReadonlyArray<PendingEntry>> =>
  Args.command(XPENDING, () => {
    const { consumer, count, idle } = xpendingOptions(options)
    return [
      key,
      group,
      ...Args.option("IDLE", idle, Args.idleMillis),
      start,
      end,
      Args.atLeast(1, count, "the count"),
      ...Args.optional(consumer)
    ]
  }, pendingEntries)

const xpendingOptions = Args.demanded<Parameters<typeof xpendingRange>[4]>({
  count: Args.any,
  consumer: Args.any,
  idle: Args.any
})

/**
 * A pending entry of a consumer. Its fields are `null` if it has been deleted from the stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeliveredEntry {
  readonly id: StreamId
  readonly fields: StreamFields | null
}

/**
 * @category models
 * @since 0.1.0
 */
export interface XreadgroupOptions {
  readonly count?: number | undefined
  readonly block?: Duration.Input | undefined
  readonly noack?: boolean | undefined
}

const deliveredEntry = Reply.pair(
  Streams.id,
  Reply.nullOr(Streams.fields),
  (id, fields): DeliveredEntry => ({ id, fields })
)
const reads = Streams.read(deliveredEntry)

/**
 * Reads streams as a consumer of a group. The ID `">"` means entries that no consumer has got before: all of them, or
 * up to `count` of each stream. They are pending until {@link xack}. Replies the streams that have such entries, `null`
 * if none has.
 *
 * **Details**
 *
 * Any other ID reads the consumer's pending entries behind that ID again: do that first after a crash. Entries deleted
 * meanwhile have no fields, a stream without pending entries is in the reply with none, and the command never blocks.
 *
 * With `block` it waits up to that long for new entries, on a connection of its own; `"Infinity"` waits for ever. The
 * time is rounded up to milliseconds, and the reply is `null` when it is over. With `noack` the entries are
 * acknowledged at once.
 *
 * It is sent as one command: keys of different slots are refused before sending. Give a record, or pairs when a key is
 * bytes. Fails with `ServerError`: code `NOGROUP` when there is no such key or group, or when it is removed during the
 * wait (code `UNBLOCKED` before Redis 7.2.0 if that was the key), code `WRONGTYPE` when a key holds something other
 * than a stream. Since Redis 5.0.0.
 *
 * **Example** (A worker, when it starts and from then on)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const unfinished = Redis.xreadgroup("workers", "worker-1", { jobs: "0" })
 * // Command<ReadonlyArray<Redis.StreamRead<Redis.DeliveredEntry>> | null>
 * const next = Redis.xreadgroup("workers", "worker-1", { jobs: ">" }, { count: 10, block: "30 seconds" })
 * // Command<ReadonlyArray<Redis.StreamRead> | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/xreadgroup/
 * @category consumer groups
 * @since 0.1.0
 */
export const xreadgroup: {
  (
    group: Command.Arg,
    consumer: Command.Arg,
    streams: Readonly<Record<string, ">">> | ReadonlyArray<readonly [Command.Arg, ">"]>,
    options?: XreadgroupOptions
  ): Command.Command<ReadonlyArray<StreamRead> | null>
  (
    group: Command.Arg,
    consumer: Command.Arg,
    streams: Args.Entries,
    options?: XreadgroupOptions
  ): Command.Command<ReadonlyArray<StreamRead<DeliveredEntry>> | null>
} = (
  group: Command.Arg,
  consumer: Command.Arg,
  streams: Args.Entries,
  options?: XreadgroupOptions
): Command.Command<never> =>
  Args.command(XREADGROUP, () => {
    const given = xreadgroupOptions(options)
    return ["GROUP", group, consumer, ...Args.flag(given.noack, "NOACK"), ...Streams.reading(streams, given)]
  }, Reply.overloaded(reads))

const xreadgroupOptions = Args.options<XreadgroupOptions>({ count: Args.any, block: Args.any, noack: Args.isAsked })
