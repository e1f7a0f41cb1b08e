/**
 * Pub/sub with channels, patterns and sharded channels.
 *
 * **Details**
 *
 * A subscription is confirmed once per channel. The confirmations are pushes in RESP3 and plain replies in RESP2, and they
 * stand for the reply of the command: a command with three channels has three replies. Only in a transaction are they part of
 * EXEC's reply.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { noReply } from "../../definitions/handler.ts"
import type { Bin, Definition, Group, Invocation, Node, Outcome, Session } from "../../definitions/handler.ts"
import { deliver, deliverSharded } from "../../session/pubsub.ts"
import { subcommandSyntax } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"

const { array, bulk, integer, null: nil, push } = Resp.Reply

interface Family {
  readonly names: (session: Session) => Set<Bin>
  /** The number of subscriptions that a confirmation contains. */
  readonly count: (session: Session) => number
}

const classicCount = ({ subscriptions: { channels, patterns } }: Session): number => channels.size + patterns.size

const channels: Family = { names: ({ subscriptions }) => subscriptions.channels, count: classicCount }
const patterns: Family = { names: ({ subscriptions }) => subscriptions.patterns, count: classicCount }
const shardChannels: Family = {
  names: ({ subscriptions }) => subscriptions.shardChannels,
  count: ({ subscriptions }) => subscriptions.shardChannels.size
}

/** Changes the subscription of each channel, and confirms it before the next. */
const confirmEach = (
  { name, session }: Invocation,
  family: Family,
  names: ReadonlyArray<Bin>,
  change: (channel: Bin) => void
): Outcome => {
  const kind = bulk(name.toLowerCase())
  const confirm = (channel: Resp.Reply) => push([kind, channel, integer(family.count(session))])
  const last = names.length - 1
  for (const [index, channel] of names.entries()) {
    change(channel)
    if (index === last && !session.mayBlock) return confirm(bulk(channel))
    session.send(confirm(bulk(channel)))
  }
  if (names.length > 0) return noReply
  if (!session.mayBlock) return confirm(nil)
  session.send(confirm(nil))
  return noReply
}

const subscribe = (family: Family): Definition => ({
  arity: -2,
  noScript: true,
  run: (invocation) => {
    const { args, name, session } = invocation
    if (family === shardChannels && !session.mayBlock) {
      throw new CommandError(`ERR ${name} isn't allowed for a DENY BLOCKING client`)
    }
    return confirmEach(invocation, family, args, (channel) => family.names(session).add(channel))
  }
})

const unsubscribe = (family: Family): Definition => ({
  arity: -1,
  noScript: true,
  run: (invocation) => {
    const { args, session } = invocation
    const names = family.names(session)
    return confirmEach(invocation, family, args.length > 0 ? args : [...names], (channel) => names.delete(channel))
  }
})

/**
 * Delivers a message to the subscribers of every reachable node; without cluster mode, of the node and those that copy it. The
 * reply counts only those of this node.
 */
const publish = ({ args: [channel, message], node }: Invocation): Resp.Reply => {
  const receivers = deliver(node, channel, message)
  for (const peer of node.isClustered ? node.peers() : node.shardPeers()) deliver(peer, channel, message)
  return integer(receivers)
}

const spublish = ({ args: [channel, message], node }: Invocation): Resp.Reply => {
  const receivers = deliverSharded(node, channel, message)
  for (const peer of node.shardPeers()) deliverSharded(peer, channel, message)
  return integer(receivers)
}

const inUse = (node: Node, { names }: Family): Set<Bin> => {
  const all = new Set<Bin>()
  for (const session of node.sessions) for (const name of names(session)) all.add(name)
  return all
}

const subscribers = (node: Node, { names }: Family, channel: Bin): number => {
  let count = 0
  for (const session of node.sessions) if (names(session).has(channel)) count++
  return count
}

const listing = (family: Family): Definition => ({
  arity: -2,
  run: ({ args, name, node }) => {
    if (args.length > 1) throw subcommandSyntax(name)
    const names = [...inUse(node, family)]
    return array((args.length === 0 ? names : names.filter((channel) => Glob.matches(args[0], channel))).map(bulk))
  }
})

const counting = (family: Family): Definition => ({
  arity: -2,
  run: ({ args, node }) => array(args.flatMap((name) => [bulk(name), integer(subscribers(node, family, name))]))
})

export const pubSub: Group = {
  SUBSCRIBE: subscribe(channels),
  PSUBSCRIBE: subscribe(patterns),
  SSUBSCRIBE: subscribe(shardChannels),
  UNSUBSCRIBE: unsubscribe(channels),
  PUNSUBSCRIBE: unsubscribe(patterns),
  SUNSUBSCRIBE: unsubscribe(shardChannels),
  PUBLISH: { arity: 3, run: publish },
  SPUBLISH: { arity: 3, run: spublish },
  "PUBSUB CHANNELS": listing(channels),
  "PUBSUB SHARDCHANNELS": listing(shardChannels),
  "PUBSUB NUMSUB": counting(channels),
  "PUBSUB SHARDNUMSUB": counting(shardChannels),
  "PUBSUB NUMPAT": { arity: 2, run: ({ node }) => integer(inUse(node, patterns).size) }
}
