/**
 * One client's connection to a node: its state, its waiting commands, and the bytes on their way back.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace, Watcher } from "../data/keyspace.ts"
import type { Bin, Block, Session, Subscriptions } from "../definitions/handler.ts"
import type { Resolved } from "../definitions/registry.ts"
import { toBytes } from "../values/binary.ts"
import { CommandError } from "../values/commandError.ts"
import type { User } from "./acl.ts"
import type { Arrival, Way } from "./interventions.ts"
import type { ServingNode } from "./servingNode.ts"
import type { Following, Reader } from "./tracking.ts"
import { BrokenRequest, encode, Requests } from "./wire.ts"

/** The client's end of the connection. */
export interface Peer {
  /** `host:port`, for CLIENT LIST. */
  readonly address: string
  readonly onData: (bytes: Uint8Array) => void
  readonly onClose: (problem: string) => void
}

/** The commands queued since MULTI. */
export interface Transaction {
  readonly queued: Array<Resolved>
  /** Whether a command could not be queued, so that EXEC will refuse. */
  broken: boolean
}

interface Parked extends Resolved {
  readonly block: Block
  readonly cancel: () => void
  readonly way: Way | undefined
}

/** A connection as the server keeps it. */
export class ClientSession implements Session, Reader {
  readonly id: number
  readonly node: ServingNode<ClientSession>
  readonly peer: Peer
  readonly openedAt: number
  readonly subscriptions: Subscriptions = { channels: new Set(), patterns: new Set(), shardChannels: new Set() }
  mayBlock = true
  readonly watcher: Watcher = { dirty: false }
  protocol: 2 | 3 = 2
  /** Undefined until AUTH, if the default user has a password. */
  user: User | undefined
  name: Bin = ""
  database = 0
  asking = false
  readOnly = false
  /** Whether it has said CLIENT CAPA redirect, which RESET doesn't undo. */
  follows = false
  noEvict = false
  noTouch = false
  /** What it has asked for by CLIENT TRACKING. */
  following: Following | undefined = undefined
  /** The kind of endpoints to announce to the client, if it has asked for announcements. */
  announcesTo: string | undefined = undefined
  /** The library's name and version, from CLIENT SETINFO. */
  readonly library = { name: "", version: "" }
  replyMode: "on" | "off" | "skip" = "on"
  transaction: Transaction | undefined
  lastCommand = "NULL"
  /** The command that is being executed, or was last, other than by a script. */
  running: Resolved | undefined
  readonly inScript: boolean | undefined = undefined
  /** The session itself: also for a script, which has it with other properties. */
  readonly origin: ClientSession = this
  lastAt: number
  closed = false
  /** The test's intervention for the replies of the command that is being executed. */
  way: Way | undefined

  private readonly requests = new Requests(() => this.user !== undefined)
  private readonly locals = new Map<unknown, unknown>()
  private readonly closers: Array<() => void> = []
  private watching: Array<{ readonly keyspace: Keyspace; readonly key: Bin }> = []
  private parked: Parked | undefined
  private out: Bin = ""
  /** Output from before `out` that has a delay of its own, or that was dropped. */
  private said: Array<Arrival> = []
  private unread = false
  /** A command held back by CLIENT PAUSE. */
  private held: ReadonlyArray<Bin> | undefined
  private closing: string | undefined
  private cutAfter = Infinity
  /** Deliveries under way on the simulated network, in order. `arrival` is the time of the last one. */
  private readonly inTransit: Array<() => void> = []
  private arrival = 0

  constructor(id: number, node: ServingNode<ClientSession>, peer: Peer) {
    this.id = id
    this.node = node
    this.peer = peer
    this.openedAt = this.lastAt = node.world.now()
    const user = node.users.get("default")
    this.user = user?.enabled === true && user.nopass ? user : undefined
  }

  get keys(): Keyspace {
    return this.node.data.at(this.database)
  }

  get blocked(): boolean {
    return this.parked !== undefined
  }

  get subscriptionCount(): number {
    const { channels, patterns, shardChannels } = this.subscriptions
    return channels.size + patterns.size + shardChannels.size
  }

  /** Whether nothing gets through: the node is stopped, or the network between it and its clients is cut. */
  private get stalled(): boolean {
    return this.node.isStalled
  }

