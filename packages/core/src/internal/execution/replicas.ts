/**
 * Chooses the node of a shard that answers a read, and tracks how fit each node is.
 *
 * Every node that reads may go to is sent ROLE about once a second, but only while there are reads: no timer runs here. The
 * reply gives the round trip, whether a replica is connected to its primary, and how far it has replicated.
 *
 * A replica is fit after a good reply, until there is any trouble with it. So no read waits for the first connection to a
 * replica, and a restarted replica, which may be empty, has to report first that it has its data.
 *
 * Source: https://redis.io/docs/latest/commands/role/
 */
import type * as Clock from "effect/Clock"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type * as NodePool from "../../NodePool.ts"
import * as ReadFrom from "../../ReadFrom.ts"
import * as Resp from "../../Resp.ts"
import type * as SlotMap from "../../SlotMap.ts"
import * as Reply from "../commands/reply.ts"
import { reasonOf } from "../failures/failure.ts"
import { Question } from "./question.ts"
import { Zones } from "./zones.ts"

const ROLE = Command.make(CommandSpec.get("ROLE"), [], Reply.raw)

/** Time between two ROLEs to a node, and the deadline of each, in milliseconds. */
const interval = 1000
/** The number of samples of a primary's replication offset that are kept for a span of `maxLag`. */
const samples = 32
/** The weight of a longer round trip in the moving average. */
const weight = 0.3

/**
 * How fit a node is. A `CutOff` replica answers, but is not connected to its primary. An `Unknown` node has not answered yet,
 * or not since there was trouble with it. An `Unfit` node has reported a state in which it can't answer reads.
 */
type Standing = "Fit" | "CutOff" | "Unknown" | "Unfit"

/**
 * Higher ranks are preferred. A cut-off replica ranks below a fit primary and above an unfit one. Unfit nodes never answer. The
 * zone decides only between nodes that are equally fit.
 */
const ranks: Readonly<Record<Standing, number>> = { Fit: 40, CutOff: 20, Unknown: 0, Unfit: -1 }
const inZone = 2
const primaryRanks = { fitInZone: 41, fit: 40, fitButSecond: 39, other: 10 }

/** A primary's replication offset at a time. */
interface Written {
  readonly at: number
  readonly offset: number
}

class Member {
  readonly node: NodePool.Node
  readonly isPrimary: boolean
  standing: Standing
  /** In milliseconds. */
  roundTrip = Infinity
  /** The value of `Replicas.turn` when this member was chosen last. */
  turn = 0
  askedAt = -Infinity
  question: Question | undefined = undefined
  /** The last time at which it was known to be within `maxLag` of its primary. */
  inTouchAt = -Infinity
  /** Samples of a primary's offset, oldest first. One of them is older than `maxLag`. */
  written: ReadonlyArray<Written> = []

  constructor(node: NodePool.Node, isPrimary: boolean) {
    this.node = node
    this.isPrimary = isPrimary
    // A primary answers commands anyway, so it counts as fit until it is known not to be.
    this.standing = isPrimary ? "Fit" : "Unknown"
  }
}

/** Takes over a shorter round trip at once: anything that distorts a measurement, such as connecting first, makes it longer. */
const average = (before: number, measured: number): number =>
  measured <= before ? measured : before + weight * (measured - before)

const isBefore = (a: Member, b: Member, readFrom: ReadFrom.ReadFrom): boolean =>
  readFrom === "nearest" ? a.roundTrip < b.roundTrip : a.turn < b.turn

export interface Options {
  readonly pool: NodePool.NodePool["Service"]
  readonly clock: Clock.Clock
  /** In milliseconds. */
  readonly maxLag: number
  /** The availability zone of the client. */
  readonly zone: string | undefined
  /** Called when the map has another role for a node than the node itself. */
  readonly onOutdated: () => void
}

export class Replicas {
  private readonly options: Options
  private readonly members = new WeakMap<NodePool.Node, Member>()
  private readonly zones: Zones
  private turn = 0

  constructor(options: Options) {
    this.options = options
    this.zones = new Zones(options.zone)
  }

  /** A connection to a node was lost, or can't be opened. */
  nodeFailed(node: string): void {
    // With -Infinity the node is asked as soon as it can be reached again, before it gets any read.
    for (const member of this.doubt(node, -Infinity)) this.zones.forget(member.node)
  }

