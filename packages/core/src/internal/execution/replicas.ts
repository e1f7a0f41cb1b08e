/**
 * Which node of a shard answers a read, and how fit its nodes are for that.
 *
 * Nodes that reads may go to are asked for their ROLE about once a second, and only while they are read from: no timer
 * runs here. One answer tells the round trip, whether a replica hears its primary, and how far it has followed it.
 *
 * A replica is fit once it has answered well, and any trouble with it takes that back until it does so again. So nobody
 * waits for the first connection to a replica, and one that was restarted, and may be empty, has to say first that it
 * has its data.
 *
 * Source: https://redis.io/docs/latest/commands/role/
 */
import type * as Clock from "effect/Clock"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type * as NodePool from "../../NodePool.ts"
import type { ReadFrom } from "../../ReadFrom.ts"
import * as Resp from "../../Resp.ts"
import type * as SlotMap from "../../SlotMap.ts"
import * as Reply from "../commands/reply.ts"
import { Call } from "../connection/call.ts"
import { reasonOf } from "../failures/failure.ts"

const ROLE = Command.make(CommandSpec.get("ROLE"), [], Reply.raw)

/** Between two questions to a node, and how long it may take to answer one, in milliseconds. */
const interval = 1000
/** How many samples of what a primary has written are kept for the span of the greatest lag. */
const samples = 32
/** How much of a longer round trip goes into the average. */
const weight = 0.3

/**
 * What a node is good for. A replica that is `CutOff` answers, and does not hear its primary. Of one that is `Unknown`
 * nothing has been heard, or not since there was trouble with it. One that is `Unfit` has said so itself.
 */
type Standing = "Fit" | "CutOff" | "Unknown" | "Unfit"

/** A replica that is cut off comes after a primary that is fit, and before one that is not. Unfit ones do not answer. */
const ranks: Readonly<Record<Standing, number>> = { Fit: 4, CutOff: 2, Unknown: 0, Unfit: -1 }
const primaryRanks = { fit: 4, fitButSecond: 3, other: 1 }

/** What a primary had written to its replication stream, and when. */
interface Written {
  readonly at: number
  readonly offset: number
}

class Question extends Call {
  private readonly settle: (role: Resp.Value | undefined) => void

  constructor(deadline: number, settle: (role: Resp.Value | undefined) => void) {
    super(ROLE, false, deadline)
    this.settle = settle
  }

  override get isAwaited(): boolean {
    return false
  }

  onReply(value: Resp.Value): void {
    this.settle(value)
  }

  onFailure(): void {
    this.settle(undefined)
  }
}

class Member {
  readonly node: NodePool.Node
  readonly isPrimary: boolean
  standing: Standing
  /** In milliseconds. */
  roundTrip = Infinity
  /** The turn in which it was chosen last. */
  turn = 0
  askedAt = -Infinity
  question: Question | undefined = undefined
  /** When it was last known to follow its primary closely enough. */
  inTouchAt = -Infinity
  /** Of a primary: what was written when, the oldest first. One sample is older than the greatest lag. */
  written: ReadonlyArray<Written> = []

  constructor(node: NodePool.Node, isPrimary: boolean) {
    this.node = node
    this.isPrimary = isPrimary
    // Primaries do their work whoever asks, so they are fit until the contrary is known.
    this.standing = isPrimary ? "Fit" : "Unknown"
  }
}

/** A shorter round trip is believed at once, since all that can falsify one, such as connecting first, makes it longer. */
const average = (before: number, measured: number): number =>
  measured <= before ? measured : before + weight * (measured - before)

const isBefore = (a: Member, b: Member, readFrom: ReadFrom): boolean =>
  readFrom === "nearest" ? a.roundTrip < b.roundTrip : a.turn < b.turn

export interface Options {
  readonly pool: NodePool.NodePool["Service"]
  readonly clock: Clock.Clock
  /** In milliseconds. */
  readonly maxLag: number
  /** Told when a node does not have the role that the map gives it. */
  readonly onOutdated: () => void
}

