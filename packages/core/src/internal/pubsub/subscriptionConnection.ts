/**
 * The one connection to a node that carries all of this program's subscriptions at that node. It connects, subscribes to the
 * topics that the hub wants, and delivers messages. After every loss it starts again, until the hub interrupts it.
 *
 * ```
 *   want(topic) ->  unasked  -- flush: SUBSCRIBE, together with others -->  asked  -- push "subscribe" -->  confirmed
 * ```
 *
 * Source: https://redis.io/docs/latest/develop/pubsub/
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import type { Reason, RedisError } from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import type { Call } from "../connection/call.ts"
import type { Connection } from "../connection/connection.ts"
import type { PushListener } from "../connection/pushes.ts"
import * as Reconnect from "../connection/reconnect.ts"
import type { Failure } from "../failures/failure.ts"
import { decodeText } from "../resp/text.ts"
import { Request } from "./request.ts"
import type { Subscription } from "./request.ts"
import type { Kind, Topic } from "./topic.ts"

/** The maximum number of names in one SUBSCRIBE. */
const batchSize = 500

/** What the connection needs of the hub: the connector, and callbacks for what happens to topics. */
export interface Owner {
  readonly clock: Clock.Clock
  /** How long the server may take to confirm a subscription, in milliseconds. */
  readonly confirmTimeout: number
  readonly connect: (
    address: Address,
    listener: PushListener
  ) => Effect.Effect<Connection, RedisError, Scope.Scope>
  /** Waits until a node may be connected to again. */
  readonly due: (address: Address) => Effect.Effect<void>
  /** The server has confirmed the subscription that was requested at `askedAt`. */
  readonly onConfirmed: (topic: Topic, askedAt: number) => void
  /** The server has refused the subscriptions. The topics have been dropped from this connection. */
  readonly onRefused: (at: SubscriptionConnection, topics: ReadonlyArray<Topic>, failure: Failure) => void
  /** The server has ended the subscription on its own. The topic has been dropped from this connection. */
  readonly onRevoked: (at: SubscriptionConnection, topic: Topic) => void
  /** The connection was lost, or could not be opened. */
  readonly onDown: (at: SubscriptionConnection, error: RedisError) => void
}

const textOf = (value: Resp.Value): string => {
  if (typeof value === "string") return value
  return value instanceof Uint8Array ? decodeText(value, 0, value.length) : String(value)
}

/** Whether a refusal will pass by itself: the server is busy with a script, which will end. */
export const isPassing = (reason: Reason): boolean => reason._tag === "ServerError" && reason.code === "BUSY"

