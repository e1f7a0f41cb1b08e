/**
 * Who is subscribed to what on one node, and delivering messages to them.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { slotOf } from "../data/keyspace.ts"
import type { Bin, Node } from "../definitions/handler.ts"
import * as Glob from "../values/glob.ts"

const { bulk, push } = Resp.Reply

/** Sends a message to the subscribers that this node has, and answers how many there were. Keyspace events come here too. */
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

/** The same for SPUBLISH. */
export const deliverSharded = (node: Node, channel: Bin, message: Bin): number => {
  let receivers = 0
  for (const session of node.sessions) {
    if (!session.subscriptions.shardChannels.has(channel)) continue
    session.send(push([bulk("smessage"), bulk(channel), bulk(message)]))
    receivers++
  }
  return receivers
}

/** The node no longer serves these slots: its subscribers of their channels are told so by `sunsubscribe`. */
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
