/**
 * Manages all subscriptions of a program: the topics that have listeners, and the node at which each topic is subscribed. It
 * compares the two, and moves topics, whenever something happens (a listener comes or goes, a connection is lost, slots move,
 * a node leaves), and also at a fixed interval.
 *
 * Classic channels and patterns can be subscribed at any node. All of them are subscribed at one node, the home, so that
 * messages of one publisher keep their order. Sharded channels are subscribed at the primary of their slot.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import type * as NodePool from "../../NodePool.ts"
import { InvalidArgument } from "../../RedisError.ts"
import type { Moved, RedisError } from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import type * as Topology from "../../Topology.ts"
import type { Connection } from "../connection/connection.ts"
import type { PushListener } from "../connection/pushes.ts"
import { toError, unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { isPassing, SubscriptionConnection } from "./subscriptionConnection.ts"
import { Topic } from "./topic.ts"
import type { Kind, Listener, Place } from "./topic.ts"

export interface HubOptions {
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly topology: Topology.Topology["Service"]
  readonly pool: NodePool.NodePool["Service"]
  readonly locate: Topology.Topology["Service"]["locate"]
  /** Reports a problem that prevents a subscription for now. The hub tries again. */
  readonly tell: (error: RedisError) => void
  readonly confirmTimeout: number
  readonly connect: (
    address: Address,
    listener: PushListener
  ) => Effect.Effect<Connection, RedisError, Scope.Scope>
}

/** A topic that is subscribed at every primary. */
export interface Everywhere {
  readonly kind: Kind
  readonly name: string
  readonly listener: Listener
  /** The topic at each primary, by the key of the primary's address. */
  readonly topics: Map<string, Topic>
}

/** How often all topics are compared without a reason, in milliseconds. */
const period = 1000
/** How long to wait after a refusal before trying again, in milliseconds. */
const pause = 100

export class Hub {
  private readonly options: HubOptions
  private readonly topics = new Map<string, Topic>()
  private readonly connections = new Map<
    string,
    { readonly at: SubscriptionConnection; readonly scope: Scope.Closeable }
  >()
  private readonly everywhere = new Set<Everywhere>()
  /** When the map was learnt for which `follow` last ran. */
  private learntAt: number
  /** The key of the address of the node at which the classic topics are subscribed. */
  private home: string | undefined
  /** The home does not change before this time, even if it is down. */
  private movableAt = -Infinity
  /** How often the home has changed since it was well for a while. */
  private moves = 0
  private turn = 0
  private waking = false
  /** Whether the next `reconcile` looks at all topics or only at `fresh`, the new ones. */
  private all = false
  private readonly fresh = new Set<Topic>()
  private pausing = false
  private watching = false
  private lastLost: { readonly node: string; readonly at: number } | undefined
  private ended: RedisError | undefined

  constructor(options: HubOptions) {
    this.options = options
    this.learntAt = options.topology.learntAt()
  }

  /** Adds a listener to a topic. The first listener of a topic makes the client subscribe. */
  listen(kind: Kind, name: string, listener: Listener, pin?: Address): Topic {
    const made = new Topic(kind, name, pin)
    if (this.ended !== undefined) {
      listener.onFailure(this.ended)
      return made
    }
    const topic = this.topics.get(made.key) ?? made
    this.topics.set(topic.key, topic)
    topic.add(listener)
    if (listener.bytes) topic.at?.readBytes()
    this.watch()
    if (topic.at === undefined) {
      this.fresh.add(topic)
      this.wakeSoon()
    }
    return topic
  }

  /** Removes a listener. The last one of a topic makes the client unsubscribe, and close the connection if it is unused. */
  leave(topic: Topic, listener: Listener): void {
    topic.remove(listener)
    if (topic.listeners.size > 0) return
    this.forget(topic)
    this.drop(topic)
  }

  private forget(topic: Topic): void {
    if (this.topics.get(topic.key) === topic) this.topics.delete(topic.key)
    this.fresh.delete(topic)
    if (this.topics.size === 0) this.home = undefined
  }

  /** Listens to a topic at every primary, as the map changes: for events that each node publishes only of itself. */
  listenEverywhere(kind: Kind, name: string, listener: Listener): Everywhere {
    const everywhere: Everywhere = { kind, name, listener, topics: new Map() }
    this.everywhere.add(everywhere)
    this.follow(everywhere, this.options.topology.currentUnsafe(), undefined)
    return everywhere
  }

  leaveEverywhere(everywhere: Everywhere): void {
    this.everywhere.delete(everywhere)
    for (const topic of everywhere.topics.values()) this.leave(topic, everywhere.listener)
  }

  /** Makes the hub look at all topics at the end of this tick. */
  wake(): void {
    this.all = true
    this.wakeSoon()
  }

  private wakeSoon(): void {
    if (this.waking || this.ended !== undefined) return
    this.waking = true
    queueMicrotask(() => {
      this.waking = false
      if (this.ended === undefined) this.reconcile()
    })
  }