export class SubscriptionConnection implements PushListener {
  readonly address: Address
  /** Whether the last attempt to connect failed. */
  isDown = false
  /** Everything that the node sent before this time has been read: a request sent then has been answered. */
  completeUntil = 0
  private readonly owner: Owner
  private readonly subscriptions: Record<Kind, Map<string, Subscription>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map()
  }
  private connection: Connection | undefined
  private asBytes = false
  /** Subscriptions that have not been requested on the current connection. */
  private unasked = new Set<Subscription>()
  /** The number of PINGs without an answer. */
  private probes = 0
  /**
   * Whether the next error may belong to an earlier SUNSUBSCRIBE: a server that ends the subscription on its own at the same
   * moment answers twice. A PING must be sent before the next SUBSCRIBE to tell the answers apart.
   */
  private isVague = false
  /** Names that the server has confirmed and not ended since. A name that is no longer wanted stays here until it is ended. */
  private readonly held: Record<Kind, Set<string>> = { channel: new Set(), pattern: new Set(), shard: new Set() }
  /** Whether the server has refused to unsubscribe from a name, for a reason that may pass. */
  private isHolding = false

  constructor(address: Address, owner: Owner) {
    this.address = address
    this.owner = owner
  }

  get isEmpty(): boolean {
    const { channel, pattern, shard } = this.subscriptions
    return channel.size + pattern.size + shard.size === 0
  }

  /** Adds a topic. {@link flush} subscribes to its name if that is new. */
  want(topic: Topic): void {
    const { kind, name, slot } = topic
    if (topic.wantsBytes) this.asBytes = true
    let subscription = this.subscriptions[kind].get(name)
    if (subscription === undefined) {
      subscription = { kind, name, slot, topics: new Set(), asked: undefined, confirmed: false }
      this.subscriptions[kind].set(name, subscription)
      this.unasked.add(subscription)
    }
    subscription.topics.add(topic)
    const { asked, confirmed } = subscription
    if (confirmed && asked !== undefined) this.owner.onConfirmed(topic, asked.sentAt)
  }

  /** Removes a topic, and unsubscribes if it was the last of its name. */
  drop(topic: Topic): void {
    const subscription = this.subscriptions[topic.kind].get(topic.name)
    if (subscription?.topics.delete(topic) !== true || subscription.topics.size > 0) return
    this.forget(subscription)
    // No need to unsubscribe from the last one: the hub closes an empty connection.
    if (this.connection === undefined || this.isEmpty) return
    this.leave(this.connection, topic.kind, [topic.name])
  }

  private leave(connection: Connection, kind: Kind, names: ReadonlyArray<string>, isAll = false): void {
    const onRefused = ({ reason }: Failure): void => {
      this.isHolding ||= reason._tag !== "ServerError" || isPassing(reason)
    }
    connection.submit(new Request("unsubscribe", kind, names, this.now(), Infinity, onRefused, isAll))
    this.isVague ||= kind === "shard"
  }

  /**
   * Unsubscribes again from names that the server still has although no topic wants them. Redis 8 treats SUNSUBSCRIBE like a
   * command with keys: a node that has become a replica answers MOVED, and a node that is cut off answers CLUSTERDOWN.
   * SUNSUBSCRIBE without names has no slot, so it is not refused for these reasons.
   */
  private leaveAgain(connection: Connection): void {
    this.isHolding = false
    for (const kind of ["channel", "pattern", "shard"] as const) {
      const wanted = this.subscriptions[kind]
      const left = Array.from(this.held[kind]).filter((name) => !wanted.has(name))
      if (left.length > 0 && wanted.size === 0) this.leave(connection, kind, left, true)
      else for (const name of left) this.leave(connection, kind, [name])
    }
  }

  /** Subscribes to new names, with one command per kind (for sharded channels, per slot). */
  flush(): void {
    const { connection } = this
    if (connection === undefined || this.unasked.size === 0) return
    const groups = new Map<string, Array<Subscription>>()
    for (const subscription of this.unasked) {
      const key = `${subscription.kind} ${subscription.slot}`
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [subscription])
      else group.push(subscription)
    }
    this.unasked = new Set()
    for (const group of groups.values()) {
      for (let at = 0; at < group.length; at += batchSize) this.ask(connection, group.slice(at, at + batchSize))
    }
  }

  private ask(connection: Connection, subscriptions: ReadonlyArray<Subscription>): void {
    if (this.isVague) this.probe()
    const now = this.now()
    const request = new Request(
      "subscribe",
      subscriptions[0].kind,
      subscriptions.map(({ name }) => name),
      now,
      now + this.owner.confirmTimeout,
      (failure) => this.refused(connection, request, subscriptions, failure)
    )
    for (const subscription of subscriptions) subscription.asked = request
    connection.submit(request)
  }

  private refused(
    connection: Connection,
    request: Request,
    subscriptions: ReadonlyArray<Subscription>,
    failure: Failure
  ): void {
    if (connection.isClosed()) return
    const { reason } = failure
    // A server that does not answer properly cannot be trusted with the other subscriptions either.
    if (reason._tag === "Timeout" || reason._tag === "ProtocolViolation") return connection.abort(reason)
    const refused = subscriptions.filter((each) => this.isOpen(each, request) && !each.confirmed)
    // One name without permission makes the server refuse all of them. Request each alone to find out which.
    if (refused.length > 1 && reason._tag === "ServerError" && !isPassing(reason)) {
      for (const subscription of refused) this.ask(connection, [subscription])
      return
    }
    for (const subscription of refused) this.forget(subscription)
    this.owner.onRefused(this, refused.flatMap(({ topics }) => Array.from(topics)), failure)
  }

  /** Whether a request is the latest for a subscription, which may have been dropped and added again since. */
  private isOpen(subscription: Subscription, request: Request): boolean {
    const { asked, kind, name } = subscription
    return asked === request && this.subscriptions[kind].get(name) === subscription
  }

  private forget(subscription: Subscription): void {
    this.subscriptions[subscription.kind].delete(subscription.name)
    this.unasked.delete(subscription)
  }

  private now(): number {
    return this.owner.clock.currentTimeMillisUnsafe()
  }

  /** Sends a PING to find out up to when everything has been read, unless one is on its way. */
  check(): void {
    if (this.isHolding && this.connection !== undefined) this.leaveAgain(this.connection)
    if (this.probes === 0 || this.isVague) this.probe()
  }

  private probe(): void {
    const { connection } = this
    if (connection === undefined) return
    this.isVague = false
    this.probes++
    const sentAt = this.now()
    const isSent = connection.ping((answered) => {
      this.probes--
      // Any answer, even an error, proves that everything the node sent before `sentAt` has been read.
      if (answered) this.complete(sentAt)
    })
    if (!isSent) this.probes--
  }

  private complete(until: number): void {
    if (until > this.completeUntil) this.completeUntil = until
  }

  /** From now on reads payloads as bytes, because a listener wants them. The others get text made from the bytes. */
  readBytes(): void {
    this.asBytes = true
  }

  readonly wantsBytes = (): boolean => this.asBytes

  readonly kinds = ["", "p", "s"].flatMap((kind) => [`${kind}message`, `${kind}subscribe`, `${kind}unsubscribe`])

  readonly inResp2 = true

  readonly onPush = (kind: string, values: ReadonlyArray<Resp.Value>, head: Call | undefined): void => {
    switch (kind) {
      case "message":
        return this.deliverOne("channel", values[1], values[1], values[2])
      case "smessage":
        return this.deliverOne("shard", values[1], values[1], values[2])
      case "pmessage":
        return this.deliverOne("pattern", values[1], values[2], values[3])
      case "subscribe":
        return this.confirmed("channel", textOf(values[1]), head)
      case "psubscribe":
        return this.confirmed("pattern", textOf(values[1]), head)
      case "ssubscribe":
        return this.confirmed("shard", textOf(values[1]), head)
      case "unsubscribe":
        return this.ended("channel", textOf(values[1]), head)
      case "punsubscribe":
        return this.ended("pattern", textOf(values[1]), head)
      case "sunsubscribe":
        return this.ended("shard", textOf(values[1]), head)
    }
  }

  private deliverOne(kind: Kind, name: Resp.Value, channel: Resp.Value, payload: Resp.Value): void {
    this.deliver(kind, textOf(name), textOf(channel), [payload instanceof Uint8Array ? payload : textOf(payload)])
  }

  readonly onMany = (kind: string, name: string, payloads: ReadonlyArray<string>): void => {
    switch (kind) {
      case "message":
        return this.deliver("channel", name, name, payloads)
      case "smessage":
        return this.deliver("shard", name, name, payloads)
    }
  }

  private deliver(kind: Kind, name: string, channel: string, payloads: ReadonlyArray<string | Uint8Array>): void {
    const subscription = this.subscriptions[kind].get(name)
    if (subscription === undefined) return
    for (const topic of subscription.topics) {
      if (topic.isConfirmed) topic.deliver(channel, kind === "pattern" ? name : undefined, payloads)
    }
  }

  private confirmed(kind: Kind, name: string, head: Call | undefined): void {
    if (!(head instanceof Request) || !head.settle("subscribe", kind, name)) return
    this.complete(head.sentAt)
    this.held[kind].add(name)
    const subscription = this.subscriptions[kind].get(name)
    if (subscription === undefined || !this.isOpen(subscription, head)) return
    subscription.confirmed = true
    for (const topic of subscription.topics) this.owner.onConfirmed(topic, head.sentAt)
  }

  private ended(kind: Kind, name: string, head: Call | undefined): void {
    this.held[kind].delete(name)
    if (head instanceof Request) head.settle("unsubscribe", kind, name)
    const subscription = this.subscriptions[kind].get(name)
    // If the name was dropped and added again, and is not confirmed yet, this push answers the earlier UNSUBSCRIBE.
    if (subscription?.confirmed !== true) return
    this.forget(subscription)
    for (const topic of subscription.topics) this.owner.onRevoked(this, topic)
  }

  /** Connects, waits until the connection is lost, and connects again, until interrupted. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    const { connect } = this.owner
    const life = Effect.scoped(Effect.gen({ self: this }, function*() {
      const connection = yield* connect(this.address, this)
      const openedAt = this.now()
      this.open(connection)
      const error = yield* connection.closed
      this.lost(error)
      return { millis: this.now() - openedAt, error }
    }))
    return Reconnect.forever(life, this.owner.due(this.address), (error) => {
      this.isDown = true
      this.owner.onDown(this, error)
    })
  })

  private open(connection: Connection): void {
    this.connection = connection
    this.isDown = false
    this.flush()
  }

  private lost(error: RedisError): void {
    this.connection = undefined
    this.isVague = false
    for (const names of Object.values(this.held)) names.clear()
    for (const byName of Object.values(this.subscriptions)) {
      for (const subscription of byName.values()) {
        subscription.asked = undefined
        subscription.confirmed = false
        this.unasked.add(subscription)
      }
    }
    this.owner.onDown(this, error)
  }
}
