/**
 * XINFO: information about a stream, its groups and its consumers.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Consumer, Group as ConsumerGroup, Pending, Stream } from "../../data/stream.ts"
import * as StreamId from "../../data/streamId.ts"
import type { Bin, Group, Invocation } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import type { Version } from "../../facts/version.ts"
import { integer, subcommandSyntax, word } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { entryReply, idReply, progress, take } from "./streamReply.ts"

const { array, bulk, integer: number, map, null: nil } = Resp.Reply

const streamAt = (keys: Keyspace, key: Bin): Stream => {
  const stream = keys.typed(key, "stream")?.stream
  if (stream === undefined) throw new CommandError("ERR no such key")
  return stream
}

const defaultCount = 10

/** The number of entries that FULL shows; undefined if it is not given. */
const fullCount = (options: ReadonlyArray<Bin>, name: string): number | undefined => {
  if (options.length === 0) return undefined
  if ((options.length !== 1 && options.length !== 3) || word(options[0]) !== "FULL") throw subcommandSyntax(name)
  if (options.length === 1) return defaultCount
  if (word(options[1]) !== "COUNT") throw subcommandSyntax(name)
  const count = integer(options[2])
  if (count < 0) return defaultCount
  return count === 0 ? Infinity : count
}

const pendingOfConsumer = ({ deliveredAt, deliveries, id }: Pending): Resp.Reply =>
  array([idReply(id), number(deliveredAt), number(deliveries)])

const pendingOfGroup = ({ consumer, deliveredAt, deliveries, id }: Pending): Resp.Reply =>
  array([idReply(id), bulk(consumer.name), number(deliveredAt), number(deliveries)])

const consumerInFull = ({ activeAt, name, pending, seenAt }: Consumer, count: number, version: Version): Resp.Reply =>
  map([
    [bulk("name"), bulk(name)],
    [bulk("seen-time"), number(seenAt)],
    ...(since(version, 7.2) ? [[bulk("active-time"), number(activeAt)]] as const : []),
    [bulk("pel-count"), number(pending.size)],
    [bulk("pending"), array(take(pending.values(), count).map(pendingOfConsumer))]
  ])

const groupInFull = (stream: Stream, group: ConsumerGroup, count: number, version: Version): Resp.Reply =>
  map([
    [bulk("name"), bulk(group.name)],
    ...progress(stream, group, version),
    [bulk("pel-count"), number(group.pending.size)],
    [bulk("pending"), array(take(group.pending.values(), count).map(pendingOfGroup))],
    [bulk("consumers"), array(group.consumers.map((consumer) => consumerInFull(consumer, count, version)))]
  ])

const xinfoStream = ({ args, keys, name, node }: Invocation): Resp.Reply => {
  const stream = streamAt(keys, args[0])
  const count = fullCount(args.slice(1), name)
  const { first, groups, last, tree } = stream
  const common = [
    [bulk("length"), number(stream.length)],
    [bulk("radix-tree-keys"), number(tree.keys)],
    [bulk("radix-tree-nodes"), number(tree.nodes)],
    [bulk("last-generated-id"), idReply(stream.lastId)],
    [bulk("max-deleted-entry-id"), idReply(stream.maxDeletedId)],
    [bulk("entries-added"), number(stream.entriesAdded)],
    [bulk("recorded-first-entry-id"), idReply(stream.firstId)]
  ] as const
  if (count === undefined) {
    return map([
      ...common,
      [bulk("groups"), number(groups.length)],
      [bulk("first-entry"), first === undefined ? nil : entryReply(first)],
      [bulk("last-entry"), last === undefined ? nil : entryReply(last)]
    ])
  }
  return map([
    ...common,
    [bulk("entries"), array(take(stream.range(StreamId.zero, StreamId.max), count).map(entryReply))],
    [bulk("groups"), array(groups.map((group) => groupInFull(stream, group, count, node.version)))]
  ])
}

const xinfoGroups = ({ args, keys, node }: Invocation): Resp.Reply => {
  const stream = streamAt(keys, args[0])
  return array(stream.groups.map((group) =>
    map([
      [bulk("name"), bulk(group.name)],
      [bulk("consumers"), number(group.consumers.length)],
      [bulk("pending"), number(group.pending.size)],
      ...progress(stream, group, node.version)
    ])
  ))
}

const xinfoConsumers = ({ args: [key, name], keys, node, now }: Invocation): Resp.Reply => {
  const group = streamAt(keys, key).group(name)
  if (group === undefined) throw new CommandError(`NOGROUP No such consumer group '${name}' for key name '${key}'`)
  return array(group.consumers.map(({ activeAt, name, pending, seenAt }) =>
    map([
      [bulk("name"), bulk(name)],
      [bulk("pending"), number(pending.size)],
      [bulk("idle"), number(Math.max(now - seenAt, 0))],
      ...(since(node.version, 7.2)
        ? [[bulk("inactive"), number(activeAt < 0 ? -1 : Math.max(now - activeAt, 0))]] as const
        : [])
    ])
  ))
}

export const streamInfo: Group = {
  "XINFO STREAM": { arity: -3, run: xinfoStream },
  "XINFO GROUPS": { arity: 3, run: xinfoGroups },
  "XINFO CONSUMERS": { arity: 4, run: xinfoConsumers }
}
