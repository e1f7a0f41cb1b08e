/**
 * XREAD and XREADGROUP, which may wait for entries.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Consumer, Group as ConsumerGroup, Stream } from "../../data/stream.ts"
import * as StreamId from "../../data/streamId.ts"
import type { Bin, Block, Group, Invocation, Outcome } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import type { Version } from "../../facts/version.ts"
import { blockMillis, integer, syntaxError, word } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { activeConsumer, entryReply, idReply, seenConsumer, take } from "./streamReply.ts"

const { array, bulk, map, nullArray } = Resp.Reply

/** The group and the consumer for which XREADGROUP reads. */
interface Reader {
  readonly group: Bin
  readonly consumer: Bin
  readonly noAck: boolean
}

interface ReadOptions {
  readonly keys: ReadonlyArray<Bin>
  readonly ids: ReadonlyArray<Bin>
  readonly count: number
  /** The time to block in milliseconds; undefined if the command must not block. */
  readonly block: number | undefined
  readonly reader: Reader | undefined
}

const onlyForGroups = (option: string): CommandError =>
  new CommandError(`ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`)

/** The error for an unequal number of keys and IDs. Until 7.2 the server had the same text for both commands. */
const unbalanced = (name: string, version: Version): CommandError => {
  const known = name === "XREADGROUP" ? "an ID or '>'" : "an ID, '+', or '$'"
  return new CommandError(
    since(version, 7.2)
      ? `ERR Unbalanced '${name.toLowerCase()}' list of streams: for each stream key ${known} must be specified.`
      : "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."
  )
}

const readOptions = ({ args, name, node, now, session }: Invocation): ReadOptions => {
  const grouped = name === "XREADGROUP"
  let count = Infinity
  let block: number | undefined
  let names: readonly [Bin, Bin] | undefined
  let noAck = false
  for (let at = 0; at < args.length; at++) {
    const option = word(args[at])
    const more = args.length - 1 - at
    if (option === "BLOCK" && more > 0) {
      if (session.inScript === true) {
        throw new CommandError(`ERR ${name} command is not allowed with BLOCK option from scripts`)
      }
      block = blockMillis(args[++at], now, node.version)
    } else if (option === "COUNT" && more > 0) {
      count = Math.max(integer(args[++at]), 0)
      if (count === 0) count = Infinity
    } else if (option === "STREAMS" && more > 0) {
      if (more % 2 !== 0) throw unbalanced(name, node.version)
      if (grouped && names === undefined) throw new CommandError("ERR Missing GROUP option for XREADGROUP")
      const ids = at + 1 + more / 2
      const reader = names === undefined ? undefined : { group: names[0], consumer: names[1], noAck }
      return { keys: args.slice(at + 1, ids), ids: args.slice(ids), count, block, reader }
    } else if (option === "GROUP" && more > 1) {
      if (!grouped) throw onlyForGroups("GROUP")
      names = [args[at + 1], args[at + 2]]
      at += 2
    } else if (option === "NOACK") {
      if (!grouped) throw onlyForGroups("NOACK")
      noAck = true
    } else {
      throw syntaxError()
    }
  }
  throw syntaxError()
}

/** One stream of the command, and the place where reading begins. */
interface Source {
  readonly key: Bin
  readonly stream: Stream | undefined
  readonly group: ConsumerGroup | undefined
  /** The ID before the first requested one. For `>` it is the highest ID. */
  readonly after: StreamId.StreamId
}

const meaningless = (id: Bin): CommandError =>
  new CommandError(
    `ERR The ${id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by ` +
      `specifying a proper ID, or use the > ID to get new messages. The ${id} ID would just return an empty result set.`
  )
const notForGroups =
  "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."

const sourceOf = (keys: Keyspace, key: Bin, id: Bin, reader: Reader | undefined, version: Version): Source => {
  const stream = keys.typed(key, "stream")?.stream
  const group = reader === undefined ? undefined : stream?.group(reader.group)
  if (reader !== undefined && group === undefined) {
    throw new CommandError(
      `NOGROUP No such key '${key}' or consumer group '${reader.group}' in XREADGROUP with GROUP option`
    )
  }
  const startOf = (): StreamId.StreamId => {
    const last = id === "+" && since(version, 7.4)
    if (id === "$" || last) {
      if (reader !== undefined) throw meaningless(id)
      return last && stream?.last !== undefined ? stream.last.id - 1n : stream?.lastId ?? StreamId.zero
    }
    if (id === ">") {
      if (reader === undefined) throw new CommandError(notForGroups)
      return StreamId.max
    }
    return StreamId.parse(id)
  }
  return { key, stream, group, after: startOf() }
}

/** The pending entries of a consumer. Deleted entries are listed without fields, and are not delivered again. */
const history = (stream: Stream, consumer: Consumer, after: StreamId.StreamId, count: number, now: number) =>
  take(consumer.pending.values(after + 1n), count).map((pending) => {
    const entry = stream.find(pending.id)
    if (entry === undefined) return array([idReply(pending.id), nullArray])
    pending.deliveredAt = now
    pending.deliveries++
    return entryReply(entry)
  })

/** Delivers new entries to a consumer. */
const deliver = (
  stream: Stream,
  group: ConsumerGroup,
  consumer: Consumer,
  count: number,
  noAck: boolean,
  now: number,
  version: Version
): ReadonlyArray<Resp.Reply> =>
  take(stream.range(group.lastId + 1n, StreamId.max), count).map((entry) => {
    const counts = since(version, 7.4)
      ? group.lastId >= stream.firstId && !stream.hasTombstones(group.lastId)
      : !stream.hasTombstones(entry.id)
    if (group.entriesRead !== undefined && counts) group.entriesRead++
    else if (stream.entriesAdded > 0n) group.entriesRead = stream.ordinal(entry.id)
    group.lastId = entry.id
    if (!noAck) {
      consumer.activeAt = now
      group.assign(entry.id, consumer, now, 1n)
    }
    return entryReply(entry)
  })

