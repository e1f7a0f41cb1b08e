/**
 * XREAD and XREADGROUP, which may wait for entries to come.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { blockMillis, integer, syntaxError, word } from "../arguments.ts"
import { CommandError } from "../handler.ts"
import type { Bin, Block, Group, Invocation, Outcome } from "../handler.ts"
import type { Keyspace } from "../keyspace.ts"
import type { Consumer, Group as ConsumerGroup, Stream } from "../stream.ts"
import * as StreamId from "../streamId.ts"
import { activeConsumer, entryReply, idReply, take } from "../streamReply.ts"

const { array, bulk, map, nullArray } = Resp.Reply

/** On whose behalf XREADGROUP reads. */
interface Reader {
  readonly group: Bin
  readonly consumer: Bin
  readonly noAck: boolean
}

interface ReadOptions {
  readonly keys: ReadonlyArray<Bin>
  readonly ids: ReadonlyArray<Bin>
  readonly count: number
  /** Milliseconds. Undefined: it must not block. */
  readonly block: number | undefined
  readonly reader: Reader | undefined
}

const onlyForGroups = (option: string): CommandError =>
  new CommandError(`ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`)

/** The server says the same for both commands. */
const unbalanced = "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."

const readOptions = ({ args, name, session }: Invocation): ReadOptions => {
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
      block = blockMillis(args[++at])
    } else if (option === "COUNT" && more > 0) {
      count = Math.max(integer(args[++at]), 0)
      if (count === 0) count = Infinity
    } else if (option === "STREAMS" && more > 0) {
      if (more % 2 !== 0) throw new CommandError(unbalanced)
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

/** One stream of the command, and where reading it begins. */
interface Source {
  readonly key: Bin
  readonly stream: Stream | undefined
  readonly group: ConsumerGroup | undefined
  /** The ID before the first one wanted; the highest ID stands for `>`. */
  readonly after: StreamId.StreamId
}

const meaningless = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this " +
  "consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty " +
  "result set."
const notForGroups =
  "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."

const sourceOf = (keys: Keyspace, key: Bin, id: Bin, reader: Reader | undefined): Source => {
  const stream = keys.typed(key, "stream")?.stream
  const group = reader === undefined ? undefined : stream?.group(reader.group)
  if (reader !== undefined && group === undefined) {
    throw new CommandError(
      `NOGROUP No such key '${key}' or consumer group '${reader.group}' in XREADGROUP with GROUP option`
    )
  }
  const startOf = (): StreamId.StreamId => {
    if (id === "$") {
      if (reader !== undefined) throw new CommandError(meaningless)
      return stream?.lastId ?? StreamId.zero
    }
    if (id === ">") {
      if (reader === undefined) throw new CommandError(notForGroups)
      return StreamId.max
    }
    return StreamId.parse(id)
  }
  return { key, stream, group, after: startOf() }
}

/** What a consumer has pending: entries that were deleted stand there without fields, and are not delivered again. */
const history = (stream: Stream, consumer: Consumer, after: StreamId.StreamId, count: number, now: number) =>
  take(consumer.pending.values(after + 1n), count).map((pending) => {
    const entry = stream.find(pending.id)
    if (entry === undefined) return array([idReply(pending.id), nullArray])
    pending.deliveredAt = now
    pending.deliveries++
    return entryReply(entry)
  })

/** Hands new entries to a consumer. */
const deliver = (
  stream: Stream,
  group: ConsumerGroup,
  consumer: Consumer,
  count: number,
  noAck: boolean,
  now: number
): ReadonlyArray<Resp.Reply> =>
  take(stream.range(group.lastId + 1n, StreamId.max), count).map((entry) => {
    if (group.entriesRead !== undefined && !stream.hasTombstones(entry.id)) group.entriesRead++
    else if (stream.entriesAdded > 0n) group.entriesRead = stream.ordinal(entry.id)
    group.lastId = entry.id
    if (!noAck) group.assign(entry.id, consumer, now, 1n)
    return entryReply(entry)
  })

const isNew = (stream: Stream, after: StreamId.StreamId): boolean => stream.last !== undefined && stream.last.id > after

/** What one stream has to say at once, undefined for nothing. */
const serve = (
  { keys, now }: Invocation,
  { after, group, key, stream }: Source,
  { count, reader }: ReadOptions
): ReadonlyArray<Resp.Reply> | undefined => {
  if (stream === undefined) return undefined
  if (group === undefined || reader === undefined) {
    return isNew(stream, after) ? take(stream.range(after + 1n, StreamId.max), count).map(entryReply) : undefined
  }
  const old = after !== StreamId.max
  if (!old && !isNew(stream, group.lastId)) return undefined
  const consumer = activeConsumer(keys, key, group, reader.consumer, now)
  keys.changes++
  return old
    ? history(stream, consumer, after, count, now)
    : deliver(stream, group, consumer, count, reader.noAck, now)
}

type Answer = readonly [key: Bin, entries: ReadonlyArray<Resp.Reply>]

const answer = (protocol: 2 | 3, streams: ReadonlyArray<Answer>): Resp.Reply =>
  protocol === 3
    ? map(streams.map(([key, entries]) => [bulk(key), array(entries)]))
    : array(streams.map(([key, entries]) => array([bulk(key), array(entries)])))

const groupGone = "NOGROUP the consumer group this client was blocked on no longer exists"
const streamGone = "UNBLOCKED the stream key no longer exists"

/** How many entries a client gets that has waited without a COUNT. */
const countAfterBlocking = 1000

/**
 * Waits for an entry to be added to any of the streams. Most other writes wake nobody, as on the server: that is why the
 * stream counts those that do.
 */
const blockOn = (invocation: Invocation, sources: ReadonlyArray<Source>, options: ReadOptions): Block => {
  const { node, session } = invocation
  const { reader } = options
  const count = options.count === Infinity ? countAfterBlocking : options.count
  const seen = new Map(sources.map(({ key, stream }) => [key, { stream, signals: stream?.signals ?? 0 }]))
  const retry = (): Resp.Reply | undefined => {
    // A replica may have other data by now than when the wait began.
    const { keys } = node
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
      return answer(session.protocol, [[key, deliver(stream, group, consumer, count, reader.noAck, now)]])
    }
    return undefined
  }
  return { _tag: "Block", keys: options.keys, timeout: options.block ?? 0, retry, onTimeout: nullArray }
}

const read = (invocation: Invocation): Outcome => {
  const options = readOptions(invocation)
  const { block, reader } = options
  const sources = options.keys.map((key, index) => sourceOf(invocation.keys, key, options.ids[index], reader))
  const served: Array<Answer> = []
  for (const source of sources) {
    const entries = serve(invocation, source, options)
    if (entries !== undefined) served.push([source.key, entries])
  }
  if (served.length > 0) return answer(invocation.session.protocol, served)
  return block === undefined || !invocation.session.mayBlock ? nullArray : blockOn(invocation, sources, options)
}

export const streamReads: Group = {
  XREAD: { arity: -4, run: read },
  XREADGROUP: { arity: -7, run: read }
}