  /** Fails all listeners. The connections are closed by their scope. */
  end(error: RedisError): void {
    this.ended = error
    const topics = Array.from(this.topics.values())
    this.topics.clear()
    this.everywhere.clear()
    for (const topic of topics) fail(topic, error)
  }

  /**
   * Reports that a node is lost, or was lost for a while, since `from`. Messages published there may not have reached the
   * other nodes, so classic topics have a gap although no subscription was lost.
   */
  nodeLost(node: string, from: number): void {
    const now = this.options.clock.currentTimeMillisUnsafe()
    // All connections to a node are lost at the same time. One gap for all of them is enough.
    if (this.lastLost?.node === node && this.lastLost.at === now) return
    this.lastLost = { node, at: now }
    for (const topic of this.topics.values()) topic.nodeLost(node, from, now)
  }

  /** Subscribes at new primaries and leaves former ones. A new primary's messages since `newSince` count as missed. */
  private follow(
    { kind, listener, name, topics }: Everywhere,
    map: SlotMap.SlotMap,
    newSince: number | undefined
  ): void {
    const primaries = new Map(
      map.shards.flatMap(({ primary }) =>
        primary === undefined ? [] : [[primary.address.key, primary.address] as const]
      )
    )
    for (const [key, topic] of topics) {
      if (primaries.has(key)) continue
      topic.abandon("the node is no primary any more", this.options.clock.currentTimeMillisUnsafe())
      topics.delete(key)
      this.leave(topic, listener)
    }
    for (const [key, address] of primaries) {
      if (topics.has(key)) continue
      const topic = this.listen(kind, name, listener, address)
      if (newSince !== undefined) topic.missing(key, newSince, listener)
      topics.set(key, topic)
    }
  }

  private reconcile(): void {
    const { topology } = this.options
    const map = topology.currentUnsafe()
    const learntAt = topology.learntAt()
    if (this.all) {
      for (const everywhere of this.everywhere) this.follow(everywhere, map, this.learntAt)
      this.learntAt = learntAt
    }
    const topics = Array.from(this.all ? this.topics.values() : this.fresh)
    this.all = false
    this.fresh.clear()
    const now = this.options.clock.currentTimeMillisUnsafe()
    let home: { readonly address: Address | undefined } | undefined
    for (const topic of topics) {
      if (topic.pausedUntil > now) {
        this.wakeLater()
        continue
      }
      const target = topic.pin ?? (topic.kind === "shard"
        ? SlotMap.shardOf(map, topic.slot)?.primary?.address
        : (home ??= { address: this.homeIn(map, now) }).address)
      if (target === undefined) topology.requestRefresh()
      else if (topic.at?.address.key !== target.key) this.move(topic, target)
      else if (topic.isConfirmed) topic.owned(learntAt)
    }
    for (const { at } of this.connections.values()) at.flush()
  }

  private move(topic: Topic, target: Address): void {
    // Unsubscribe before subscribing elsewhere: with both subscriptions, messages would arrive twice.
    topic.leave()
    this.drop(topic)
    topic.at = this.connectionTo(target)
    topic.at.want(topic)
  }

  /**
   * Chooses the node of the classic topics. They stay at the current one while it is up, or if no other node is. After a
   * change, the next one waits for a pause, so that nodes that all fail at once are not tried in a tight loop; for a longer
   * pause each time that all nodes have been tried.
   */
  private homeIn(map: SlotMap.SlotMap, now: number): Address | undefined {
    const online = Array.from(map.nodes.values()).filter(({ health }) => health === "online")
    // Keep a connection to every primary, to notice when one is lost: messages published there then no longer arrive here.
    for (const { address, role } of online) if (role === "primary") this.options.pool.node(address).connect()
    const { pool } = this.options
    const isWell = (address: Address): boolean =>
      !(this.connections.get(address.key)?.at.isDown ??
        (pool.nodes().get(address.key)?.isLost() === true || pool.backoff(address).isPausing()))
    const current = online.find(({ address }) => address.key === this.home)?.address
    if (current !== undefined && isWell(current)) {
      if (now >= this.movableAt + period) this.moves = 0
      return current
    }
    const well = online.filter(({ address }) => isWell(address))
    if (current !== undefined && well.length === 0) return current
    if (current !== undefined && now < this.movableAt) {
      this.wakeLater()
      return current
    }
    const primaries = well.filter(({ role }) => role === "primary")
    const candidates = [primaries, well, online].find(({ length }) => length > 0) ?? []
    const chosen = candidates[this.turn++ % candidates.length]?.address
    if (current !== undefined) {
      const rounds = Math.floor(this.moves++ / online.length)
      this.movableAt = now + Math.min(pause * 2 ** rounds, period)
    }
    this.home = chosen?.key
    return chosen
  }

