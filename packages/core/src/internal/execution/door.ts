/**
 * The doors of the waiting room: who is away, since when and why, when it is tried next, and which failures say so.
 */
import * as ReadFrom from "../../ReadFrom.ts"
import type * as RedisError from "../../RedisError.ts"
import type { Failure } from "../failures/failure.ts"

/** The first pause between two trials, and the longest, in milliseconds. One that answers may be back at any moment. */
const minPause = 20
const maxPause = 1000
const maxPauseIfAnswering = 500

/** After this time, in milliseconds, a trial that has no outcome is followed by the next one. */
export const trialTimeout = 1000

/** Which nodes can execute work: the primary of a slot (`anySlot`: any primary), or those that its reads may go to. */
export interface Place {
  readonly slot: number
  readonly readFrom: ReadFrom.ReadFrom
}

/** Places are numbered by slot, those for each `readFrom` after one another. */
const spread = 32768
export const numberOf = (slot: number, readFrom: ReadFrom.ReadFrom): number =>
  readFrom === "primary" ? slot : slot + spread * ReadFrom.choices.indexOf(readFrom)
export const placeOf = (number: number): Place => {
  const index = Math.max(0, Math.floor(number / spread))
  return { slot: number - spread * index, readFrom: ReadFrom.choices[index] }
}

/** What the room has to know of work. */
export interface About extends Place {
  /** Whether it blocks, or holds a connection, once it goes out: it is no trial as long as there is another one. */
  readonly beside: boolean
  /** Whether it only reads, so that it need not wait for a node that refuses writes. */
  readonly reads: boolean
}

/** Who is behind a door: a slot, all of a node, those of one of its connections, its writes, or reads of a shard. */
export type Key = string | number

/** The failure of what comes when others wait already. */
export const refusalOf = (failure: Failure): Failure => ({ ...failure, delivery: "NotSent", queued: true })

/** A closed door. */
export class Door {
  readonly key: Key
  /** Who is away: the key of a node's address, a slot that nobody serves, or the replicas of a primary. */
  readonly of: string | number
  since: number
  failure: Failure
  /** The failure of a command that came when it was closed already. */
  refusal: Failure
  tries = 0
  pause = minPause
  probeAt: number
  /** Trials that have gone out, and have no outcome yet. */
  trials = 0
  /** When the last of them went out. */
  trialAt = 0
  /** When somebody was behind it the last time. */
  neededAt: number
  /** When it was opened. */
  openedAt = 0
  /** Whether it is only closed for writes. */
  readonly isOfWrites: boolean
  /** Whether it was given up since nobody was behind it, while a trial had no outcome yet. */
  isIdle = false

  constructor(key: Key, { readFrom }: Place, failure: Failure, now: number) {
    this.key = key
    this.of = typeof key === "number" || readFrom !== "primary" ? key : failure.node!
    this.isOfWrites = key === writesOf(`${failure.node}`)
    this.neededAt = now
    this.failure = failure
    this.refusal = refusalOf(failure)
    this.since = now
    this.probeAt = now
  }

  /** Doubles the pause before the next trial. `jitter` is the share of the pause that is taken, from 0.5 to 1.5. */
  postpone(now: number, jitter: number): void {
    this.pause = Math.min(this.pause * 2, this.maxPause)
    this.probeAt = now + Math.ceil(this.pause * jitter)
  }

  /** Closed again shortly after it was open, it goes on with the pauses that it had. */
  follows(before: Door): void {
    this.pause = Math.min(before.pause * 2, this.maxPause)
  }

  private get maxPause(): number {
    return isReply(this.failure) ? maxPauseIfAnswering : maxPause
  }

  /** The clock was set back. */
  setBack(now: number): void {
    this.since = Math.min(this.since, now)
    this.neededAt = Math.min(this.neededAt, now)
    this.probeAt = Math.min(this.probeAt, now)
    this.trialAt = Math.min(this.trialAt, now)
    this.openedAt = Math.min(this.openedAt, now)
  }

  /** Whether a trial is out that may still have an outcome soon. */
  isTried(now: number): boolean {
    return this.trials > 0 && now - this.trialAt < trialTimeout
  }

  /** Notes another failure. Seen again, it is the same one. */
  remainsAway(failure: Failure): void {
    if (failure.reason === this.failure.reason) return
    this.failure = failure
    this.refusal = refusalOf(failure)
    this.tries++
  }
}

/** Whether a failure says that its node, or one connection to it, can't be had. */
export const isUnreachable = ({ reason: { _tag } }: Failure): boolean =>
  _tag === "AuthenticationFailed" || _tag === "ConnectionFailed" || _tag === "ConnectionLost" ||
  _tag === "ProtocolViolation"

/** A node that serves reads, as `cluster-allow-reads-when-down` lets it while the cluster is down. */
const refusesWrites = /^READONLY |only accepts read commands/

/** Failures that are no reply of the node: they don't say that it is back. */
const silent: ReadonlySet<RedisError.Reason["_tag"]> = new Set([
  "Closed",
  "ConnectionFailed",
  "ConnectionLost",
  "InvalidArgument",
  "NoNodeForSlot",
  "Overloaded",
  "ProtocolViolation",
  "Timeout"
])

/** Whether a failure is a reply of its node, which is back then. */
export const isReply = ({ reason }: Failure): boolean => !silent.has(reason._tag)

/** The key of the writes of a node. */
export const writesOf = (node: string): Key => `${node} writes`

/** The key of those who share a connection to a node. */
export const lineOf = (slot: number, node: string, connectionsPerNode: number): Key =>
  connectionsPerNode === 1 ? node : `${node} ${Math.max(slot, 0) % connectionsPerNode}`

/** The key of the reads of a shard that go to replicas, too. */
export const readersOf = (shard: string, readFrom: ReadFrom.ReadFrom): Key =>
  `${readFrom === "replica" ? "the replicas" : `all nodes (${readFrom})`} of ${shard}`

/** Whether a failure says that its node, or any node, can't answer reads. */
export const answersNoReads = (failure: Failure): boolean => {
  const { reason } = failure
  return isUnreachable(failure) || reason._tag === "NoNodeForSlot" ||
    (reason._tag === "ClusterDown" && reason.code !== "UNBLOCKED")
}

/** The key of the door that a failure at a primary closes; undefined if it says of nobody to be away. */
export const awayIn = (failure: Failure, { reads, slot }: About, connectionsPerNode: number): Key | undefined => {
  const { node, reason } = failure
  if (isUnreachable(failure)) return node === undefined ? undefined : lineOf(slot, node, connectionsPerNode)
  switch (reason._tag) {
    case "NoNodeForSlot":
      return slot
    case "ClusterDown":
      if (reason.code === "UNBLOCKED" || node === undefined) return undefined
      if (reason.text.includes("Hash slot not served")) return slot
      return !reads && refusesWrites.test(reason.text) ? writesOf(node) : node
    default:
      return undefined
  }
}
