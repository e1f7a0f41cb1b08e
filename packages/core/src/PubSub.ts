/**
 * Publish and subscribe, and being told when something may have been missed.
 *
 * Redis keeps no message for those who are not subscribed at the moment. A subscriber whose connection is lost, whose
 * slot moves or whose buffer is full misses what is published meanwhile. Here it is told: a {@link Gap} stands in the
 * stream of {@link events} where messages may be missing. {@link subscribe} and its like leave all but messages out.
 *
 * All subscriptions of a layer share one connection a node. A channel is subscribed to once, however many streams listen,
 * and until the last of them has ended. After a failure, a failover, a moved slot or the removal of a node, it is
 * subscribed to again where it belongs by then.
 *
 * Source: https://redis.io/docs/latest/develop/pubsub/
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Command from "./Command.ts"
import {
  pubsubChannels,
  pubsubNumpat,
  pubsubNumsub,
  pubsubShardchannels,
  pubsubShardnumsub
} from "./commands/pubsub.ts"
import * as Fit from "./internal/commands/fit.ts"
import { within } from "./internal/connection/arrivals.ts"
import * as Strays from "./internal/connection/strays.ts"
import { executed, toError, unsent } from "./internal/failures/failure.ts"
import { Mailbox } from "./internal/pubsub/mailbox.ts"
import type { Overflow } from "./internal/pubsub/mailbox.ts"
import { keyspaceProblem, namesOf, toldName, topicsProblem } from "./internal/pubsub/selection.ts"
import type { Listener, Notice } from "./internal/pubsub/topic.ts"
import { RedisCluster } from "./RedisCluster.ts"
import * as RedisError from "./RedisError.ts"

/**
 * A message, with the pattern that it matched if it came by one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message<out P = string> {
  readonly _tag: "Message"
  readonly channel: string
  readonly pattern: string | undefined
  readonly payload: P
}

/**
 * The server has confirmed a subscription, for the first time or again: what is published from now on will come.
 *
 * @category models
 * @since 0.1.0
 */
export type Subscribed = Extract<Notice, { readonly _tag: "Subscribed" }>

/**
 * A subscription has been lost; `problem` says how. The client is about to get it back.
 *
 * @category models
 * @since 0.1.0
 */
export type Unsubscribed = Extract<Notice, { readonly _tag: "Unsubscribed" }>

/**
 * A subscription is at another node from now on.
 *
 * **Gotchas**
 *
 * What was published just before can come twice: from the old node, and from the new one, which heard of it later.
 *
 * @category models
 * @since 0.1.0
 */
export type Moved = Extract<Notice, { readonly _tag: "Moved" }>

/**
 * Messages that were published between `from` and `until` may be missing.
 *
 * **Details**
 *
 * - `ConnectionLost`: nobody was subscribed. What is missing was published after the last message before the gap and
 *   before the first one behind it.
 * - `Moved`: the same, while it changed its node. For a sharded channel `from` is then when the nodes last said who has its
 *   slot: messages may have gone to the new owner before the old one knew of it.
 * - `NodeLost`: the subscription held, but another primary was lost, and what was published there may not have been
 *   passed on. Messages from elsewhere came all the time, so the gap is one in time only. Told once, when the loss is
 *   noticed, for which the client stays connected to all primaries.
 * - `Overflow`: the reader was too slow; `missed` is how many messages were dropped, and the times say when they came.
 *   `name` and `node` are undefined.
 *
 * Times are of this process' clock, and `from` is on the safe side: what a node had sent by then has been read. The
 * client asks for a sign of life once a second, so `from` is up to a second and a round trip before the loss.
 *
 * @category models
 * @since 0.1.0
 */
export type Gap = Extract<Notice, { readonly _tag: "Gap" }>

/**
 * What happens to a subscription.
 *
 * @category models
 * @since 0.1.0
 */
export type Event<P = string> = Message<P> | Subscribed | Unsubscribed | Moved | Gap

/**
 * What to subscribe to, as many as there are. Channels and patterns are told by the whole cluster, sharded channels by the
 * shard of their slot. A name is what the server tells: a lone surrogate in it is U+FFFD.
 *
 * @category models
 * @since 0.1.0
 */
