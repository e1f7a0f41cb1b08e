/**
 * Nodes that say what a test tells them to say, behind a `Connector`. They read and write real RESP bytes, keep nothing but
 * a journal, and know as much of a cluster as the table of slots that was declared.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Address from "../../src/Address.ts"
import * as Connector from "../../src/Connector.ts"
import * as RedisError from "../../src/RedisError.ts"
import * as Resp from "../../src/Resp.ts"
import { slotsReply } from "./slotsReply.ts"
import type { Slots, Zones } from "./slotsReply.ts"

export const { Reply } = Resp

/**
 * `"hold"` answers when the test says what, `"drop"` hangs up instead of answering. Several replies are what answers a
 * command that subscribes.
 */
export type Answer = Resp.Reply | ReadonlyArray<Resp.Reply> | "hold" | "drop"
export type Script = Answer | ((args: ReadonlyArray<string>, connection: ScriptedConnection) => Answer)

const utf8 = new TextEncoder()

/** What PING is answered by. */
export const pong = ([token]: ReadonlyArray<string>): Resp.Reply =>
  token === undefined ? Reply.simple("PONG") : Reply.bulk(token)

const isOwnPing = (name: string, [token]: ReadonlyArray<string>): boolean =>
  name === "PING" && token?.startsWith("redisc:") === true

export class ScriptedConnection implements Connector.Transport {
  readonly node: ScriptedNode
  /** What came, in order, each command as one line. The client's own PINGs are without their tokens. */
  readonly received: Array<string> = []
  /** How many commands each write brought. */
  readonly writes: Array<number> = []
  open = true
  /** Whether `write` answers that there is no room, until {@link drain}. */
  full = false
  private protocol: 2 | 3 = 2
  private readonly listener: Connector.Listener
  private readonly after: (millis: number, deliver: () => void) => void
  private readonly outbox: Array<{
    readonly name: string
    readonly args: ReadonlyArray<string>
    answer: Answer
    ready: boolean
  }> = []
  private readonly decoder = new Resp.Decoder({
    wantsBytes: () => false,
    onReply: (value) => this.receive((value as ReadonlyArray<string>).map(String)),
    onPush: () => {}
  })

  constructor(
    node: ScriptedNode,
    listener: Connector.Listener,
    after: (millis: number, deliver: () => void) => void
  ) {
    this.node = node
    this.listener = listener
    this.after = after
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    if (!this.open) return true
    const before = this.received.length
    for (const chunk of chunks) this.decoder.push(chunk)
    this.writes.push(this.received.length - before)
    return !this.full
  }

  drain(): void {
    this.full = false
    if (this.open) this.listener.onDrain()
  }

  private receive([first, ...rest]: ReadonlyArray<string>): void {
    this.received.push(isOwnPing(first, rest) ? first : [first, ...rest].join(" "))
    if (this.node.frozen) return
    const name = first.toUpperCase()
    const script = this.node.take(`${name} ${rest[0]?.toUpperCase()}`) ?? this.node.take(name)
    const answer = typeof script === "function" ? script(rest, this) : script
    const nothing = Reply.error(`ERR nothing is scripted for ${name}`)
    this.outbox.push({ name, args: rest, answer: answer ?? nothing, ready: answer !== "hold" })
    this.after(this.node.delay, () => this.flush())
  }

  /** How many commands have come and are not answered yet. */
  get unanswered(): number {
    return this.outbox.length
  }

  /** Answers the oldest command that was held. Later ones have waited behind it. */
  release(script: Script): void {
    const slot = this.outbox.find(({ ready }) => !ready)
    if (slot === undefined) throw new Error(`nothing is held on ${this.node.key}`)
    slot.answer = typeof script === "function" ? script(slot.args, this) : script
    slot.ready = true
    this.flush()
  }

  private flush(): void {
    while (this.open && this.outbox[0]?.ready === true) {
      const { answer, name } = this.outbox.shift()!
      if (answer === "drop") return this.drop()
      if (name === "HELLO" && (answer as Resp.Reply)._tag === "Map") this.protocol = 3
      const replies = Array.isArray(answer) ? answer as ReadonlyArray<Resp.Reply> : [answer as Resp.Reply]
      for (const reply of replies) this.send(reply)
    }
  }

  /** Sends bytes, asked for or not. */
  send(data: string | Uint8Array | Resp.Reply): void {
    const bytes = typeof data === "string"
      ? utf8.encode(data)
      : data instanceof Uint8Array
      ? data
      : Resp.encodeReply(data, this.protocol)
    const size = this.node.chunkSize
    for (let at = 0; at < bytes.length && this.open; at += size) {
      this.listener.onData(bytes.slice(at, at + size))
    }
  }

  /** Hangs up. */
  drop(problem = "the peer hung up"): void {
    if (!this.open) return
    this.open = false
    this.listener.onClose(problem)
  }
}