  // Called by the client's end.

  receive(chunk: Uint8Array): void {
    if (this.closed) return
    this.requests.push(chunk)
    this.unread = true
    this.node.world.schedule(this)
  }

  /** The client has closed the connection. */
  hangUp(): void {
    this.end()
  }

  // Called by the node.

  /** Executes the commands that have arrived, until one blocks. */
  pump(): void {
    try {
      while (!this.closed && !this.stalled && this.parked === undefined && this.closing === undefined) {
        const argv = this.held ?? this.nextRequest()
        if (argv === undefined) return
        this.held = undefined
        if (this.node.holdsBack(this, argv)) {
          this.held = argv
          return
        }
        this.lastAt = this.node.world.now()
        this.node.receive(this, argv)
      }
    } catch (problem) {
      if (!(problem instanceof BrokenRequest)) throw problem
      this.reply(Resp.Reply.error(problem.message))
      this.closeAfterReply("the server closed the connection after a protocol error")
    }
  }

  private nextRequest(): ReadonlyArray<Bin> | undefined {
    if (!this.unread) return undefined
    const argv = this.requests.next()
    if (argv === undefined) this.unread = false
    return argv
  }

  /** Replies to the command that is being executed. */
  reply(reply: Resp.Reply): void {
    this.replyBytes(encode(reply, this.protocol, this.node.version))
  }

  /** Replies with the test's bytes. */
  replyBytes(bytes: Bin): void {
    if (this.replyMode === "off") return
    if (this.replyMode === "skip") {
      this.replyMode = "on"
      return
    }
    this.say(bytes)
  }

  readonly send = (reply: Resp.Reply): void => this.say(encode(reply, this.protocol, this.node.version))

  /** Sends bytes, as a reply or unasked. */
  say(bytes: Bin): void {
    if (this.closed) return
    if (this.way === undefined) this.out += bytes
    else {
      this.said.push({ bytes: this.out, delay: 0 }, this.arrivalOf(bytes, this.way))
      this.out = ""
    }
    this.node.world.schedule(this)
  }

  private arrivalOf(bytes: Bin, way: Way): Arrival {
    try {
      return way(bytes)
    } catch (problem) {
      return { bytes: encode(this.node.world.blame("the mishap", problem), this.protocol, this.node.version), delay: 0 }
    }
  }

  /** Sends all output on its way to the client. */
  flush(): void {
    if (this.closed || this.stalled || (this.out === "" && this.said.length === 0)) return
    const said = [...this.said, { bytes: this.out, delay: 0 }]
    this.said = []
    this.out = ""
    for (const arrival of said) if (arrival.bytes !== "") this.deliver(arrival)
    const problem = this.closing
    if (problem !== undefined) this.carry(() => this.drop(problem))
  }

  private deliver({ bytes: out, delay }: Arrival): void {
    if (out.length < this.cutAfter) {
      this.cutAfter -= out.length
      const bytes = toBytes(out)
      return this.carry(() => this.peer.onData(bytes), delay)
    }
    const bytes = toBytes(out.slice(0, this.cutAfter))
    this.carry(() => {
      if (bytes.length > 0) this.peer.onData(bytes)
      this.drop("the connection was cut in the middle of a reply")
    }, delay)
  }

  private carry(arrive: () => void, delay = 0): void {
    const { latency, world } = this.node
    if (latency + delay === 0 && this.inTransit.length === 0) return arrive()
    const now = world.now()
    this.arrival = Math.max(this.arrival, now + latency + delay)
    this.inTransit.push(arrive)
    // By a rounding error, timers of nearly the same time may fire in another order. Bytes don't overtake each other, so each
    // timer delivers the first in the queue.
    world.timers.after(this.arrival - now, () => {
      const first = this.inTransit.shift()
      if (!this.closed) first?.()
    })
  }

  /** Ends the connection after the given number of further bytes of replies. */
  cut(afterBytes: number): void {
    if (afterBytes <= 0) this.drop("the connection was dropped")
    else this.cutAfter = afterBytes
  }

  /**
   * Ends the connection after QUIT or a protocol error, once all output has arrived. Without any output (CLIENT REPLY OFF) it
   * stays open.
   */
  closeAfterReply(problem: string): void {
    this.closing ??= problem
    this.node.world.schedule(this)
  }

