/**
 * Publish and subscribe, with a notice wherever messages may have been missed.
 *
 * Redis keeps no messages for clients that are not subscribed at the moment. A subscriber whose connection is lost, whose slot
 * moves or whose buffer is full misses the messages published meanwhile. The stream of {@link events} then contains a
 * {@link Gap}. {@link subscribe} and its variants return streams of messages only.
 *
 * All subscriptions of a layer share one connection per node. A channel is subscribed to once, however many streams listen to
 * it, until the last of them has ended. After a failure, a failover, a moved slot or the removal of a node, the client
 * subscribes again at the right node.
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
import { Client } from "./Client.ts"
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
import { known } from "./internal/execution/firstMap.ts"
import { executed, toError, unsent } from "./internal/failures/failure.ts"
import { Mailbox } from "./internal/pubsub/mailbox.ts"
import type { Overflow } from "./internal/pubsub/mailbox.ts"
import { keyspaceProblem, namesOf, toldName, topicsProblem } from "./internal/pubsub/selection.ts"
import type { Listener, Notice } from "./internal/pubsub/topic.ts"
import * as RedisError from "./RedisError.ts"

/**
 * A message. `pattern` is set if it arrived because of a subscription to a pattern.
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
 * The server has confirmed a subscription, for the first time or again. Messages published from now on will arrive.
 *
 * @category models
 * @since 0.1.0
 */
export type Subscribed = Extract<Notice, { readonly _tag: "Subscribed" }>

/**
 * A subscription was lost; `problem` says why. The client is trying to subscribe again.
 *
 * @category models
 * @since 0.1.0
 */
export type Unsubscribed = Extract<Notice, { readonly _tag: "Unsubscribed" }>

/**
 * A subscription has moved to another node.
 *
 * **Gotchas**
 *
 * Messages published just before can arrive twice: from the old node, and from the new one, which received them later.
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
 * - `ConnectionLost`: the client was not subscribed for a while. The missing messages are those published after the last
 *   message before the gap, and before the first message behind it.
 * - `Moved`: the same, while the subscription moved to another node. For a sharded channel `from` is then the time at which
 *   the nodes last confirmed the owner of its slot, since messages may have gone to the new owner before the old one knew.
 * - `NodeLost`: the subscription was kept, but another primary was lost, and messages published there may not have been
 *   passed on. Other messages kept arriving, so the gap is only a span of time, not a place in the stream. It comes once, when
 *   the loss is noticed. To notice it, the client stays connected to all primaries.
 * - `Overflow`: the reader was too slow. `missed` is the number of dropped messages, and the times say when they arrived.
 *   `name` and `node` are undefined.
 *
 * Times are of this process' clock. `from` is on the safe side: everything that a node sent before it has been read. The
 * client pings once a second, so `from` is up to a second and a round trip before the loss.
 *
 * @category models
 * @since 0.1.0
 */
export type Gap = Extract<Notice, { readonly _tag: "Gap" }>

/**
 * An event of a subscription.
 *
 * @category models
 * @since 0.1.0
 */
export type Event<P = string> = Message<P> | Subscribed | Unsubscribed | Moved | Gap

/**
 * What to subscribe to. Messages of channels and patterns come from the whole cluster, those of sharded channels from the
 * shard of their slot. In names a lone surrogate becomes U+FFFD, as it does on the server.
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
 * - `buffer`: the maximum number of messages that wait for the reader. Default 4096. A full buffer does not slow down other
 *   readers. Other events do not count, and are never dropped.
 * - `overflow`: what happens when the buffer is full: `"dropOldest"` (default), `"dropNewest"`, or `"fail"`, which fails the
 *   stream with `Overloaded` after the messages in the buffer.
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

/** The events of a mailbox as a stream, with payloads decoded as the options say. */
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
 * Subscribes, and completes once the server has confirmed all subscriptions. The stream contains every message published from
 * then on, however late it is read. The subscription ends with the scope.
 *
 * **Details**
 *
 * It fails with `Timeout` if not everything is confirmed within the layer's `commandTimeout`, and with `ServerError` (code
 * `NOPERM`) if the user may not subscribe. The stream fails in the same way if a subscription is refused later, and with
 * `Closed` when the layer ends. Read the stream only once: two readers would each get a part of the events.
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
  Scope.Scope | Client
