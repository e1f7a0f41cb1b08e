/**
 * Executes commands on a cluster over dedicated connections, one a node, each leased when it is first needed and held
 * until the scope closes: so that it is known, at the end, on which connections something was written.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Command from "../../Command.ts"
import type * as NodePool from "../../NodePool.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { deadlineOf, failAll, run, sweep } from "../connection/call.ts"
import type { Call, Outcome, Taker } from "../connection/call.ts"
import type { Connection } from "../connection/connection.ts"
import { Ring } from "../connection/ring.ts"
import { each, logging } from "../connection/strays.ts"
import type { Report } from "../connection/strays.ts"
import { notSent, rejected, timedOut } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { ClusterExecutor } from "./clusterExecutor.ts"
import type { Parts } from "./clusterExecutor.ts"
import { membersOf } from "./members.ts"
import type { NodeResult, Nodes } from "./members.ts"

/** A connection on its way, or there. Calls that come before it is wait. */
class Lease implements Taker {
  connection: Connection | undefined
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

  /** Whether something was written on it, for all that is known. */
  get wrote(): boolean {
    return this.writes > 0
  }

  submit(call: Call): void {
    const own = call.command.spec.readOnly ? call : this.counted(call)
    if (this.connection === undefined) this.waiting.push(own)
    else this.connection.submit(own)
  }

  /** The same call, which counts as a write until it is known to have been none. */
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
    failAll(this.waiting, failure, report)
  }
}

const over = new RedisError.SessionMisused({
  problem: "what it was run in has ended, and its connections are given back: use its Redis inside only"
})

export class HeldExecutor extends ClusterExecutor {
  private readonly scope: Scope.Scope
  private readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  private readonly leases = new Map<NodePool.Node, Lease>()
  /** Those of commands that block or take long, which nobody else could use meanwhile. */
  private readonly alone = new Map<NodePool.Node, Set<Lease>>()
  /** Connections that were written on, and are gone. */
  lost = 0
  private ended = false
  private readonly report: Report

  constructor(parts: Parts, scope: Scope.Scope, fork: HeldExecutor["fork"]) {
    super(parts)
    this.scope = scope
    this.fork = fork
    this.report = logging(fork)
  }

  /** The connections that something was written on, and that are still there. */
  get written(): ReadonlyArray<Connection> {
    return this.all().flatMap(({ connection, wrote }) => wrote && connection !== undefined ? [connection] : [])
  }

  /** From here on nothing goes out: the connections are about to be somebody else's. What waits for one is told so. */
  end(): void {
    this.ended = true
    for (const lease of this.all()) lease.fail(notSent(over), this.report)
  }

  override admit(command: Command.Any): number | RedisError.Reason {
    return this.ended ? over : super.admit(command)
  }

  protected override submit(node: NodePool.Node, call: Call): void {
    if (this.ended) call.onFailure(notSent(over))
    else this.leaseOf(node).submit(call)
  }

  protected override submitApart(
    node: NodePool.Node,
    _deadline: number,
    attemptOn: (taker: Taker) => Effect.Effect<Outcome>
  ): Effect.Effect<Outcome> {
    return Effect.suspend(() =>
      attemptOn(this.ended ? { submit: (call) => call.onFailure(notSent(over)) } : this.leaseApart(node))
    )
  }

  protected override executeEach<A>(
    command: Command.Command<A>,
    nodes: Nodes
  ): Effect.Effect<ReadonlyArray<NodeResult<A>>> {
    if (!command.spec.write) return super.executeEach(command, nodes)
    return Effect.suspend(() => {
      const deadline = deadlineOf(command, this.clock.readExactly(), this.commandTimeout)
      return Effect.forEach(membersOf(this.parts.topology.currentUnsafe(), nodes), ({ address, role }) =>
        Effect.map(
          Effect.result(
            run(
              { submit: (call) => this.submit(this.parts.pool.node(address), call) },
              command,
              deadline,
              this.commandTimeout
            )
          ),
          (result): NodeResult<A> => ({ address, role, result })
        ), { concurrency: "unbounded" })
    })
  }

  private all(): ReadonlyArray<Lease> {
    return [...this.leases.values(), ...Array.from(this.alone.values(), (apart) => [...apart]).flat()]
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

  private leaseApart(node: NodePool.Node): Lease {
    let apart = this.alone.get(node)
    if (apart === undefined) {
      apart = new Set()
      this.alone.set(node, apart)
    }
    for (const lease of apart) if (lease.isIdle) return lease
    const lease = new Lease()
    apart.add(lease)
    this.open(node, lease, () => apart.delete(lease))
    return lease
  }

  private open(node: NodePool.Node, lease: Lease, forget: () => void): void {
    const { key } = node.address
    const { report } = this
    const acquire = Effect.match(Scope.provide(node.dedicated, this.scope), {
      onSuccess: (connection) => lease.open(connection, report),
      onFailure: ({ reason }) => {
        forget()
        lease.fail(notSent(reason, key), report)
      }
    })
    const overdue = sweep(lease.waiting, () => timedOut(key, "a connection of its own", false), {
      report,
      soon: this.clock.soon
    })
    Fiber.runIn(this.fork(Effect.raceFirst(acquire, overdue)), this.scope)
  }
}
