/** A client of nodes that confirm subscriptions, and what its streams tell. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Client from "../../src/Client.ts"
import * as PubSub from "../../src/PubSub.ts"
import type * as RedisCluster from "../../src/RedisCluster.ts"
import type { RedisError } from "../../src/RedisError.ts"
import type * as Resp from "../../src/Resp.ts"
import { connectedTo } from "./client.ts"
import { settle } from "./scenes.ts"
import { Reply } from "./ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedConnection, ScriptedNode } from "./ScriptedCluster.ts"
import type { Slots } from "./slotsReply.ts"

type Payload = string | Uint8Array

/** The push that confirms one name. */
export const confirmation = (word: string, name: string, count = 1): Resp.Reply =>
  Reply.push([Reply.bulk(word), Reply.bulk(name), Reply.integer(count)])

export const message = (channel: string, payload: Payload): Resp.Reply =>
  Reply.push(["message", channel, payload].map(Reply.bulk))
export const smessage = (channel: string, payload: Payload): Resp.Reply =>
  Reply.push(["smessage", channel, payload].map(Reply.bulk))
export const pmessage = (pattern: string, channel: string, payload: Payload): Resp.Reply =>
  Reply.push(["pmessage", pattern, channel, payload].map(Reply.bulk))

const words = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"]

/** Makes a node confirm everything. */
export const confirms = (node: ScriptedNode): ScriptedNode => {
  for (const word of words) {
    node.on(word, (names) => names.map((name, i) => confirmation(word.toLowerCase(), name, i + 1)))
  }
  return node
}

/** What a node was told to subscribe to and to unsubscribe from, in order. */
export const asked = (node: ScriptedNode): ReadonlyArray<string> =>
  node.commands.filter((line) => /^[PS]?(UN)?SUBSCRIBE\b/.test(line))

/** All slots of `from` are with `to` now, and so say all nodes when they are asked next. */
export const give = (cluster: ScriptedCluster, from: string, to: string): void => {
  cluster.slots = cluster.slots.map(([first, last, node, ...replicas]) => [
    first,
    last,
    node === from ? to : node,
    ...replicas
  ])
}

/** The open connection to a node over which subscriptions go. */
export const lineTo = (node: ScriptedNode): ScriptedConnection => {
  const [line, ...others] = node.live.filter(({ received }) => received.some((each) => /^[PS]?SUBSCRIBE\b/.test(each)))
  if (line === undefined || others.length > 0) {
    throw new Error(`subscriptions to ${node.key} go over ${others.length + (line ? 1 : 0)} open connections`)
  }
  return line
}

/** One stream that is read all the time, and what it has told. */
export interface Heard<A> {
  readonly events: Array<A>
  /** Why the stream has ended, if it has. */
  readonly failure: () => RedisError | undefined
  /** Ends the subscription. */
  readonly leave: Effect.Effect<void>
}

const threeShards: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]

/** A client of nodes that confirm everything: three primaries, unless other slots are given. */
export const subscriber = Effect.fnUntraced(function*(
  options?: Partial<RedisCluster.Options> & {
    readonly slots?: Slots
    readonly prepare?: (cluster: ScriptedCluster) => void
  }
) {
  const { prepare, slots = threeShards, ...settings } = options ?? {}
  const client = yield* connectedTo(slots, settings, prepare)
  for (const node of client.cluster.nodes.values()) confirms(node)
  const [a, b, c] = ["a:7000", "b:7000", "c:7000"].map((key) => client.cluster.node(key))

  const read = Effect.fnUntraced(function*<A>(
    opened: Effect.Effect<Stream.Stream<A, RedisError>, RedisError, Scope.Scope | Client.Client>
  ) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const stream = yield* Scope.provide(client.run(opened), scope)
    const events: Array<A> = []
    const reading = Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event)))
    const fiber = yield* Effect.forkIn(reading, scope, { startImmediately: true })
    yield* settle
    const heard: Heard<A> = {
      events,
      failure: () => {
        const exit = fiber.pollUnsafe()
        return exit === undefined ? undefined : Option.getOrUndefined(Exit.findErrorOption(exit))
      },
      leave: Effect.andThen(Scope.close(scope, Exit.void), settle)
    }
    return heard
  })
  const hear = <P = string>(topics: PubSub.Topics, settings?: PubSub.Options<P>) =>
    read(PubSub.listen(topics, settings))
  return { ...client, a, b, c, hear, read }
})

/** Messages as their payloads, gaps as their causes, and the others by what they are. */
export const brief = (events: ReadonlyArray<PubSub.Event<Payload> | PubSub.KeyEvent>): ReadonlyArray<Payload> =>
  events.map((event) =>
    event._tag === "Message"
      ? event.payload
      : event._tag === "KeyEvent"
      ? `${event.event} ${event.key}`
      : event._tag === "Gap"
      ? `Gap ${event.cause}`
      : event._tag === "Moved"
      ? `Moved ${event.to}`
      : event._tag
  )

export const messagesOf = <P>(events: ReadonlyArray<PubSub.Event<P>>): ReadonlyArray<P> =>
  events.flatMap((event) => event._tag === "Message" ? [event.payload] : [])

export const gapsOf = (events: ReadonlyArray<PubSub.Event<unknown> | PubSub.KeyEvent>): ReadonlyArray<PubSub.Gap> =>
  events.filter((event) => event._tag === "Gap")

/** When a gap began and ended, in milliseconds of the Clock. */
export const spanOf = ({ from, until }: PubSub.Gap): readonly [from: number, until: number] => [
  DateTime.toEpochMillis(from),
  DateTime.toEpochMillis(until)
]
