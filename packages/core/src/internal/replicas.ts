/**
 * Which node of a shard answers a read, and what is known about the fitness of replicas.
 *
 * Nodes that reads may go to are asked for their ROLE about once a second, and only while they are read from: no timer
 * runs here. One answer tells the round trip, whether a replica hears its primary, and how far it has followed it.
 *
 * Source: https://redis.io/docs/latest/commands/role/
 */
import type * as Clock from "effect/Clock"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import type * as NodePool from "../NodePool.ts"
import type { ReadFrom } from "../ReadFrom.ts"
import * as Resp from "../Resp.ts"
import type * as SlotMap from "../SlotMap.ts"
import { Call } from "./call.ts"
import * as Reply from "./reply.ts"

const ROLE = Command.make(CommandSpec.get("ROLE"), [], Reply.raw)

/** How long an answer counts, and how long a node may take to give it, in milliseconds. */
const probeInterval = 1000
/** How many samples of what a primary has written are kept for the span of the greatest lag. */
const samples = 32
/** How much of a newer round trip goes into the average. */
const weight = 0.3

/** What a primary had written to its replication stream, and when. */
interface Written {
  readonly at: number
  readonly offset: number
}

class Health {
  /** Passed over until it answers well again. */
  unfit = false
  /** The average round trip in milliseconds, once it is measured. */
  roundTrip: number | undefined
  probedAt = -Infinity
  probing = false
  /** Of a primary, the oldest first. */
  written: ReadonlyArray<Written> = []
}

class Probe extends Call {
  private readonly settle: (role: Resp.Value | undefined) => void

  constructor(deadline: number, settle: (role: Resp.Value | undefined) => void) {
    super(ROLE, false, deadline)
    this.settle = settle
  }

  onReply(value: Resp.Value): void {
    this.settle(value instanceof Resp.ReplyError ? undefined : value)
  }

  onFailure(): void {
    this.settle(undefined)
  }
}

export class Replicas {
  private readonly pool: NodePool.NodePool["Service"]
  private readonly clock: Clock.Clock
  private readonly maxLag: number
  private readonly healths = new WeakMap<NodePool.Node, Health>()
  private turn = 0

  constructor(pool: NodePool.NodePool["Service"], clock: Clock.Clock, maxLag: number) {
    this.pool = pool
    this.clock = clock
    this.maxLag = maxLag
  }

  /** Who answers a read of a shard. Undefined when nobody may. */
  choose({ primary, replicas }: SlotMap.Shard, readFrom: ReadFrom): NodePool.Node | undefined {
    const owner = primary === undefined ? undefined : this.pool.node(primary.address)
    const readers = replicas.map(({ address }) => this.pool.reader(address))
    const now = this.clock.currentTimeMillisUnsafe()
    if (owner !== undefined) this.probe(owner, undefined, now)
    for (const reader of readers) this.probe(reader, owner, now)
    const fit = readers.filter((reader) => !reader.isDown() && !this.healthOf(reader).unfit)
    switch (readFrom) {
      case "primary":
        return owner
      // Where nobody else may answer, an unfit one is better than none: it may have got well since.
      case "replica":
        return this.next(fit.length > 0 ? fit : readers)
      case "preferReplica":
        return this.next(fit) ?? owner
      case "any":
        return this.next(owner === undefined || owner.isDown() ? fit : [owner, ...fit]) ?? owner
      case "nearest":
        return this.nearest(owner === undefined || owner.isDown() ? fit : [owner, ...fit]) ?? owner
    }
  }

  /** Passes a replica over until it is known to be well again. */
  eject(node: string): void {
    const reader = this.pool.readers().get(node)
    const health = reader === undefined ? undefined : this.healths.get(reader)
    if (health !== undefined) health.unfit = true
  }

  private next(nodes: ReadonlyArray<NodePool.Node>): NodePool.Node | undefined {
    return nodes[this.turn++ % nodes.length]
  }

  private nearest(nodes: ReadonlyArray<NodePool.Node>): NodePool.Node | undefined {
    let best: NodePool.Node | undefined
    let shortest = Infinity
    for (const node of nodes) {
      const { roundTrip } = this.healthOf(node)
      if (roundTrip === undefined || roundTrip >= shortest) continue
      best = node
      shortest = roundTrip
    }
    return best ?? this.next(nodes)
  }

  private healthOf(node: NodePool.Node): Health {
    let health = this.healths.get(node)
    if (health === undefined) {
      health = new Health()
      this.healths.set(node, health)
    }
    return health
  }

  private probe(node: NodePool.Node, primary: NodePool.Node | undefined, now: number): void {
    const health = this.healthOf(node)
    if (health.probing || now - health.probedAt < probeInterval) return
    health.probing = true
    health.probedAt = now
    const sentAt = this.clock.monotonicTimeNanosUnsafe()
    node.submit(
      new Probe(now + probeInterval, (role) => {
        health.probing = false
        const answeredAt = this.clock.currentTimeMillisUnsafe()
        const fit = Array.isArray(role) && this.isFit(role, health, primary, answeredAt)
        health.unfit = !fit
        if (!fit) return
        const roundTrip = Number(this.clock.monotonicTimeNanosUnsafe() - sentAt) / 1e6
        health.roundTrip = health.roundTrip === undefined
          ? roundTrip
          : health.roundTrip + weight * (roundTrip - health.roundTrip)
      }),
      -1
    )
  }

  private isFit(
    role: ReadonlyArray<Resp.Value>,
    health: Health,
    primary: NodePool.Node | undefined,
    now: number
  ): boolean {
    if (role[0] === "master") {
      this.note(health, { at: now, offset: Number(role[1]) })
      return true
    }
    const [, , , link, offset] = role
    if (link !== "connected") return false
    const ahead = primary === undefined
      ? undefined
      : this.healthOf(primary).written.find((written) => written.offset > Number(offset))
    return ahead === undefined || now - ahead.at <= this.maxLag
  }

  /** Keeps what it takes to tell who is too far behind, and no more. */
  private note(health: Health, written: Written): void {
    const last = health.written.at(-1)
    if (last !== undefined && written.at - last.at < this.maxLag / samples) return
    const kept = health.written.filter(({ at }) => at >= written.at - 2 * this.maxLag)
    health.written = [...kept, written]
  }
}
