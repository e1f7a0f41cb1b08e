/**
 * Consumer groups: their creation, and their pending entries.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../../data/keyspace.ts"
import { Stream } from "../../data/stream.ts"
import type { Group as ConsumerGroup } from "../../data/stream.ts"
import * as StreamId from "../../data/streamId.ts"
import type { Bin, Group, Invocation } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import { int64, integer, subcommandSyntax, syntaxError, word } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { activeConsumer, entryReply, idReply, seenConsumer, take } from "./streamReply.ts"

const { array, bulk, integer: number, null: nil, nullArray, simple } = Resp.Reply

const createOptions = (args: ReadonlyArray<Bin>, name: string, from: number, creating: boolean) => {
  let create = false
  let entriesRead: bigint | undefined
  for (let at = from; at < args.length; at++) {
    const option = word(args[at])
    if (creating && option === "MKSTREAM") {
      create = true
    } else if (option === "ENTRIESREAD" && at + 1 < args.length) {
      const value = int64(args[++at])
      if (value < -1n) throw new CommandError("ERR value for ENTRIESREAD must be positive or -1")
      entriesRead = value === -1n ? undefined : value
    } else {
      throw subcommandSyntax(name)
    }
  }
  return { create, entriesRead }
}

const streamMissing =
  "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the " +
  "MKSTREAM option to create an empty stream automatically."

const existing = (keys: Keyspace, key: Bin): Stream => {
  const stream = keys.typed(key, "stream")?.stream
  if (stream === undefined) throw new CommandError(streamMissing)
  return stream
}

const groupOf = (stream: Stream, key: Bin, name: Bin): ConsumerGroup => {
  const group = stream.group(name)
  if (group === undefined) throw new CommandError(`NOGROUP No such consumer group '${name}' for key name '${key}'`)
  return group
}

/** Records a change without affecting WATCH, as on the server for all changes of groups. */
const changed = (keys: Keyspace, key: Bin, event: string): void => {
  keys.changes++
  keys.notify(key, event, "t")
}

const xgroupCreate = ({ args, keys, name }: Invocation): Resp.Reply => {
  const [key, group, id] = args
  const { create, entriesRead } = createOptions(args, name, 3, true)
  const stream = create ? keys.typed(key, "stream")?.stream : existing(keys, key)
  if (args.length > 6) throw subcommandSyntax(name)
  const lastId = id === "$" ? stream?.lastId ?? StreamId.zero : StreamId.parse(id)
  const home = stream ?? new Stream()
  if (stream === undefined) {
    keys.set(key, { type: "stream", stream: home })
    keys.signal(key)
  }
  if (home.group(group) !== undefined) throw new CommandError("BUSYGROUP Consumer Group name already exists")
  home.addGroup(group, lastId, entriesRead)
  changed(keys, key, "xgroup-create")
  return simple("OK")
}

const xgroupSetId = ({ args, keys, name }: Invocation): Resp.Reply => {
  const [key, , id] = args
  const { entriesRead } = createOptions(args, name, 3, false)
  const stream = existing(keys, key)
  const group = groupOf(stream, key, args[1])
  if (args.length !== 3 && args.length !== 5) throw subcommandSyntax(name)
  group.lastId = id === "$" ? stream.lastId : StreamId.parseLoose(id)
  group.entriesRead = entriesRead
  changed(keys, key, "xgroup-setid")
  return simple("OK")
}

const xgroupDestroy = ({ args: [key, name], keys }: Invocation): Resp.Reply => {
  if (!existing(keys, key).removeGroup(name)) return number(0)
  changed(keys, key, "xgroup-destroy")
  // Readers that wait in the group are woken, although the key counts as unchanged for WATCH.
  keys.wake(key)
  return number(1)
}

const xgroupCreateConsumer = ({ args: [key, name, consumer], keys, now }: Invocation): Resp.Reply => {
  const group = groupOf(existing(keys, key), key, name)
  if (group.consumer(consumer) !== undefined) return number(0)
  group.addConsumer(consumer, now)
  changed(keys, key, "xgroup-createconsumer")
  return number(1)
}

const xgroupDelConsumer = ({ args: [key, name, consumerName], keys }: Invocation): Resp.Reply => {
  const group = groupOf(existing(keys, key), key, name)
  const consumer = group.consumer(consumerName)
  if (consumer === undefined) return number(0)
  const pending = consumer.pending.size
  group.removeConsumer(consumer)
  changed(keys, key, "xgroup-delconsumer")
  return number(pending)
}

