/**
 * Watches over one connection. It checks that commands are answered by their deadlines, that the peer is alive (a half-open
 * socket never reports its end), and that replies are in step with commands.
 *
 * A sweep checks all deadlines at intervals. Commands with a timeout of their own, which may be shorter, have an alarm. PINGs
 * check the rest: one a second while there are replies, and one every `pingInterval` while nothing is under way. A peer that
 * sends much and answers nothing is told by `noise.ts`.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Connector } from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import { timedOut } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { caughtUp } from "./arrivals.ts"
import { blocks, expire, isOverdue, isSlow } from "./call.ts"
import type { Call } from "./call.ts"
import type { Keepers } from "./keepers.ts"
import { Noise } from "./noise.ts"
import type { Pings } from "./pings.ts"
import { relaxed } from "./relief.ts"
import type { Relief } from "./relief.ts"
import type { Ring } from "./ring.ts"
import type { Report } from "./strays.ts"

/** The connection that is watched over. Times are in milliseconds. */
export interface Watched {
  readonly node: string
  readonly clock: Clock.Clock
  readonly soon: Connector["Service"]["soon"]
  readonly inFlight: Ring<Call>
  readonly waiting: Ring<Call>
  readonly commandTimeout: number
  readonly pingInterval: number
  /**
   * Whether many users share it. Then silence ends it whatever is in flight, because one user's slow command must not hold up
   * the others.
   */
  readonly isShared: () => boolean
  readonly bytesRead: () => number
  /** Whether a part of a reply has been read. */
  readonly isReplying: () => boolean
  readonly subscribes: boolean
  /** Called when commands are in flight and the server has said nothing for a while. */
  readonly onQuiet: () => void
  readonly pings: Pings
  /** More time while the server does what it has announced. */
  readonly relief: Relief | undefined
  readonly keepers: Keepers | undefined
  readonly ping: () => void
  readonly abort: (reason: RedisError.Reason) => void
  readonly report: Report
}

/** The interval of the proofs that replies are in step, while there are replies, in milliseconds. */
const proofInterval = 1000

export class Watchdog {
  private readonly of: Watched
  private readonly stirred = Latch.makeUnsafe(false)
  private dozing = false
  private readonly hastened = Latch.makeUnsafe(false)
  private alarmAt = Infinity

  constructor(of: Watched) {
    this.of = of
  }

  /** Wakes the watchdog if it has to look earlier because of a newly queued command. */
  notice(call: Call): void {
    if (this.dozing) {
      this.dozing = false
      this.stirred.openUnsafe()
    }
    if (call.command.timeout !== undefined && call.deadline < this.alarmAt) {
      this.alarmAt = call.deadline
      this.hastened.openUnsafe()
    }
  }

  /** Whether the deadline of an awaited command has passed. */
  private hasOverdue(now: number): boolean {
    this.of.relief?.relax(this.of.inFlight, now)
    this.of.relief?.relax(this.of.waiting, now)
    return isOverdue(this.of.inFlight, now) || isOverdue(this.of.waiting, now)
  }

  /** Fails the commands whose deadline has passed. */
  private expire(now: number): void {
    const { inFlight, keepers, node, relief, report, waiting } = this.of
    relief?.relax(inFlight, now)
    relief?.relax(waiting, now)
    const late = ({ command }: Call): Failure => {
      if (!command.spec.readOnly) keepers?.wrote(command)
      return timedOut(node, "the reply", true)
    }
    expire(inFlight, now, late, report)
    expire(waiting, now, () => timedOut(node, "room on the connection", false), report)
  }

