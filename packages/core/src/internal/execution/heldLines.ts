/**
 * Dedicated connections that a region of a program holds: one per node, leased on first use and kept until the scope closes.
 * They record whether anything was written on them.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as NodePool from "../../NodePool.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { deadlineOf, failAll, run, sweep } from "../connection/call.ts"
import type { Call, Taker } from "../connection/call.ts"
import type { Connection } from "../connection/connection.ts"
import { Ring } from "../connection/ring.ts"
import { each, logging } from "../connection/strays.ts"
import type { Report } from "../connection/strays.ts"
import { notSent, rejected, timedOut } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import * as Lines from "./lines.ts"
import type { TurnClock } from "./turnClock.ts"

/** A connection that is leased or being leased. Calls wait until it is there. */
class Lease implements Taker {
  connection: Connection | undefined
  /** Why there is to be no connection, which may be known before the first call comes. */
  private failure: Failure | undefined
  private writes = 0
  readonly waiting = new Ring<Call>()

  get isLost(): boolean {
    return this.connection?.isClosed() === true
  }

  get isIdle(): boolean {
    if (this.connection === undefined || this.isLost) return false
    const { inFlight, waiting } = this.connection.stats()
    return inFlight + waiting === 0
  }

  /** Whether a write may have been executed on it. */
  get wrote(): boolean {
    return this.writes > 0
  }

  submit(call: Call): void {
    const own = call.command.spec.readOnly ? call : this.counted(call)
    if (this.connection !== undefined) this.connection.submit(own)
    else if (this.failure !== undefined) own.onFailure(this.failure)
    else this.waiting.push(own)
  }

  /** Wraps a call so that it counts as a write until its answer proves that nothing was written. */
  private counted(call: Call): Call {
    this.writes++
    const onReply = (value: Resp.Value, node: string): void => {
      call.unit = counted.unit
      if (value instanceof Resp.ReplyError && rejected(value, node, call).delivery === "Rejected") this.writes--
      call.onReply(value, node)
    }
    const onFailure = (failure: Failure): void => {
      if (failure.delivery === "NotSent") this.writes--
      call.onFailure(failure)
    }
    const counted: Call = Object.create(call, { onReply: { value: onReply }, onFailure: { value: onFailure } })
    return counted
  }

  open(connection: Connection, report: Report): void {
    this.connection = connection
    each(this.waiting.drain(), (call) => {
      if (!call.abandoned) connection.submit(call)
    }, report)
  }

  fail(failure: Failure, report: Report): void {
    this.failure = failure
    failAll(this.waiting, failure, report)
  }
}

export interface Options {
  readonly clock: TurnClock
  /** In milliseconds. */
  readonly commandTimeout: number
  readonly scope: Scope.Scope
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
}

const over = new RedisError.SessionMisused({
  problem: "what it was run in has ended, and its connections are given back: use its Redis inside only"
})

export class HeldLines implements Lines.Lines {
  private readonly options: Options
  private readonly leases = new Map<NodePool.Node, Lease>()
  /** Leases for commands that block or are slow. A lease carries one such command at a time. */
  private readonly leasesAlone = new Map<NodePool.Node, Set<Lease>>()
  /** The number of connections that were written on and then lost. */
  lost = 0
  private ended = false
  private readonly report: Report

  constructor(options: Options) {
    this.options = options
    this.report = logging(options.fork)
  }

  /** The connections on which something was written. */
  get written(): ReadonlyArray<Connection> {
    return this.all().flatMap(({ connection, wrote }) => wrote && connection !== undefined ? [connection] : [])
  }

  /**
   * Ends the lines before their connections are given back: no more calls are taken, and calls that wait for a connection fail.
   */
  end(): void {
    this.ended = true
    for (const lease of this.all()) lease.fail(notSent(over), this.report)
  }

  readonly over = (): RedisError.Reason | undefined => this.ended ? over : undefined

  readonly submit = (node: NodePool.Node, call: Call): void => {
    if (this.ended) call.onFailure(notSent(over))
    else this.leaseOf(node).submit(call)
  }

  readonly alone: Lines.Lines["alone"] = (node, _deadline, attemptOn) =>
    Effect.suspend(() =>
      attemptOn(this.ended ? { submit: (call) => call.onFailure(notSent(over)) } : this.leaseAlone(node))
    )

  /** Reads may go over a shared connection; only writes need a held one. */
  readonly execute: Lines.Lines["execute"] = (node, command, given) =>
    command.spec.write
      ? Effect.suspend(() => {
        const { clock, commandTimeout } = this.options
        const deadline = given ?? deadlineOf(command, clock.readExactly(), commandTimeout)
        return run({ submit: (call) => this.submit(node, call) }, command, deadline, commandTimeout)
      })
      : Lines.shared.execute(node, command, given)

  private all(): ReadonlyArray<Lease> {
    return [...this.leases.values(), ...Array.from(this.leasesAlone.values(), (leases) => [...leases]).flat()]
  }

  private leaseOf(node: NodePool.Node): Lease {
    const known = this.leases.get(node)
    if (known?.isLost === false) return known
    if (known?.wrote === true) this.lost++
    const lease = new Lease()
    this.leases.set(node, lease)
    this.open(node, lease, () => this.leases.delete(node))
    return lease
  }

  private leaseAlone(node: NodePool.Node): Lease {
    let leases = this.leasesAlone.get(node)
    if (leases === undefined) {
      leases = new Set()
      this.leasesAlone.set(node, leases)
    }
    for (const lease of leases) if (lease.isIdle) return lease
    const lease = new Lease()
    leases.add(lease)
    this.open(node, lease, () => leases.delete(lease))
    return lease
  }

  private open(node: NodePool.Node, lease: Lease, forget: () => void): void {
    const { key } = node.address
    const { clock, fork, scope } = this.options
    const { report } = this
    const acquire = Effect.match(Scope.provide(node.dedicated, scope), {
      onSuccess: (connection) => lease.open(connection, report),
      onFailure: ({ reason }) => {
        forget()
        lease.fail(notSent(reason, key), report)
      }
    })
    const overdue = sweep(lease.waiting, () => timedOut(key, "a connection of its own", false), {
      report,
      soon: clock.soon
    })
    Fiber.runIn(fork(Effect.raceFirst(acquire, overdue)), scope)
  }
}