const xack = ({ args, keys }: Invocation): Resp.Reply => {
  const group = keys.typed(args[0], "stream")?.stream.group(args[1])
  if (group === undefined) return number(0)
  let released = 0
  for (const id of args.slice(2).map(StreamId.parse)) if (group.release(id)) released++
  keys.changes += released
  return number(released)
}

/** The stream and the group, which have to exist for XPENDING, XCLAIM and XAUTOCLAIM. */
const pendingGroup = (keys: Keyspace, key: Bin, name: Bin): readonly [Stream, ConsumerGroup] => {
  const stream = keys.typed(key, "stream")?.stream
  const group = stream?.group(name)
  if (stream === undefined || group === undefined) {
    throw new CommandError(`NOGROUP No such key '${key}' or consumer group '${name}'`)
  }
  return [stream, group]
}

const pendingOptions = (args: ReadonlyArray<Bin>) => {
  if (args.length < 5 || args.length > 8) throw syntaxError()
  const filtered = word(args[2]) === "IDLE"
  const minIdle = filtered ? integer(args[3]) : 0
  if (filtered && args.length < 7) throw syntaxError()
  const at = filtered ? 4 : 2
  const count = integer(args[at + 2])
  const start = StreamId.parseStart(args[at])
  const end = StreamId.parseEnd(args[at + 1])
  return { minIdle, count, start, end, consumer: args.at(at + 3) }
}

const xpending = ({ args, keys, now }: Invocation): Resp.Reply => {
  if (args.length === 2) return summary(pendingGroup(keys, args[0], args[1])[1])
  const { consumer, count, end, minIdle, start } = pendingOptions(args)
  const [, group] = pendingGroup(keys, args[0], args[1])
  const holder = consumer === undefined ? group : group.consumer(consumer)
  if (holder === undefined) return array([])
  const old = function*() {
    for (const pending of holder.pending.values(start, end)) {
      if (minIdle === 0 || now - pending.deliveredAt >= minIdle) yield pending
    }
  }
  return array(
    take(old(), count).map((pending) =>
      array([
        idReply(pending.id),
        bulk(pending.consumer.name),
        number(Math.max(now - pending.deliveredAt, 0)),
        number(pending.deliveries)
      ])
    )
  )
}

const summary = ({ consumers, pending }: ConsumerGroup): Resp.Reply => {
  const { first, last } = pending
  if (first === undefined || last === undefined) return array([number(0), nil, nil, nullArray])
  const busy = consumers.filter((consumer) => consumer.pending.size > 0)
  const counts = busy.map((consumer) => array([bulk(consumer.name), bulk(String(consumer.pending.size))]))
  return array([number(pending.size), idReply(first), idReply(last), array(counts)])
}

const claimOptions = (args: ReadonlyArray<Bin>, now: number) => {
  const minIdle = Math.max(integer(args[3], "ERR Invalid min-idle-time argument for XCLAIM"), 0)
  let at = 4
  const ids: Array<StreamId.StreamId> = []
  for (; at < args.length; at++) {
    const id = StreamId.tryParse(args[at])
    if (id === undefined) break
    ids.push(id.id)
  }
  let deliveredAt: number | undefined
  let deliveries = -1n
  let force = false
  let justId = false
  let lastId = StreamId.zero
  for (; at < args.length; at++) {
    const option = word(args[at])
    const more = at + 1 < args.length
    if (option === "FORCE") force = true
    else if (option === "JUSTID") justId = true
    else if (option === "IDLE" && more) {
      deliveredAt = now - integer(args[++at], "ERR Invalid IDLE option argument for XCLAIM")
    } else if (option === "TIME" && more) {
      deliveredAt = integer(args[++at], "ERR Invalid TIME option argument for XCLAIM")
    } else if (option === "RETRYCOUNT" && more) {
      deliveries = int64(args[++at], "ERR Invalid RETRYCOUNT option argument for XCLAIM")
    } else if (option === "LASTID" && more) {
      lastId = StreamId.parse(args[++at])
    } else {
      throw new CommandError(`ERR Unrecognized XCLAIM option '${args[at]}'`)
    }
  }
  // A time in the future, or before 1970, is replaced by now.
  if (deliveredAt === undefined || deliveredAt < 0 || deliveredAt > now) deliveredAt = now
  return { minIdle, ids, deliveredAt, deliveries, force, justId, lastId }
}