export interface Topics {
  readonly channels?: ReadonlyArray<string> | undefined
  readonly patterns?: ReadonlyArray<string> | undefined
  readonly shardChannels?: ReadonlyArray<string> | undefined
}

/**
 * How to read payloads, and what to do when the reader is slow.
 *
 * **Details**
 *
 * - `payload`: `"text"` (default), `"bytes"`, or a Schema that decodes the text. A payload that does not fit makes the
 *   stream fail with `DecodeFailed`.
 * - `buffer`: how many messages wait for the reader at the most. Default 4096. A full buffer holds up nobody else. What is no
 *   message needs no room in it, and is never dropped.
 * - `overflow`: what a full one does: `"dropOldest"` (default), `"dropNewest"`, or `"fail"` the stream with `Overloaded`
 *   behind what it has room for.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options<P = string> {
  readonly payload?: Payload<P> | undefined
  readonly buffer?: number | undefined
  readonly overflow?: Overflow | undefined
}

/**
 * @category configuration
 * @since 0.1.0
 */
export type Payload<P> =
  | (string extends P ? "text" : never)
  | (Uint8Array extends P ? "bytes" : never)
  | Schema.Codec<P, string>

type Raw = Event<string | Uint8Array>

const decoderOf = <P>(payload: Payload<P> | undefined) => {
  if (payload === undefined || payload === "text" || payload === "bytes") return undefined
  const decode = Fit.decoder(payload as Schema.Codec<P, string>)
  return (event: Raw): Effect.Effect<Event<P>, RedisError.RedisError> => {
    if (event._tag !== "Message") return Effect.succeed(event)
    const decoded = decode(event.payload)
    if (Result.isSuccess(decoded)) return Effect.succeed({ ...event, payload: decoded.success })
    const reason = new RedisError.DecodeFailed({ ...decoded.failure, of: "payload" })
    return Effect.fail(toError(executed(reason), { attempts: 0 }))
  }
}

/** What is heard, as a stream of what the options say. */
const streamOf = <P>(
  mailbox: Mailbox<Raw>,
  payload: Payload<P> | undefined
): Stream.Stream<Event<P>, RedisError.RedisError> => {
  const events = Stream.fromPull(Effect.succeed(mailbox.take))
  const decode = decoderOf(payload)
  if (decode === undefined) return events as Stream.Stream<Event<P>, RedisError.RedisError>
  return Stream.mapEffect(events, decode)
}

/**
 * Subscribes, and completes when the server has confirmed all of it: what is published from then on is in the stream,
 * whenever that is read. The subscription ends with the scope.
 *
 * **Details**
 *
 * It fails with `Timeout` when not all is confirmed within the layer's `commandTimeout`, and with `ServerError` (code
 * `NOPERM`) when the user may not subscribe. The stream fails so too when that comes up later, and with `Closed` when the
 * layer ends. It is for one reader: two share what comes.
 *
 * **Example** (Subscribed before anything is published)
 *
 * ```ts
 * import { PubSub, Redis } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const echo = Effect.scoped(Effect.gen(function*() {
 *   const events = yield* PubSub.listen({ channels: ["news"] })
 *   yield* Redis.publish("news", "it rains")
 *   return yield* Stream.runHead(Stream.filter(events, ({ _tag }) => _tag === "Message"))
 * }))
 * ```
 *
 * @category subscribing
 * @since 0.1.0
 */
export const listen = <P = string>(
  topics: Topics,
  options: Options<P> = {}
): Effect.Effect<
  Stream.Stream<Event<P>, RedisError.RedisError>,
  RedisError.RedisError,
  Scope.Scope | RedisCluster
> => hear(topics, options, true)

/** The same, with or without what is no message. */
const hear = <P>(
  topics: Topics,
  options: Options<P>,
  notices: boolean
): Effect.Effect<
  Stream.Stream<Event<P>, RedisError.RedisError>,
  RedisError.RedisError,
  Scope.Scope | RedisCluster
> =>
  Effect.suspend(() => {
    const problem = topicsProblem(topics, options)
    if (problem !== undefined) return invalid(problem)
    const names = namesOf(topics)
    return open(options, names.length, notices, (hub, listener) => {
      const heard = names.map(([kind, name]) => hub.listen(kind, name, listener))
      return () => {
        for (const topic of heard) hub.leave(topic, listener)
      }
    })
  })