export class Replicas {
  private readonly options: Options
  private readonly members = new WeakMap<NodePool.Node, Member>()
  private turn = 0

  constructor(options: Options) {
    this.options = options
    options.pool.onTrouble((node, failure) => {
      // It is asked as soon as it can be reached again, before any read gets there.
      if (failure !== undefined) this.doubt(node, -Infinity)
    })
  }

  /** Who answers a read of a shard: of the fittest the one whose turn it is, or the nearest. Undefined if nobody may. */
  choose({ primary, replicas }: SlotMap.Shard, readFrom: Exclude<ReadFrom, "primary">): NodePool.Node | undefined {
    const { clock, maxLag, pool } = this.options
    const owner = primary === undefined ? undefined : pool.node(primary.address)
    if (replicas.length === 0) return readFrom === "replica" ? undefined : owner
    const now = clock.currentTimeMillisUnsafe()
    let leader: Member | undefined
    let best: Member | undefined
    let bestRank = ranks.Unfit
    if (owner !== undefined) {
      leader = this.memberOf(owner, true)
      this.ask(leader, undefined, now)
      if (readFrom !== "replica") {
        best = leader
        bestRank = leader.standing !== "Fit"
          ? primaryRanks.other
          : readFrom === "preferReplica"
          ? primaryRanks.fitButSecond
          : primaryRanks.fit
      }
    }
    for (const { address } of replicas) {
      const replica = this.memberOf(pool.reader(address), false)
      this.ask(replica, leader, now)
      const isLost = replica.standing === "CutOff" && now - replica.inTouchAt > maxLag
      const rank = isLost ? ranks.Unfit : ranks[replica.standing]
      if (rank > bestRank || (rank === bestRank && best !== undefined && isBefore(replica, best, readFrom))) {
        best = replica
        bestRank = rank
      }
    }
    if (best !== undefined) best.turn = ++this.turn
    return best?.node
  }

  /** Passes a node over for a while, and then until it is known to be well. */
  eject(node: string): void {
    this.doubt(node, this.options.clock.currentTimeMillisUnsafe())
  }

  /** Forgets what a node has said, and what it is about to say. */
  private doubt(node: string, askedAt: number): void {
    const { pool } = this.options
    for (const known of [pool.nodes().get(node), pool.readers().get(node)]) {
      const member = known === undefined ? undefined : this.members.get(known)
      if (member === undefined) continue
      member.standing = "Unknown"
      member.inTouchAt = -Infinity
      member.question = undefined
      member.askedAt = askedAt
    }
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
    const question = new Question(now + interval, (role) => {
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
    // Where a user may not run ROLE, that a node answers is all there is to know. A busy one answers nobody else either.
    if (role instanceof Resp.ReplyError) {
      return reasonOf(role, ROLE)._tag === "ServerError" && role.code !== "BUSY" ? "Fit" : "Unknown"
    }
    const [name, written, , link, followed] = Array.isArray(role) ? role : []
    // A replica was promoted, a primary demoted; a replica that has just started may not know its primary yet.
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

  /** Whether a replica had not got, at a time, what its primary had written the greatest lag before. */
  private isBehind(primary: Member | undefined, followed: number, at: number): boolean {
    const due = primary?.written.findLast((written) => at - written.at >= this.options.maxLag)
    return due !== undefined && due.offset > followed
  }

  /** Keeps what it takes to tell who is too far behind, and no more. */
  private note(primary: Member, offset: number): void {
    const { clock, maxLag } = this.options
    const at = clock.currentTimeMillisUnsafe()
    const last = primary.written.at(-1)
    // One that was restarted counts from the beginning.
    if (last === undefined || offset < last.offset) {
      primary.written = [{ at, offset }]
    } else if (at - last.at >= maxLag / samples) {
      const due = primary.written.findLastIndex((written) => at - written.at >= maxLag)
      primary.written = [...primary.written.slice(Math.max(due, 0)), { at, offset }]
    }
  }
}