const xclaim = ({ args, keys, node, now }: Invocation): Resp.Reply => {
  const [stream, group] = pendingGroup(keys, args[0], args[1])
  const { deliveredAt, deliveries, force, ids, justId, lastId, minIdle } = claimOptions(args, now)
  if (lastId > group.lastId) group.lastId = lastId
  if (since(node.version, 7.2)) seenConsumer(keys, args[0], group, args[2], now)
  const claimed: Array<Resp.Reply> = []
  for (const id of ids) {
    const pending = group.pending.get(id)
    const entry = stream.find(id)
    if (entry === undefined) {
      if (group.release(id)) keys.changes++
      continue
    }
    if (pending === undefined ? !force : minIdle > 0 && now - pending.deliveredAt < minIdle) continue
    // An entry that FORCE creates counts as delivered once already.
    const before = pending?.deliveries ?? 1n
    const consumer = activeConsumer(keys, args[0], group, args[2], now)
    group.assign(id, consumer, deliveredAt, deliveries >= 0n ? deliveries : justId ? before : before + 1n)
    claimed.push(justId ? idReply(id) : entryReply(entry))
    keys.changes++
  }
  return array(claimed)
}

const mostToClaim = 2 ** 59
const countTooLow = "ERR COUNT must be > 0"

const autoClaimOptions = (args: ReadonlyArray<Bin>) => {
  const minIdle = Math.max(integer(args[3], "ERR Invalid min-idle-time argument for XAUTOCLAIM"), 0)
  const start = StreamId.parseStart(args[4])
  let count = 100
  let justId = false
  for (let at = 5; at < args.length; at++) {
    const option = word(args[at])
    if (option === "COUNT" && at + 1 < args.length) {
      count = integer(args[++at], countTooLow)
      if (count < 1 || count > mostToClaim) throw new CommandError(countTooLow)
    } else if (option === "JUSTID") {
      justId = true
    } else {
      throw syntaxError()
    }
  }
  return { minIdle, start, count, justId }
}

/** The number of entries to look at for each entry that may be claimed. */
const attemptsPerEntry = 10

const xautoclaim = ({ args, keys, node, now }: Invocation): Resp.Reply => {
  const { count, justId, minIdle, start } = autoClaimOptions(args)
  const [stream, group] = pendingGroup(keys, args[0], args[1])
  const claimed: Array<Resp.Reply> = []
  const deleted: Array<Resp.Reply> = []
  if (since(node.version, 7.2)) seenConsumer(keys, args[0], group, args[2], now)
  let next = group.pending.next(start)
  for (let attempts = count * attemptsPerEntry; attempts > 0 && next !== undefined; attempts--) {
    if (claimed.length + deleted.length >= count) break
    const id: StreamId.StreamId = next
    next = id === StreamId.max ? undefined : group.pending.next(id + 1n)
    const pending = group.pending.get(id)
    const entry = stream.find(id)
    if (entry === undefined) {
      group.release(id)
      deleted.push(idReply(id))
      keys.changes++
    } else if (pending !== undefined && (minIdle === 0 || now - pending.deliveredAt >= minIdle)) {
      const consumer = activeConsumer(keys, args[0], group, args[2], now)
      group.assign(id, consumer, now, justId ? pending.deliveries : pending.deliveries + 1n)
      claimed.push(justId ? idReply(id) : entryReply(entry))
      keys.changes++
    }
  }
  return array([idReply(next ?? StreamId.zero), array(claimed), array(deleted)])
}

export const consumerGroups: Group = {
  "XGROUP CREATE": { arity: -5, run: xgroupCreate },
  "XGROUP SETID": { arity: -5, run: xgroupSetId },
  "XGROUP DESTROY": { arity: 4, run: xgroupDestroy },
  "XGROUP CREATECONSUMER": { arity: 5, run: xgroupCreateConsumer },
  "XGROUP DELCONSUMER": { arity: 5, run: xgroupDelConsumer },
  XACK: { arity: -4, run: xack },
  XPENDING: { arity: -3, run: xpending },
  XCLAIM: { arity: -6, run: xclaim },
  XAUTOCLAIM: { arity: -6, run: xautoclaim }
}