const invalid = (problem: string): Effect.Effect<never, RedisError.RedisError> =>
  Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))

const toMessages = (
  channel: string,
  pattern: string | undefined,
  payloads: ReadonlyArray<string | Uint8Array>
): Array<Raw> => {
  if (payloads.length === 1) return [{ _tag: "Message", channel, pattern, payload: payloads[0] }]
  const messages: Array<Raw> = []
  // Room at once for many is worth a call into V8, for few it isn't.
  if (payloads.length > 8) messages.length = payloads.length
  for (let i = 0; i < payloads.length; i++) messages[i] = { _tag: "Message", channel, pattern, payload: payloads[i] }
  return messages
}

type Hub = RedisCluster["Service"]["subscriptions"]

const open = Effect.fnUntraced(function*<P>(
  options: Options<P>,
  size: number,
  notices: boolean,
  listenTo: (hub: Hub, listener: Listener) => () => void
): Effect.fn.Return<
  Stream.Stream<Event<P>, RedisError.RedisError>,
  RedisError.RedisError,
  Scope.Scope | RedisCluster
> {
  const { executor, subscriptions } = yield* RedisCluster
  const { buffer = 4096, overflow = "dropOldest" } = options
  const report = Strays.logging(Effect.runForkWith(yield* Effect.context<never>()))
  const mailbox = new Mailbox<Raw>(buffer, overflow, yield* Clock.Clock, size, report)
  const ready = Deferred.makeUnsafe<void, RedisError.RedisError>()
  // Who waits for it goes on at once, and may throw what is nobody else's business.
  const settle = (result: Effect.Effect<void, RedisError.RedisError>): void =>
    Strays.each([ready], (ready) => Deferred.doneUnsafe(ready, result), report)
  const listener: Listener = {
    bytes: options.payload === "bytes",
    awaited: new Set(),
    onMessages: (channel, pattern, payloads) => mailbox.offerAll(toMessages(channel, pattern, payloads)),
    onNotice: notices ? (notice) => mailbox.tell(notice) : () => {},
    onReady: () => settle(Effect.void),
    onFailure: (error) => {
      mailbox.fail(error)
      settle(Effect.fail(error))
    }
  }
  const leave = yield* Effect.acquireRelease(
    Effect.sync(() => listenTo(subscriptions, listener)),
    (leave) => Effect.sync(leave)
  )
  if (listener.awaited.size === 0) listener.onReady()
  const confirmed = within(Deferred.await(ready), {
    soon: executor.parts.clock.soon,
    duration: executor.parts.commandTimeout,
    orElse: () => {
      const waitingFor = `the server to confirm ${listener.awaited.size} of the subscriptions`
      return Effect.fail(unsent(new RedisError.Timeout({ waitingFor, millis: executor.parts.commandTimeout })))
    }
  })
  // Who tries again in the same scope should not have listened twice.
  yield* Effect.onError(confirmed, () => Effect.sync(leave))
  return streamOf(mailbox, options.payload)
})

/**
 * Everything that happens to a subscription, as a stream that begins with `Subscribed` and ends the subscription when it
 * ends.
 *
 * **Example** (Reading anew what may be missing)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const follow = PubSub.events({ shardChannels: ["room:1"] }).pipe(
 *   Stream.runForEach((event) => {
 *     switch (event._tag) {
 *       case "Message":
 *         return Effect.log(event.payload)
 *       case "Gap":
 *         return Effect.logWarning(`something may be missing since ${event.from}`)
 *       default:
 *         return Effect.void
 *     }
 *   })
 * )
 * ```
 *
 * @category subscribing
 * @since 0.1.0
 */
export const events = <P = string>(
  topics: Topics,
  options?: Options<P>
): Stream.Stream<Event<P>, RedisError.RedisError, RedisCluster> => Stream.unwrap(listen(topics, options))

const isMessage = <P>(event: Event<P>): event is Message<P> => event._tag === "Message"