> => hear(topics, options, true)

/** Like `listen`. Without `notices` the stream contains only messages and overflow gaps. */
const hear = <P>(
  topics: Topics,
  options: Options<P>,
  notices: boolean
): Effect.Effect<
  Stream.Stream<Event<P>, RedisError.RedisError>,
  RedisError.RedisError,
  Scope.Scope | Client
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
  // For many messages it is faster to set the length first; for few it is not.
  if (payloads.length > 8) messages.length = payloads.length
  for (let i = 0; i < payloads.length; i++) messages[i] = { _tag: "Message", channel, pattern, payload: payloads[i] }
  return messages
}

type Hub = Client["Service"]["subscriptions"]

const open = Effect.fnUntraced(function*<P>(
  options: Options<P>,
  size: number,
  notices: boolean,
  listenTo: (hub: Hub, listener: Listener) => () => void
): Effect.fn.Return<
  Stream.Stream<Event<P>, RedisError.RedisError>,
  RedisError.RedisError,
  Scope.Scope | Client
> {
  const { router, subscriptions } = yield* Client
  yield* known(router.cluster)
  const { buffer = 4096, overflow = "dropOldest" } = options
  const report = Strays.logging(Effect.runForkWith(yield* Effect.context<never>()))
  const mailbox = new Mailbox<Raw>(buffer, overflow, yield* Clock.Clock, size, report)
  const ready = Deferred.makeUnsafe<void, RedisError.RedisError>()
  // The waiting fiber resumes at once, inside this call. An exception of its own is reported, and must not reach the hub.
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
    soon: router.clock.soon,
    duration: router.timeout,
    orElse: () => {
      const waitingFor = `the server to confirm ${listener.awaited.size} of the subscriptions`
      return Effect.fail(unsent(new RedisError.Timeout({ waitingFor, millis: router.timeout })))
    }
  })
  // Leave at once on failure: the scope may stay open, and the caller may try again in it.
  yield* Effect.onError(confirmed, () => Effect.sync(leave))
  return streamOf(mailbox, options.payload)
})

/**
 * All events of a subscription as a stream, beginning with `Subscribed`. The subscription ends with the stream.
 *
 * **Example** (Handling gaps)
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
): Stream.Stream<Event<P>, RedisError.RedisError, Client> => Stream.unwrap(listen(topics, options))

const isMessage = <P>(event: Event<P>): event is Message<P> => event._tag === "Message"

/** A stream of messages only. Chunks are passed on unchanged, unless one contains a gap from dropped messages. */
const messages = <P>(
  topics: Topics,
  options: Options<P> = {}
): Stream.Stream<Message<P>, RedisError.RedisError, Client> =>
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
 * Messages can be missing, and this stream does not tell. Use {@link events} to know.
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
): Stream.Stream<Message<P>, RedisError.RedisError, Client> => messages({ channels }, options)

/**
 * The messages of all channels whose names match a pattern, such as `"news.*"`. A message that matches several patterns
 * arrives once for each.
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
): Stream.Stream<Message<P>, RedisError.RedisError, Client> => messages({ patterns }, options)

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
): Stream.Stream<Message<P>, RedisError.RedisError, Client> => messages({ shardChannels }, options)

/**
 * An event of a key, published by the primary that has the key.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyEvent {
  readonly _tag: "KeyEvent"
  readonly key: string
  /** Redis' name of the event: `"set"`, `"expired"`, `"del"`, ... */
  readonly event: string
}

