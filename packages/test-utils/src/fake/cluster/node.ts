/**
 * One simulated server: its data, its view of the cluster, its clients.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import { Databases } from "../data/databases.ts"
import { slotOf } from "../data/keyspace.ts"
import type { Change, EventKind, Listener } from "../data/keyspace.ts"
import type { Bin, CallOptions, Outcome, Session } from "../definitions/handler.ts"
import type { Resolved } from "../definitions/registry.ts"
import { defaultsOf } from "../facts/configTable.ts"
import type { Version } from "../facts/version.ts"
import * as Acl from "../session/acl.ts"
import * as Dispatch from "../session/dispatch.ts"
import * as Notifications from "../session/notifications.ts"
import type { ServingNode } from "../session/servingNode.ts"
import { ClientSession } from "../session/session.ts"
import type { Peer } from "../session/session.ts"
import { Tracking } from "../session/tracking.ts"
import * as ClusterState from "../topology/clusterState.ts"
import type { Endpoint, SlotFacts } from "../topology/redirect.ts"
import { toText } from "../values/binary.ts"
import type { World } from "./world.ts"

/** A command that was sent to a node. */
export interface Received {
  readonly at: number
  readonly connection: number
  readonly argv: ReadonlyArray<Bin>
}

const journalLength = 10_000

/** What stands for a key of a database, for those who wait for it. */
const placeOf = (key: Bin, database: number): Bin => `${database} ${key}`

/** The world of such nodes. */
export type FakeWorld = World<FakeNode>

/** The address of a node: its announced or its first one. */
export interface NodeAddress {
  readonly host: string
  readonly port: number
}

export interface NodeOptions {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly port: number
  /** The availability zone that it is started in. */
  readonly zone: Bin | undefined
  readonly view: ClusterState.View
  /** Settings that it starts with, in the place of those of its world. */
  readonly config?: ReadonlyMap<string, Bin> | undefined
}

/** A node. Its name, id and place in the cluster outlive a restart; its data, scripts and clients don't. */
export class FakeNode implements ServingNode<ClientSession>, Listener {
  readonly world: FakeWorld
  readonly version: Version
  readonly name: string
  readonly id: string
  /** The address that it announces. Its first address still leads to it too. */
  host: string
  port: number
  home: string
  readonly former = new Set<string>()
  private readonly firstZone: Bin | undefined
  private readonly firstConfig: ReadonlyMap<string, Bin>
  /** Its first address. */
  readonly first: NodeAddress
  process: "running" | "paused" | "stopped" = "running"
  /** The time since which the other nodes can't hear it. */
  silentSince = Infinity
  /** The round trip to its clients, in milliseconds. */
  latency = 0
  data: Databases
  view: ClusterState.View
  /** Without cluster mode: the address of its primary, by which the world finds it. Undefined for a primary. */
  following: NodeAddress | undefined
  readonly migrating = new Map<number, string>()
  readonly importing = new Map<number, string>()
  readonly sessions = new Set<ClientSession>()
  tracking: Tracking
  readonly users = new Map<Bin, Acl.User>()
  readonly config = new Map<string, Bin>()
  readonly journal: Array<Received> = []
  commandCount = 0
  connectionCount = 0
  startedAt: number
  hashSeed = 0
  /** How many keys its process has evicted. */
  evictions = 0
  /** How often its process has sent keys to other nodes, and how many keys it has received. */
  readonly traffic = { sent: 0, received: 0 }
  /** The id of its shard. Replicas take it from their primary. */
  shardId: string
  /** Whether keys that nobody touches expire as soon as somebody is to learn of it: DEBUG SET-ACTIVE-EXPIRE. */
  expiresActively = true
  /** The state of CLIENT PAUSE. */
  pause: { readonly until: number; readonly writesOnly: boolean } | undefined

  /** Those who wait for a key, by database and key. */
  private readonly blocked = new Map<Bin, Set<ClientSession>>()
  private readonly ready = new Map<Bin, Bin>()
  private locals = new Map<unknown, unknown>()
  private expiryTimer: (() => void) | undefined
  private expiryAt = Infinity

