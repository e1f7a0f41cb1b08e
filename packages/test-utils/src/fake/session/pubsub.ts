/**
 * Delivers messages to the subscribers of one node.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { slotOf } from "../data/keyspace.ts"
import type { Bin, Node } from "../definitions/handler.ts"
import * as Glob from "../values/glob.ts"

const { bulk, push } = Resp.Reply

/** Sends a message to the subscribers of this node, and returns their number. Also used for keyspace events. */
export const deliver = (node: Node, channel: Bin, message: Bin): number => {
  let receivers = 0
  for (const session of node.sessions) {
    if (session.subscriptions.channels.has(channel)) {
      session.send(push([bulk("message"), bulk(channel), bulk(message)]))
      receivers++
    }
    for (const pattern of session.subscriptions.patterns) {
      if (!Glob.matches(pattern, channel)) continue
      session.send(push([bulk("pmessage"), bulk(pattern), bulk(channel), bulk(message)]))
      receivers++
    }
  }
  return receivers
}

/** The same for sharded channels (SPUBLISH). */
export const deliverSharded = (node: Node, channel: Bin, message: Bin): number => {
  let receivers = 0
  for (const session of node.sessions) {
    if (!session.subscriptions.shardChannels.has(channel)) continue
    session.send(push([bulk("smessage"), bulk(channel), bulk(message)]))
    receivers++
  }
  return receivers
}

/** Called when the node no longer serves some slots: its subscribers of their channels get a `sunsubscribe`. */
export const dropSharded = (node: Node, lost: (slot: number) => boolean): void => {
  for (const session of node.sessions) {
    const { shardChannels } = session.subscriptions
    for (const channel of Array.from(shardChannels)) {
      if (!lost(slotOf(channel))) continue
      shardChannels.delete(channel)
      session.send(push([bulk("sunsubscribe"), bulk(channel), Resp.Reply.integer(shardChannels.size)]))
    }
  }
}