  private connectionTo(address: Address): SubscriptionConnection {
    const known = this.connections.get(address.key)
    if (known !== undefined) return known.at
    const { clock, confirmTimeout, connect, pool } = this.options
    const at = new SubscriptionConnection(address, {
      clock,
      confirmTimeout,
      connect,
      due: (address) => Effect.suspend(() => pool.backoff(address).due),
      onConfirmed: this.onConfirmed,
      onRefused: this.onRefused,
      onRevoked: this.onRevoked,
      onDown: this.onDown
    })
    const scope = Scope.forkUnsafe(this.options.scope)
    this.connections.set(address.key, { at, scope })
    Fiber.runIn(this.options.fork(at.run), scope)
    return at
  }

  private drop(topic: Topic): void {
    const { at } = topic
    topic.at = undefined
    topic.isConfirmed = false
    if (at === undefined) return
    at.drop(topic)
    this.closeIfEmpty(at)
  }

  private closeIfEmpty(at: Place): void {
    const known = this.connections.get(at.address.key)
    if (!at.isEmpty || known?.at !== at) return
    this.connections.delete(at.address.key)
    this.options.fork(Scope.close(known.scope, Exit.void))
  }

  private readonly onConfirmed = (topic: Topic, askedAt: number): void => {
    if (topic.kind === "shard" && topic.at !== undefined) {
      this.options.topology.serves(topic.slot, topic.at.address.key)
    }
    topic.confirm(askedAt, this.options.clock.currentTimeMillisUnsafe())
  }

  private readonly onRevoked = (at: SubscriptionConnection, topic: Topic): void => {
    topic.revoke()
    topic.at = undefined
    this.closeIfEmpty(at)
    this.options.topology.requestRefresh()
    this.wake()
  }

  private readonly onRefused = (
    at: SubscriptionConnection,
    topics: ReadonlyArray<Topic>,
    failure: Failure
  ): void => {
    for (const topic of topics) topic.at = undefined
    this.closeIfEmpty(at)
    const { topology } = this.options
    switch (failure.reason._tag) {
      case "Moved": {
        const target = this.redirected(failure.reason, failure.node)
        // Follow the first redirect at once. Pause after more: two nodes may redirect to each other for a while.
        this.pause(topics.filter(({ refusals }) => target === undefined || refusals > 0))
        break
      }
      case "Ask":
      case "ClusterDown":
      case "ConnectionLost":
      case "Overloaded":
      case "TryAgain":
        topology.requestRefresh()
        this.pause(topics)
        break
      default: {
        if (isPassing(failure.reason)) {
          this.pause(topics)
          break
        }
        const error = toError(failure)
        for (const topic of topics) {
          this.forget(topic)
          fail(topic, error)
        }
        return
      }
    }
    for (const topic of topics) topic.refusals++
    this.wake()
  }

  /** Patches the map after a MOVED. Returns the new owner, or `undefined` if the reply names no other node. */
  private redirected({ address, slot }: Moved, node: string | undefined): Address | undefined {
    const { fork, locate, tell, topology } = this.options
    const located = locate(address, node)
    const target = Result.getOrUndefined(located)
    if (Result.isFailure(located)) {
      const { failure } = located
      tell(unsent(typeof failure === "string" ? new InvalidArgument({ problem: failure }) : failure))
    }
    if (target === undefined || target.key === node) {
      if (node !== undefined) fork(topology.disclaim(slot, node))
      topology.requestRefresh()
      return undefined
    }
    fork(topology.patch(slot, target, node))
    return target
  }

  private pause(topics: ReadonlyArray<Topic>): void {
    const until = this.options.clock.currentTimeMillisUnsafe() + pause
    for (const topic of topics) topic.pausedUntil = until
  }

  private readonly onDown = (at: SubscriptionConnection, error: RedisError): void => {
    for (const topic of this.topics.values()) if (topic.at === at) topic.lose(error.reason.message)
    this.options.topology.requestRefresh()
    this.wake()
  }

  private wakeLater(): void {
    if (this.pausing) return
    this.pausing = true
    const later = Effect.andThen(
      Effect.sleep(pause),
      Effect.sync(() => {
        this.pausing = false
        this.wake()
      })
    )
    Fiber.runIn(this.options.fork(later), this.options.scope)
  }

  /** Looks at all topics at a fixed interval, as long as there are any. */
  private watch(): void {
    if (this.watching) return
    this.watching = true
    const look = Effect.andThen(
      Effect.sleep(period),
      Effect.sync(() => {
        this.watching = this.topics.size > 0
        for (const { at } of this.connections.values()) at.check()
        this.wake()
      })
    )
    Fiber.runIn(this.options.fork(Effect.repeat(look, { until: () => !this.watching })), this.options.scope)
  }
}

const fail = ({ listeners }: Topic, error: RedisError): void => {
  for (const listener of Array.from(listeners)) listener.onFailure(error)
}