/**
 * The events of keys, from all primaries, as one stream. A node publishes only events of its own keys, so the client subscribes
 * at every primary, and at those that are added later. The stream begins once all current primaries have confirmed.
 *
 * **Details**
 *
 * `keys` is a pattern of keys, `"*"` by default; `events` are the names of events, all by default. The servers publish these
 * events only if configured: `notify-keyspace-events` needs `K` and, for instance, `A`. The stream also contains the other
 * {@link events}, for each node.
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
): Stream.Stream<KeyEvent | Exclude<Event, Message>, RedisError.RedisError, Client> => {
  const problem = keyspaceProblem(selection, options)
  if (problem !== undefined) return Stream.fromEffect(invalid(problem))
  const wanted = selection.events === undefined ? undefined : new Set(selection.events)
  const isWanted = (event: Event): boolean =>
    event._tag !== "Message" || wanted === undefined || wanted.has(event.payload)
  return Stream.unwrap(Effect.gen(function*() {
    const { database } = (yield* Client).router.cluster.pool
    const prefix = `__keyspace@${database}__:`
    const pattern = toldName(`${prefix}${selection.keys ?? "*"}`)
    const opened = yield* open<string>(options, 1, true, (hub, listener) => {
      const everywhere = hub.listenEverywhere("pattern", pattern, listener)
      return () => hub.leaveEverywhere(everywhere)
    })
    return Stream.map(
      Stream.filter(opened, isWanted),
      (event) =>
        event._tag === "Message"
          ? { _tag: "KeyEvent", key: event.channel.slice(prefix.length), event: event.payload }
          : event
    )
  }))
}

/** Asks all nodes, whose replies are merged, also inside a session. Fails if one of them can't answer. */
const everywhere = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError, Client> =>
  Effect.flatMap(Client, ({ redis }) => redis.execute(command))

/**
 * The channels with at least one subscriber at any node; with a pattern, only those that match it.
 *
 * **Example** (Channels with subscribers)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const rooms = PubSub.channels("room:*") // Effect<ReadonlyArray<string>, RedisError, Client>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-channels/
 * @category introspection
 * @since 0.1.0
 */
export const channels = (
  pattern?: Command.Arg
): Effect.Effect<ReadonlyArray<string>, RedisError.RedisError, Client> => everywhere(pubsubChannels(pattern))

/**
 * The number of connections that are subscribed to each of the given channels, over all nodes, by channel.
 *
 * **Example** (How many listen)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const listeners = PubSub.numsub(["news"]) // Effect<Readonly<Record<string, number>>, RedisError, Client>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-numsub/
 * @category introspection
 * @since 0.1.0
 */
export const numsub = (
  channels: ReadonlyArray<Command.Arg>
): Effect.Effect<Readonly<Record<string, number>>, RedisError.RedisError, Client> => everywhere(pubsubNumsub(channels))

/**
 * The number of patterns with subscribers, as a sum over all nodes: a pattern counts once for each node where it has some.
 *
 * **Example** (How many patterns)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const patterns = PubSub.numpat // Effect<number, RedisError, Client>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-numpat/
 * @category introspection
 * @since 0.1.0
 */
export const numpat: Effect.Effect<number, RedisError.RedisError, Client> = everywhere(pubsubNumpat())

/**
 * The sharded channels with at least one subscriber at any node; with a pattern, only those that match it.
 *
 * **Example** (Sharded channels with subscribers)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const rooms = PubSub.shardChannels("room:*") // Effect<ReadonlyArray<string>, RedisError, Client>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-shardchannels/
 * @category introspection
 * @since 0.1.0
 */
export const shardChannels = (
  pattern?: Command.Arg
): Effect.Effect<ReadonlyArray<string>, RedisError.RedisError, Client> => everywhere(pubsubShardchannels(pattern))

/**
 * The number of connections that are subscribed to each of the given sharded channels, over all nodes, by channel.
 *
 * **Example** (How many listen)
 *
 * ```ts
 * import { PubSub } from "@redisc/core"
 *
 * const listeners = PubSub.shardNumsub(["room:1"]) // Effect<Readonly<Record<string, number>>, RedisError, Client>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-shardnumsub/
 * @category introspection
 * @since 0.1.0
 */
export const shardNumsub = (
  channels: ReadonlyArray<Command.Arg>
): Effect.Effect<Readonly<Record<string, number>>, RedisError.RedisError, Client> =>
  everywhere(pubsubShardnumsub(channels))