  /** Chooses among the fittest nodes of a shard, by zone, turns or distance; `undefined` if no node may answer. */
  choose(
    { primary, replicas }: SlotMap.Shard,
    readFrom: Exclude<ReadFrom.ReadFrom, "primary">
  ): NodePool.Node | undefined {
    const { clock, maxLag, pool } = this.options
    const owner = primary === undefined ? undefined : pool.node(primary.address)
    if (replicas.length === 0) return readFrom === "replica" ? undefined : owner
    const now = clock.currentTimeMillisUnsafe()
    const byZone = ReadFrom.needsZone(readFrom)
    let leader: Member | undefined
    let best: Member | undefined
    let bestRank = ranks.Unfit
    if (owner !== undefined && primary !== undefined) {
      leader = this.memberOf(owner, true)
      this.ask(leader, undefined, now)
      if (readFrom !== "replica") {
        best = leader
        bestRank = leader.standing !== "Fit"
          ? primaryRanks.other
          : readFrom === "any" || readFrom === "nearest"
          ? primaryRanks.fit
          : readFrom === "preferZone" && this.zones.has(primary, owner, now)
          ? primaryRanks.fitInZone
          : primaryRanks.fitButSecond
      }
    }
    for (const node of replicas) {
      const replica = this.memberOf(pool.reader(node.address), false)
      this.ask(replica, leader, now)
      const isLost = replica.standing === "CutOff" && now - replica.inTouchAt > maxLag
      const fitness = isLost ? ranks.Unfit : ranks[replica.standing]
      const rank = byZone && fitness !== ranks.Unfit && this.zones.has(node, replica.node, now)
        ? fitness + inZone
        : fitness
      if (rank > bestRank || (rank === bestRank && best !== undefined && isBefore(replica, best, readFrom))) {
        best = replica
        bestRank = rank
      }
    }
    if (best !== undefined) best.turn = ++this.turn
    return best?.node
  }

  /** Excludes a node until its next good reply, and does not ask it for `interval`. */
  eject(node: string): void {
    this.doubt(node, this.options.clock.currentTimeMillisUnsafe())
  }

  /** Forgets the reports of a node, and ignores the reply to a ROLE that is under way. */
  private doubt(node: string, askedAt: number): ReadonlyArray<Member> {
    const { pool } = this.options
    const members: Array<Member> = []
    for (const known of [pool.nodes().get(node), pool.readers().get(node)]) {
      const member = known === undefined ? undefined : this.members.get(known)
      if (member === undefined) continue
      member.standing = "Unknown"
      member.inTouchAt = -Infinity
      member.question = undefined
      member.askedAt = askedAt
      members.push(member)
    }
    return members
  }

  private memberOf(node: NodePool.Node, isPrimary: boolean): Member {
    let member = this.members.get(node)
    if (member === undefined) {
      member = new Member(node, isPrimary)
      this.members.set(node, member)
    }
    return member
  }

  private ask(member: Member, primary: Member | undefined, now: number): void {
    if (member.question !== undefined || now - member.askedAt < interval || member.node.isDown()) return
    const { clock } = this.options
    const sentAt = clock.monotonicTimeNanosUnsafe()
    const question = new Question(ROLE, now + interval, (role) => {
      if (member.question !== question) return
      member.question = undefined
      if (role !== undefined) {
        member.roundTrip = average(member.roundTrip, Number(clock.monotonicTimeNanosUnsafe() - sentAt) / 1e6)
      }
      member.standing = this.standingOf(member, primary, role)
    })
    member.question = question
    member.askedAt = now
    member.node.submit(question, -1)
  }

  private standingOf(member: Member, primary: Member | undefined, role: Resp.Value | undefined): Standing {
    if (role === undefined) return "Unknown"
    // If the user may not run ROLE, any answer has to be enough. A node that is BUSY answers no reads either.
    if (role instanceof Resp.ReplyError) {
      return reasonOf(role, ROLE)._tag === "ServerError" && role.code !== "BUSY" ? "Fit" : "Unknown"
    }
    const [name, written, , link, followed] = Array.isArray(role) ? role : []
    // The node was promoted or demoted; or it is a replica that has just started and does not know its primary yet.
    if ((name === "master") !== member.isPrimary) {
      this.options.onOutdated()
      return "Unfit"
    }
    if (member.isPrimary) {
      this.note(member, Number(written))
      return "Fit"
    }
    if (link !== "connected") return "CutOff"
    if (this.isBehind(primary, Number(followed), member.askedAt)) return "Unfit"
    member.inTouchAt = member.askedAt
    return "Fit"
  }

  /** Whether a replica lacked, at a time, what its primary had written `maxLag` before that time. */
  private isBehind(primary: Member | undefined, followed: number, at: number): boolean {
    const due = primary?.written.findLast((written) => at - written.at >= this.options.maxLag)
    return due !== undefined && due.offset > followed
  }

  /** Adds a sample of a primary's offset, and drops those that `isBehind` does not need. */
  private note(primary: Member, offset: number): void {
    const { clock, maxLag } = this.options
    const at = clock.currentTimeMillisUnsafe()
    const last = primary.written.at(-1)
    // After a restart the offset begins anew.
    if (last === undefined || offset < last.offset) {
      primary.written = [{ at, offset }]
    } else if (at - last.at >= maxLag / samples) {
      const due = primary.written.findLastIndex((written) => at - written.at >= maxLag)
      primary.written = [...primary.written.slice(Math.max(due, 0)), { at, offset }]
    }
  }
}