const isNew = (stream: Stream, after: StreamId.StreamId): boolean => stream.last !== undefined && stream.last.id > after

/** The entries that one stream has at present; undefined if there are none. */
const serve = (
  { keys, node, now }: Pick<Invocation, "keys" | "node" | "now">,
  { after, group, key, stream }: Source,
  { count, reader }: ReadOptions
): ReadonlyArray<Resp.Reply> | undefined => {
  if (stream === undefined) return undefined
  if (group === undefined || reader === undefined) {
    return isNew(stream, after) ? take(stream.range(after + 1n, StreamId.max), count).map(entryReply) : undefined
  }
  // Since 7.2 a consumer exists from its first request on.
  if (since(node.version, 7.2)) seenConsumer(keys, key, group, reader.consumer, now)
  const old = after !== StreamId.max
  if (!old && !isNew(stream, group.lastId)) return undefined
  const consumer = seenConsumer(keys, key, group, reader.consumer, now)
  keys.changes++
  if (old) return history(stream, consumer, after, count, now)
  return deliver(stream, group, consumer, count, reader.noAck, now, node.version)
}

type Answer = readonly [key: Bin, entries: ReadonlyArray<Resp.Reply>]

const answer = (protocol: 2 | 3, streams: ReadonlyArray<Answer>): Resp.Reply =>
  protocol === 3
    ? map(streams.map(([key, entries]) => [bulk(key), array(entries)]))
    : array(streams.map(([key, entries]) => array([bulk(key), array(entries)])))

/** The entries that all streams of the command have at present. */
const serveAll = (
  invocation: Pick<Invocation, "keys" | "node" | "now" | "session">,
  sources: ReadonlyArray<Source>,
  options: ReadOptions
): Resp.Reply | undefined => {
  const served: Array<Answer> = []
  for (const source of sources) {
    const entries = serve(invocation, source, options)
    if (entries !== undefined) served.push([source.key, entries])
  }
  return served.length > 0 ? answer(invocation.session.protocol, served) : undefined
}

/**
 * Since 7.2 a waiting client runs its command anew when a stream was written or a group was lost. `$` keeps its first meaning.
 */
const runAnew = (invocation: Invocation, sources: ReadonlyArray<Source>, options: ReadOptions): Block["retry"] => {
  const { node, session } = invocation
  const { reader } = options
  const ids = options.ids.map((id, index) => id === ">" ? id : StreamId.print(sources[index].after))
  return (written) => {
    const { keys } = session
    const wakes = written === undefined || reader !== undefined || keys.get(written)?.type === "stream"
    if (!wakes) return undefined
    const found = options.keys.map((key, index) => sourceOf(keys, key, ids[index], reader, node.version))
    return serveAll({ keys, node, now: keys.now(), session }, found, options)
  }
}

const groupGone = "NOGROUP the consumer group this client was blocked on no longer exists"
const streamGone = "UNBLOCKED the stream key no longer exists"

/** The maximum number of entries for a client that has waited without a COUNT. */
const countAfterBlocking = 1000

/**
 * Waits until an entry is added to any of the streams. As on the server, most other writes wake no reader. So the stream counts
 * those changes that do.
 */
const blockOn = (invocation: Invocation, sources: ReadonlyArray<Source>, options: ReadOptions): Block => {
  const { node, session } = invocation
  const { reader } = options
  const count = options.count === Infinity ? countAfterBlocking : options.count
  const seen = new Map(sources.map(({ key, stream }) => [key, { stream, signals: stream?.signals ?? 0 }]))
  const retry = (): Resp.Reply | undefined => {
    // A replica may have switched to other data since the wait began.
    const { keys } = session
    for (const { after, key } of sources) {
      const value = keys.get(key)
      const known = seen.get(key)
      const stream = value?.type === "stream" ? value.stream : undefined
      if (reader !== undefined && stream?.group(reader.group) === undefined) {
        throw new CommandError(stream === undefined ? streamGone : groupGone)
      }
      if (stream === undefined) continue
      if (known?.stream === stream && known.signals === stream.signals) continue
      seen.set(key, { stream, signals: stream.signals })
      const group = reader === undefined ? undefined : stream.group(reader.group)
      const from = group?.lastId ?? after
      if (stream.lastId <= from) continue
      if (group === undefined || reader === undefined) {
        return answer(session.protocol, [[key, take(stream.range(from + 1n, StreamId.max), count).map(entryReply)]])
      }
      const now = keys.now()
      const consumer = activeConsumer(keys, key, group, reader.consumer, now)
      keys.changes++
      return answer(session.protocol, [[key, deliver(stream, group, consumer, count, reader.noAck, now, node.version)]])
    }
    return undefined
  }
  return {
    _tag: "Block",
    keys: options.keys,
    timeout: options.block ?? 0,
    retry: since(node.version, 7.2) ? runAnew(invocation, sources, options) : retry,
    onTimeout: nullArray
  }
}

const read = (invocation: Invocation): Outcome => {
  const options = readOptions(invocation)
  const { block, reader } = options
  const { keys, node, session } = invocation
  const sources = options.keys.map((key, index) => sourceOf(keys, key, options.ids[index], reader, node.version))
  return serveAll(invocation, sources, options) ??
    (block === undefined || !session.mayBlock ? nullArray : blockOn(invocation, sources, options))
}

export const streamReads: Group = {
  XREAD: { arity: -4, run: read },
  XREADGROUP: { arity: -7, run: read }
}