  constructor(world: FakeWorld, options: NodeOptions) {
    this.world = world
    this.version = world.settings.version
    this.name = options.name
    this.id = options.id
    this.host = options.host
    this.port = options.port
    this.home = `${options.host}:${options.port}`
    this.firstZone = options.zone
    this.firstConfig = options.config ?? world.settings.config
    this.first = { host: options.host, port: options.port }
    this.view = options.view
    this.startedAt = world.now()
    this.shardId = world.nextShardId()
    this.data = this.emptied()
    this.data.listeners.add(this)
    this.tracking = this.untracked()
    this.reset()
  }

  /** Resets settings and users to those at the start of a process. */
  private reset(): void {
    this.config.clear()
    for (const [name, value] of Object.entries(defaultsOf(this.version))) this.config.set(name, value)
    for (const [name, value] of this.firstConfig) this.config.set(name, value)
    if (this.firstZone !== undefined) this.config.set("availability-zone", this.firstZone)
    const password = this.config.get("requirepass")
    this.users.clear()
    this.users.set("default", Acl.defaultUser(password === "" ? undefined : password, this.version))
    this.locals = new Map()
    this.pause = undefined
    this.tracking = this.untracked()
    this.expiresActively = true
    this.evictions = 0
    this.hashSeed = this.world.nextHashSeed()
    Object.assign(this.traffic, { sent: 0, received: 0 })
  }

  private untracked(): Tracking {
    return new Tracking((id) => this.sessionWith(id), (task) => this.world.atEndOfTurn(task))
  }

  private emptied(): Databases {
    return new Databases(this.world.now, this.world.settings.databases)
  }

  // Its identity and state.

  get isClustered(): boolean {
    return this.world.settings.clustered
  }

  get isSentinel(): boolean {
    return false
  }

  get redirects(): boolean {
    return this.world.settings.redirects
  }

  get endpoint(): Endpoint {
    return { id: this.id, host: this.host, port: this.port }
  }

  /** The id of its process. */
  get runId(): string {
    return this.id.slice(8) + this.hashSeed.toString(16).padStart(8, "0")
  }

  /** Its availability zone; empty if it has none, undefined if it knows of none. */
  get zone(): Bin | undefined {
    return this.config.get("availability-zone")
  }

  get primaryId(): string | undefined {
    if (this.isClustered) return this.view.members.get(this.id)?.primary
    return this.following === undefined ? undefined : this.primary?.id
  }

  get isReplica(): boolean {
    return this.following !== undefined || this.primaryId !== undefined
  }

  /** The primary of its shard: itself, if it is one. */
  get primary(): FakeNode | undefined {
    if (this.following !== undefined) return this.world.at(this.following.host, this.following.port)
    const { primaryId } = this
    return primaryId === undefined ? this : this.world.byId.get(primaryId)
  }

  /** The address of its primary, if it is a replica: where that can be reached now. */
  get primaryAddress(): NodeAddress | undefined {
    return this.isReplica ? this.primary ?? this.following ?? { host: "", port: 0 } : undefined
  }

  /** Whether it receives the writes of its primary. */
  get isLinked(): boolean {
    const { primary } = this
    return primary !== undefined && primary !== this && primary.data === this.data && this.world.reaches(this, primary)
  }

  get clusterOk(): boolean {
    return !this.isClustered || ClusterState.isOk(this.view, this.config.get("cluster-require-full-coverage") !== "no")
  }

  /** Whether nothing passes between the node and its clients. */
  get isStalled(): boolean {
    return this.process !== "running" || this.world.isCut("client", this.name)
  }

  /** The slots that it owns in its own view, as ranges. */
  get ownRanges(): ReadonlyArray<ClusterState.Range> {
    return ClusterState.ranges(this.view).filter(({ owner }) => owner === this.id)
  }

  readonly peers = (): ReadonlyArray<FakeNode> =>
    !this.isClustered
      ? []
      : this.world.component(this).filter((node) => node !== this && this.view.members.has(node.id))