/** What comes is messages only, and goes on as it is, unless some were dropped. */
const messages = <P>(
  topics: Topics,
  options: Options<P> = {}
): Stream.Stream<Message<P>, RedisError.RedisError, RedisCluster> =>
  Stream.transformPull(Stream.unwrap(hear(topics, options, false)), (pull) => {
    const next: Pull.Pull<NonEmptyReadonlyArray<Message<P>>, RedisError.RedisError> = Effect.flatMap(
      pull,
      (several) => {
        const messages = several.every(isMessage) ? several : several.filter(isMessage)
        return Arr.isReadonlyArrayNonEmpty(messages) ? Effect.succeed(messages) : next
      }
    )
    return Effect.succeed(next)
  })

/**
 * The messages of channels, from when the server has confirmed the subscription until the stream ends.
 *
 * **Gotchas**
 *
 * Messages can be missing, and this stream does not say so: {@link events} does.
 *
 * **Example** (Typed payloads)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 * import { Effect, Schema, Stream } from "effect"
 *
 * const Order = Schema.fromJsonString(Schema.Struct({ id: Schema.Int }))
 * const orders = PubSub.subscribe(["orders"], { payload: Order }).pipe(
 *   Stream.runForEach(({ payload }) => Effect.log(payload.id))
 * )
 * ```
 *
 * @see https://redis.io/docs/latest/commands/subscribe/
 * @category subscribing
 * @since 0.1.0
 */
export const subscribe = <P = string>(
  channels: ReadonlyArray<string>,
  options?: Options<P>
): Stream.Stream<Message<P>, RedisError.RedisError, RedisCluster> => messages({ channels }, options)

/**
 * The messages of all channels whose names match a pattern, such as `"news.*"`. One that matches several comes once for
 * each.
 *
 * **Example** (All news)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const news = Stream.runForEach(PubSub.psubscribe(["news.*"]), ({ channel, payload }) => Effect.log(channel, payload))
 * ```
 *
 * @see https://redis.io/docs/latest/commands/psubscribe/
 * @category subscribing
 * @since 0.1.0
 */
export const psubscribe = <P = string>(
  patterns: ReadonlyArray<string>,
  options?: Options<P>
): Stream.Stream<Message<P>, RedisError.RedisError, RedisCluster> => messages({ patterns }, options)

/**
 * The messages of sharded channels, which may be in any slots. Since Redis 7.0.0.
 *
 * **Example** (A room)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const room = Stream.runForEach(PubSub.ssubscribe(["room:1"]), ({ payload }) => Effect.log(payload))
 * ```
 *
 * @see https://redis.io/docs/latest/commands/ssubscribe/
 * @category subscribing
 * @since 0.1.0
 */
export const ssubscribe = <P = string>(
  shardChannels: ReadonlyArray<string>,
  options?: Options<P>
): Stream.Stream<Message<P>, RedisError.RedisError, RedisCluster> => messages({ shardChannels }, options)

/**
 * Something that happened to a key, at the primary that has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyEvent {
  readonly _tag: "KeyEvent"
  readonly key: string
  /** The name that Redis gives it: `"set"`, `"expired"`, `"del"`, ... */
  readonly event: string
}

/**
 * What happens to keys, at all primaries, as one stream. A node tells of its own keys only, so every primary is
 * subscribed to, those too that come later. It begins when all of today's have confirmed.
 *
 * **Details**
 *
 * `keys` is a pattern of keys, `"*"` by default; `events` are the names of events, all by default. The servers have to be
 * told to notify: `notify-keyspace-events` needs `K` and, for instance, `A`. The other elements are those of
 * {@link events}, by node.
 *
 * **Example** (Sessions that expire)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const expired = PubSub.keyspace({ keys: "session:*", events: ["expired"] }).pipe(
 *   Stream.runForEach((event) => event._tag === "KeyEvent" ? Effect.log(event.key) : Effect.void)
 * )
 * ```
 *
 * @see https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/
 * @category subscribing
 * @since 0.1.0
 */