  /** Ends the connection at once, and calls the client's `onClose`. */
  drop(problem: string): void {
    if (this.closed) return
    this.end()
    this.peer.onClose(problem)
  }

  private end(): void {
    if (this.closed) return
    this.closed = true
    this.unpark()
    this.unwatch()
    this.node.tracking.leave(this)
    for (const close of this.closers) close()
    this.node.sessions.delete(this)
  }

  readonly onClose = (callback: () => void): void => {
    this.closers.push(callback)
  }

  readonly local = <T>(make: () => T): T => {
    if (!this.locals.has(make)) this.locals.set(make, make())
    return this.locals.get(make) as T
  }

  readonly checkChannel = (name: Bin, literal: boolean): void => {
    const refusal = this.user?.refusal({ command: "PING", keys: [], write: false, channels: [{ name, literal }] })
    if (refusal?.includes("channels") === true) throw new CommandError(refusal)
  }

  // WATCH

  watch(key: Bin): void {
    const { keys: keyspace } = this
    if (this.watching.some((watched) => watched.key === key && watched.keyspace === keyspace)) return
    keyspace.watch(key, this.watcher)
    this.watching.push({ keyspace, key })
  }

  get watchCount(): number {
    return this.watching.length
  }

  unwatch(): void {
    for (const { key, keyspace } of this.watching) keyspace.unwatch(key, this.watcher)
    this.watching = []
    this.watcher.dirty = false
  }

  /**
   * Whether EXEC has to reply nil. Keys that have expired in the meantime count as changed, and so does new data after a
   * resync.
   */
  get watchFailed(): boolean {
    for (const { key, keyspace } of this.watching) keyspace.get(key)
    return this.watcher.dirty || this.watching.some(({ keyspace }) => !this.node.data.holds(keyspace))
  }

  // Blocking commands

  park(resolved: Resolved, block: Block): void {
    const cancel = this.node.world.timers.after(block.timeout, () => this.unblock(block.onTimeout))
    this.parked = { ...resolved, block, cancel, way: this.way }
    this.node.awaitKeys(this, block.keys)
  }

  /** One of its keys was touched: replies, or goes on waiting. */
  retry(written?: Bin): void {
    if (this.parked === undefined) return
    let reply: Resp.Reply | undefined
    try {
      reply = this.parked.block.retry(written)
    } catch (problem) {
      reply = problem instanceof CommandError
        ? Resp.Reply.error(problem.text)
        : this.node.world.blame(this.parked.entry.name, problem)
    }
    if (reply === undefined) return
    this.node.served(this, this.parked)
    this.unblock(reply)
  }

  /** Ends what CLIENT CACHING has said. */
  forgetCaching(): void {
    if (this.following !== undefined) this.following.caching = false
  }

  /** Checks a waiting command again, after its slot moved or the cluster went down. */
  recheck(): void {
    if (this.parked === undefined) return
    const text = this.node.redirectionOf(this, this.parked)
    if (text !== undefined) this.unblock(Resp.Reply.error(text))
  }

  /** Ends the wait as at its timeout, for CLIENT UNBLOCK. */
  timeOut(): void {
    if (this.parked !== undefined) this.unblock(this.parked.block.onTimeout)
  }

  unblock(reply: Resp.Reply): void {
    if (this.parked === undefined) return
    const { way } = this.parked
    this.unpark()
    this.way = way
    this.reply(reply)
    this.way = undefined
    this.forgetCaching()
    this.node.world.schedule(this)
  }

  private unpark(): void {
    if (this.parked === undefined) return
    this.parked.cancel()
    this.node.forgetKeys(this, this.parked.block.keys)
    this.parked = undefined
  }

  /** RESET: restores the state of a new connection. */
  reset(): void {
    this.transaction = undefined
    this.unwatch()
    this.node.tracking.leave(this)
    this.asking = false
    this.readOnly = false
    this.noEvict = false
    this.noTouch = false
    this.announcesTo = undefined
    this.replyMode = "on"
    this.name = ""
    this.database = 0
    this.protocol = 2
    const user = this.node.users.get("default")
    this.user = user?.enabled === true && user.nopass ? user : undefined
  }
}