  readonly shardPeers = (): ReadonlyArray<FakeNode> => {
    if (!this.isClustered) return this.isReplica ? [] : this.copies
    const shard = this.primaryId ?? this.id
    return this.peers().filter((node) => node.id === shard || node.primaryId === shard)
  }

  /** The nodes that share its data, directly or through others. */
  get copies(): ReadonlyArray<FakeNode> {
    return Array.from(this.data.listeners, (node) => node as FakeNode).filter((node) => node !== this)
  }

  readonly slotFacts = (slot: number): SlotFacts => {
    const owner = this.view.owners[slot]
    const target = this.migrating.get(slot)
    return {
      owner: owner === undefined ? undefined : this.world.byId.get(owner)?.endpoint,
      migratingTo: target === undefined ? undefined : this.world.byId.get(target)?.endpoint,
      importing: this.importing.has(slot)
    }
  }

  /** Whether a command with this key is certain to be served here. A cheap check for the common case. */
  servesPlainly(key: Bin): boolean {
    const slot = slotOf(key)
    return this.view.owners[slot] === this.id && this.clusterOk && !this.migrating.has(slot) &&
      !this.importing.has(slot)
  }

  // Its clients.

  connect(peer: Peer): ClientSession {
    const session = new ClientSession(this.world.nextSessionId(), this, peer)
    this.sessions.add(session)
    this.connectionCount++
    return session
  }

  /** The connection with this id. */
  sessionWith(id: number): ClientSession | undefined {
    for (const session of this.sessions) if (session.id === id) return session
    return undefined
  }

  /** Handles a command of a client. */
  receive(session: ClientSession, argv: ReadonlyArray<Bin>): void {
    this.commandCount++
    this.journal.push({ at: this.world.now(), connection: session.id, argv })
    if (this.journal.length > 2 * journalLength) this.journal.splice(0, journalLength)
    const { mishaps, replies } = this.world
    let doing = "a predicate of the test"
    this.tracking.begin(session)
    try {
      session.way = mishaps.take(session, argv)
      const said = replies.take(session, argv)
      if (said !== undefined) return session.replyBytes(said(session.protocol))
      doing = argv[0].toUpperCase()
      Dispatch.dispatch(session, argv)
    } catch (problem) {
      session.reply(this.world.blame(doing, problem))
    } finally {
      session.way = undefined
      this.tracking.end()
    }
  }

  /** Whether CLIENT PAUSE makes a command wait. The session tries again when the pause ends. */
  holdsBack(session: ClientSession, argv: ReadonlyArray<Bin>): boolean {
    const { pause } = this
    if (pause === undefined || pause.until <= this.world.now()) return false
    if (argv[0].toUpperCase() === "CLIENT") return false
    if (pause.writesOnly) {
      try {
        const resolved = Dispatch.resolve(this, argv)
        const name = resolved.entry.name
        if (!Dispatch.writes(resolved) && !["EXEC", "PUBLISH", "SPUBLISH", "EVAL", "EVALSHA", "FCALL"].includes(name)) {
          return false
        }
      } catch {
        return false
      }
    }
    this.world.timers.after(pause.until - this.world.now(), () => this.world.schedule(session))
    return true
  }

  /** DEBUG SLEEP: serves no clients for a time. Whoever has sent it is answered first, and ends it. */
  sleep(millis: number): void {
    this.pause = { until: this.world.now() + millis + 2, writesOnly: false }
  }

  unpause(): void {
    this.pause = undefined
    for (const session of this.sessions) this.world.schedule(session)
  }

  readonly redirectionOf = (session: ClientSession, resolved: Resolved): string | undefined =>
    Dispatch.redirectionOf(session, [resolved])

  readonly served = Dispatch.rememberAfterWait

  readonly execute = (session: ClientSession, resolved: Resolved): Outcome => Dispatch.execute(session, resolved)

  readonly call = (session: Session, argv: ReadonlyArray<Bin>, options: CallOptions = {}): Resp.Reply =>
    Dispatch.call(session as ClientSession, argv, options)

  /** The keys of a command, for COMMAND GETKEYS. Throws the server's error for a wrong command. */
  readonly keysOf = (argv: ReadonlyArray<Bin>): ReadonlyArray<Bin> => Dispatch.keysOf(Dispatch.resolve(this, argv))