export const keyspace = (
  selection: { readonly keys?: string | undefined; readonly events?: ReadonlyArray<string> | undefined } = {},
  options: Pick<Options, "buffer" | "overflow"> = {}
): Stream.Stream<KeyEvent | Exclude<Event, Message>, RedisError.RedisError, RedisCluster> => {
  const problem = keyspaceProblem(selection, options)
  if (problem !== undefined) return Stream.fromEffect(invalid(problem))
  const prefix = "__keyspace@0__:"
  const pattern = toldName(`${prefix}${selection.keys ?? "*"}`)
  const opened = open<string>(options, 1, true, (hub, listener) => {
    const everywhere = hub.listenEverywhere("pattern", pattern, listener)
    return () => hub.leaveEverywhere(everywhere)
  })
  const wanted = selection.events === undefined ? undefined : new Set(selection.events)
  const isWanted = (event: Event): boolean =>
    event._tag !== "Message" || wanted === undefined || wanted.has(event.payload)
  return Stream.map(
    Stream.filter(Stream.unwrap(opened), isWanted),
    (event) =>
      event._tag === "Message"
        ? { _tag: "KeyEvent", key: event.channel.slice(prefix.length), event: event.payload }
        : event
  )
}

/** Asks all nodes, and merges what they answer. One that can't answer makes it fail. */
const merged = <A, B>(
  command: Command.Command<A>,
  merge: (replies: ReadonlyArray<A>) => B
): Effect.Effect<B, RedisError.RedisError, RedisCluster> =>
  Effect.flatMap(
    RedisCluster,
    (cluster) =>
      Effect.flatMap(cluster.executeEach(command, "all"), (results) =>
        Effect.map(Effect.forEach(results, ({ result }) => Effect.fromResult(result)), merge))
  )

const union = (lists: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => [...new Set(lists.flat())]

const sums = (records: ReadonlyArray<Record<string, number>>): Record<string, number> => {
  const total: Record<string, number> = Object.create(null)
  for (const record of records) {
    for (const [name, count] of Object.entries(record)) total[name] = (total[name] ?? 0) + count
  }
  return total
}

/**
 * The channels that somebody listens to, at any node, those that match a pattern if one is given.
 *
 * **Example** (Who is listened to)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const rooms = PubSub.channels("room:*") // Effect<ReadonlyArray<string>, RedisError, RedisCluster>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-channels/
 * @category introspection
 * @since 0.1.0
 */
export const channels = (
  pattern?: Command.Arg
): Effect.Effect<ReadonlyArray<string>, RedisError.RedisError, RedisCluster> => merged(pubsubChannels(pattern), union)

/**
 * How many connections listen to each of some channels, over all nodes, by channel.
 *
 * **Example** (How many listen)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const listeners = PubSub.numsub(["news"]) // Effect<Readonly<Record<string, number>>, RedisError, RedisCluster>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-numsub/
 * @category introspection
 * @since 0.1.0
 */
export const numsub = (
  channels: ReadonlyArray<Command.Arg>
): Effect.Effect<Readonly<Record<string, number>>, RedisError.RedisError, RedisCluster> =>
  merged(pubsubNumsub(channels), sums)

/**
 * How many patterns are listened to, the sum over all nodes.
 *
 * **Example** (How many patterns)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const patterns = PubSub.numpat // Effect<number, RedisError, RedisCluster>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-numpat/
 * @category introspection
 * @since 0.1.0
 */
export const numpat: Effect.Effect<number, RedisError.RedisError, RedisCluster> = merged(
  pubsubNumpat(),
  (counts) => counts.reduce((sum, count) => sum + count, 0)
)

/**
 * The sharded channels that somebody listens to, at any node, those that match a pattern if one is given.
 *
 * **Example** (Who is listened to)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const rooms = PubSub.shardChannels("room:*") // Effect<ReadonlyArray<string>, RedisError, RedisCluster>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-shardchannels/
 * @category introspection
 * @since 0.1.0
 */
export const shardChannels = (
  pattern?: Command.Arg
): Effect.Effect<ReadonlyArray<string>, RedisError.RedisError, RedisCluster> =>
  merged(pubsubShardchannels(pattern), union)

/**
 * How many connections listen to each of some sharded channels, over all nodes, by channel.
 *
 * **Example** (How many listen)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const listeners = PubSub.shardNumsub(["room:1"]) // Effect<Readonly<Record<string, number>>, RedisError, RedisCluster>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-shardnumsub/
 * @category introspection
 * @since 0.1.0
 */
export const shardNumsub = (
  channels: ReadonlyArray<Command.Arg>
): Effect.Effect<Readonly<Record<string, number>>, RedisError.RedisError, RedisCluster> =>
  merged(pubsubShardnumsub(channels), sums)
