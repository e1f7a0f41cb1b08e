/**
 * Code that the commands of streams share: parts of replies, and consumers, which are created on first use.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Consumer, Entry, Group, Stream } from "../../data/stream.ts"
import * as StreamId from "../../data/streamId.ts"
import type { Version } from "../../facts/version.ts"
import type { Bin } from "../../values/binary.ts"

const { array, bulk, integer, null: nil } = Resp.Reply

/** The reply for an ID. */
export const idReply = (id: StreamId.StreamId): Resp.Reply => bulk(StreamId.print(id))

/** The reply for an entry. Its fields are a list in RESP3 too. */
export const entryReply = ({ fields, id }: Entry): Resp.Reply => array([idReply(id), array(fields.map(bulk))])

/** The reply for a number that may be unknown. */
export const maybeReply = (value: bigint | undefined): Resp.Reply => value === undefined ? nil : integer(value)

/** The reply with the counters of a group. */
export const progress = (
  stream: Stream,
  group: Group,
  version: Version
): ReadonlyArray<readonly [Resp.Reply, Resp.Reply]> => [
  [bulk("last-delivered-id"), idReply(group.lastId)],
  [bulk("entries-read"), maybeReply(group.entriesRead)],
  [bulk("lag"), maybeReply(stream.lag(group, version))]
]

/** The first items; all of them if the count is `Infinity`. */
export const take = <A>(items: Iterable<A>, count: number): ReadonlyArray<A> => {
  const taken: Array<A> = []
  if (count <= 0) return taken
  for (const item of items) {
    taken.push(item)
    if (taken.length >= count) break
  }
  return taken
}

/** The consumer of that name, which is created if it does not exist, and marked as seen now. */
export const seenConsumer = (keys: Keyspace, key: Bin, group: Group, name: Bin, now: number): Consumer => {
  const known = group.consumer(name)
  if (known === undefined) {
    keys.changes++
    keys.notify(key, "xgroup-createconsumer", "t")
    return group.addConsumer(name, now)
  }
  known.seenAt = now
  return known
}

/** The same, for a consumer that gets entries: also marked as active now. */
export const activeConsumer = (keys: Keyspace, key: Bin, group: Group, name: Bin, now: number): Consumer => {
  const consumer = seenConsumer(keys, key, group, name, now)
  consumer.activeAt = now
  return consumer
}