  readonly local = <T>(make: () => T): T => {
    if (!this.locals.has(make)) this.locals.set(make, make())
    return this.locals.get(make) as T
  }

  /** Advances the replication offset, which counts commands here instead of bytes. */
  readonly propagate = (): void => {
    this.world.replicated(this)
    // Replicas that share the data may have readers that block on it.
    for (const node of this.copies) node.afterCommand()
  }

  // Its data.

  /** Switches to other data: those of its primary, or a copy of its own. */
  adopt(data: Databases): void {
    if (data === this.data) return
    this.data.listeners.delete(this)
    this.data = data
    data.listeners.add(this)
  }

  readonly onChange = (key: Bin, database: number, change: Change): void => {
    if (change !== "found") this.tracking.invalidate(key, change)
    if (this.blocked.size === 0) return
    const place = placeOf(key, database)
    if (this.blocked.has(place)) this.ready.set(place, key)
  }

  readonly onFlush = (): void => this.tracking.invalidateAll()

  readonly onEvent = (key: Bin, event: string, kind: EventKind, database: number): void => {
    Notifications.notify(this, key, event, kind, database)
  }

  /** Serves the sessions that wait for touched keys, in the order in which they began to wait. */
  afterCommand(): void {
    while (this.ready.size > 0) {
      const [[place, key]] = this.ready
      this.ready.delete(place)
      for (const session of Array.from(this.blocked.get(place) ?? [])) session.retry(key)
    }
    if (this.blocked.size > 0 || this.tracking.isOn || Notifications.isOn(this)) this.watchExpiry()
  }

  /**
   * Sets a timer for the next expiry if a client caches, subscribes to `expired`, or waits in a group of a stream that will expire.
   * These have to learn of it on time, not at the next access to the key.
   */
  private watchExpiry(): void {
    if (!this.expiresActively) return
    const { nextExpiry } = this.data
    if (nextExpiry >= this.expiryAt || nextExpiry === Infinity) return
    this.expiryTimer?.()
    this.expiryAt = nextExpiry
    this.expiryTimer = this.world.timers.after(nextExpiry - this.world.now(), () => {
      this.expiryAt = Infinity
      if (!this.expiresActively) return
      this.data.expireDue()
      this.afterCommand()
    })
  }

  awaitKeys(session: ClientSession, keys: ReadonlyArray<Bin>): void {
    for (const key of keys) {
      const place = placeOf(key, session.database)
      const waiting = this.blocked.get(place)
      if (waiting === undefined) this.blocked.set(place, new Set([session]))
      else waiting.add(session)
    }
  }

  forgetKeys(session: ClientSession, keys: ReadonlyArray<Bin>): void {
    for (const key of keys) {
      const place = placeOf(key, session.database)
      const waiting = this.blocked.get(place)
      if (waiting?.delete(session) === true && waiting.size === 0) this.blocked.delete(place)
    }
  }

  get blockedClients(): number {
    let count = 0
    for (const session of this.sessions) if (session.blocked) count++
    return count
  }

  // Its process.

  /** Ends the process: connections, data, scripts and users are lost. */
  kill(): void {
    this.process = "stopped"
    this.silentSince = Math.min(this.silentSince, this.world.now())
    for (const session of Array.from(this.sessions)) session.drop("the connection was reset by the node")
    this.expiryTimer?.()
    this.expiryAt = Infinity
    this.adopt(this.emptied())
    this.reset()
  }

  /** Starts the process again. Only the id and the view of the cluster remain. */
  start(): void {
    this.process = "running"
    this.silentSince = Infinity
    this.startedAt = this.world.now()
    this.commandCount = 0
    this.connectionCount = 0
  }

  /** The commands that it was sent, oldest first, as text. At most the last ten thousand are kept. */
  journalText(): ReadonlyArray<
    { readonly at: number; readonly connection: number; readonly command: ReadonlyArray<string> }
  > {
    return this.journal.slice(-journalLength).map(({ argv, at, connection }) => ({
      at,
      connection,
      command: argv.map(toText)
    }))
  }
}
