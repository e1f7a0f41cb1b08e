/**
 * Tells a peer that answers from one that only makes noise: pushes and attributes without end show that something is alive, but
 * not that commands will be answered. A reply that is on its way is no noise, however slowly it comes.
 */
import type { Call } from "./call.ts"
import type { Pings } from "./pings.ts"
import type { Ring } from "./ring.ts"

/** What is watched. Times are in milliseconds. */
export interface Heard {
  readonly inFlight: Ring<Call>
  readonly pings: Pings
  readonly pingInterval: number
  /** Whether a part of a reply has been read. */
  readonly isReplying: () => boolean
  /** Whether pushes are what the connection is for. They may have piled up before the answer to a PING. */
  readonly subscribes: boolean
}

export class Noise {
  private readonly of: Heard
  private oldest: Call | undefined
  /** Since when the oldest call is overdue, while no reply was read. */
  private since: number | undefined

  constructor(of: Heard) {
    this.of = of
  }

  /** How long the oldest call has been overdue without any reply. Has to be asked often. */
  millis(now: number): number {
    const { inFlight, isReplying } = this.of
    const oldest = inFlight.peek()
    if (oldest === undefined || oldest !== this.oldest || isReplying() || !this.isOverdue(oldest, now)) {
      this.oldest = oldest
      this.since = undefined
      return 0
    }
    this.since ??= now
    return now - this.since
  }

  /** A call with much time, or with no limit, is overdue when the PING behind it is. */
  private isOverdue({ deadline }: Call, now: number): boolean {
    const { subscribes, pingInterval, pings } = this.of
    return deadline <= now || (!subscribes && pings.count > 0 && now - pings.madeAt >= pingInterval)
  }
}