  /** Watches deadlines, and whether the peer is alive. Runs for the life of the connection. */
  readonly sweep: Effect.Effect<never> = Effect.suspend(() => {
    const { clock, commandTimeout, inFlight, pingInterval, pings, soon, waiting } = this.of
    const tick = Math.min(Math.max(Math.min(pingInterval / 2, commandTimeout / 10), 10), 1000)
    const noise = new Noise(this.of)
    let heardAt = clock.currentTimeMillisUnsafe()
    let heard = this.of.bytesRead()
    /** The time of a PING that was followed by silence; undefined after each byte. */
    let silentSince: number | undefined
    const heardNow = (): void => {
      heard = this.of.bytesRead()
      heardAt = clock.currentTimeMillisUnsafe()
      silentSince = undefined
    }
    const check = (now: number): void => {
      this.expire(now)
      const unanswered = noise.millis(now)
      if (this.isHeldUp(now)) return heardNow()
      if (this.of.bytesRead() !== heard) heardNow()
      else if (inFlight.length > 0) this.of.onQuiet()
      if (isLost(now)) {
        const problem = `the server has been silent for ${now - heardAt} ms`
        return this.of.abort(new RedisError.ConnectionLost({ problem }))
      }
      if (unanswered >= this.patience(now)) {
        const problem = `the server has sent bytes and no reply for ${unanswered} ms`
        return this.of.abort(new RedisError.ConnectionLost({ problem }))
      }
      const isSilent = silentSince === undefined && now - heardAt >= pingInterval
      const isUnproved = pings.proved !== this.of.bytesRead() &&
        now - pings.madeAt >= Math.min(pingInterval, proofInterval)
      if ((isSilent || isUnproved) && pings.count === 0) this.of.ping()
      // If no PING can be sent, silence counts only while a command waits for its answer.
      if (isSilent && pings.count + inFlight.length > 0) silentSince = now
    }
    const isLost = (now: number): boolean =>
      silentSince !== undefined && now - silentSince >= pingInterval && now - heardAt >= this.patience(now)
    const look = Effect.suspend(() => {
      const now = clock.currentTimeMillisUnsafe()
      const isDire = this.hasOverdue(now) || isLost(now) || noise.millis(now) >= this.patience(now)
      return Effect.map(isDire ? caughtUp(soon) : Effect.void, () => check(now))
    })
    // With nothing under way, sleep until a command comes or the next PING is due.
    const doze = Effect.suspend(() => {
      this.stirred.closeUnsafe()
      this.dozing = true
      if (this.of.bytesRead() !== heard) heardNow()
      return Effect.raceFirst(Effect.sleep(pingInterval), Effect.map(this.stirred.await, heardNow))
    })
    const pause = Effect.suspend(() => inFlight.length + waiting.length > 0 ? Effect.sleep(tick) : doze)
    return Effect.forever(Effect.andThen(pause, look))
  })

  /** Watches the deadlines of commands that have a timeout of their own, which may pass long before the next sweep. */
  readonly alarm: Effect.Effect<never> = Effect.suspend(() => {
    const pause = Effect.suspend(() => {
      this.hastened.closeUnsafe()
      this.alarmAt = this.nextAlarm()
      if (this.alarmAt === Infinity) return this.hastened.await
      const left = Math.max(this.alarmAt - this.of.clock.currentTimeMillisUnsafe(), 10)
      return Effect.raceFirst(Effect.sleep(left), this.hastened.await)
    })
    const look = Effect.suspend(() => {
      const now = this.of.clock.currentTimeMillisUnsafe()
      return this.hasOverdue(now) ? Effect.map(caughtUp(this.of.soon), () => this.expire(now)) : Effect.void
    })
    return Effect.forever(Effect.andThen(pause, look))
  })

  /** How long a peer may answer nothing, in milliseconds. */
  private patience(now: number): number {
    const { pingInterval, relief } = this.of
    return relief?.isInForce(now) === true ? Math.max(2 * pingInterval, relaxed) : 2 * pingInterval
  }

  private nextAlarm(): number {
    let next = Infinity
    const look = ({ abandoned, command, deadline }: Call): void => {
      if (command.timeout !== undefined && !abandoned) next = Math.min(next, deadline)
    }
    this.of.inFlight.forEach(look)
    this.of.waiting.forEach(look)
    return next
  }

  /** Whether a command that blocks or takes long delays the answers to PINGs. Once it is overdue, silence counts again. */
  private isHeldUp(now: number): boolean {
    const head = this.of.inFlight.peek()
    return head !== undefined && head.deadline > now &&
      (blocks(head.command) || (!this.of.isShared() && isSlow(head.command)))
  }
}