export class ScriptedNode {
  readonly key: string
  /** All that were ever accepted. */
  readonly connections: Array<ScriptedConnection> = []
  /** When somebody tried to connect, in milliseconds of the Clock. */
  readonly dialed: Array<number> = []
  /** What becomes of those who connect. */
  accepts: "all" | "none" | "neither" = "all"
  /** Reads, and answers nothing. */
  frozen = false
  /** Milliseconds of the Clock before each answer. */
  delay = 0
  /** Replies are cut into pieces of this many bytes. */
  chunkSize = Infinity
  /** This node's view, where it differs from the others'. */
  slots: Slots | undefined
  /** The zones that this node tells of, where it tells others. */
  zones: Zones | undefined
  state: "ok" | "fail" = "ok"
  epoch = 1
  private readonly scripts = new Map<string, Script>()
  private readonly next = new Map<string, Array<Script>>()

  constructor(key: string, shared: { slots: Slots; zones: Zones }) {
    this.key = key
    const ok = Reply.simple("OK")
    this.on("HELLO", Reply.map([[Reply.bulk("proto"), Reply.integer(3)]]))
    for (const name of ["AUTH", "CLIENT SETNAME", "CLIENT SETINFO", "CLIENT CAPA", "SELECT", "ASKING", "READONLY"]) {
      this.on(name, ok)
    }
    this.on("PING", pong)
    this.on("CLUSTER SLOTS", () => slotsReply(this.slots ?? shared.slots, this.zones ?? shared.zones))
    this.on("CLUSTER INFO", () => Reply.bulk(`cluster_state:${this.state}\r\ncluster_current_epoch:${this.epoch}\r\n`))
  }

  /** What is answered to a command from now on. `CLIENT SETINFO` and its like have names of two words. */
  on(name: string, script: Script): this {
    this.scripts.set(name, script)
    return this
  }

  /** What is answered once, before what {@link on} says. */
  once(name: string, ...scripts: ReadonlyArray<Script>): this {
    this.next.set(name, [...this.next.get(name) ?? [], ...scripts])
    return this
  }

  take(name: string): Script | undefined {
    return this.next.get(name)?.shift() ?? this.scripts.get(name)
  }

  /** The connections that are open now. */
  get live(): ReadonlyArray<ScriptedConnection> {
    return this.connections.filter(({ open }) => open)
  }

  /** The commands that came, without what is said by itself: greetings, pings and questions about the cluster. */
  get commands(): ReadonlyArray<string> {
    return this.connections.flatMap(({ received }) => received)
      .filter((line) => !/^(HELLO|CLIENT|PING|CLUSTER|AUTH|ROLE)\b/.test(line))
  }

  /** How often a command came. */
  count(line: string): number {
    return this.connections.flatMap(({ received }) => received).filter((each) => each === line).length
  }

  drop(): void {
    for (const connection of this.live) connection.drop()
  }
}

export class ScriptedCluster {
  slots: Slots
  /** The zones that CLUSTER SLOTS tells. */
  zones: Zones = {}
  readonly nodes = new Map<string, ScriptedNode>()

  constructor(slots: Slots) {
    this.slots = slots
    for (const [, , ...keys] of slots) for (const key of keys) this.node(key)
  }

  node(key: string): ScriptedNode {
    const known = this.nodes.get(key)
    if (known !== undefined) return known
    const node = new ScriptedNode(key, this)
    this.nodes.set(key, node)
    return node
  }

  /** How many connections are open, to all nodes. */
  get live(): number {
    return Array.from(this.nodes.values()).reduce((sum, node) => sum + node.live.length, 0)
  }

  /** How often nodes were asked for the slots. */
  get questions(): number {
    return Array.from(this.nodes.values()).reduce((sum, node) => sum + node.count("CLUSTER SLOTS"), 0)
  }

  readonly connector = Connector.Connector.of({
    secure: false,
    soon: queueMicrotask,
    open: (address, listener) =>
      Effect.acquireRelease(this.connect(address, listener), (connection) =>
        Effect.sync(() => {
          connection.open = false
        }), { interruptible: true })
  })

  private readonly connect = Effect.fnUntraced({ self: this }, function*(
    address: Address.Address,
    listener: Connector.Listener
  ) {
    const node = this.node(address.key)
    const clock = yield* Clock.Clock
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    node.dialed.push(clock.currentTimeMillisUnsafe())
    if (node.accepts === "neither") return yield* Effect.never
    if (node.accepts === "none") {
      return yield* new RedisError.RedisError({
        reason: new RedisError.ConnectionFailed({ problem: `${node.key} refused the connection` }),
        delivery: "NotSent",
        node: node.key,
        attempts: 0
      })
    }
    const connection = new ScriptedConnection(node, listener, (millis, deliver) => {
      if (millis === 0) queueMicrotask(deliver)
      else fork(Effect.andThen(Effect.sleep(millis), Effect.sync(deliver)))
    })
    node.connections.push(connection)
    return connection
  })

  /** Runs an effect on these nodes, with the same chance each time, so that counts don't depend on jitter. */
  readonly provide = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Connector.Connector>> =>
    Random.withSeed(Effect.provideService(self, Connector.Connector, this.connector), "redisc")
}

export const scriptedCluster = (slots: Slots): ScriptedCluster => new ScriptedCluster(slots)
