/**
 * Executes commands on a cluster over dedicated connections, one a node, each leased when it is first needed and held
 * until the scope closes: so that it is known, at the end, on which connections something was written.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Connection } from "../Connection.ts"
import type * as NodePool from "../NodePool.ts"
import type { Call, Outcome, Taker } from "./call.ts"
import { ClusterExecutor } from "./clusterExecutor.ts"
import type { Parts } from "./clusterExecutor.ts"
import { notSent } from "./failure.ts"

/** A connection on its way, or there. Calls that come before it is wait. */
class Lease implements Taker {
  connection: Connection | undefined
  wrote = false
  private waiting: Array<Call> = []

  get isLost(): boolean {
    return this.connection?.isClosed() === true
  }

  submit(call: Call): void {
    if (!call.command.spec.readOnly) this.wrote = true
    if (this.connection === undefined) this.waiting.push(call)
    else this.connection.submit(call)
  }

  open(connection: Connection): void {
    this.connection = connection
    for (const call of this.take()) if (!call.abandoned) connection.submit(call)
  }

  take(): ReadonlyArray<Call> {
    const { waiting } = this
    this.waiting = []
    return waiting
  }
}

export class HeldExecutor extends ClusterExecutor {
  private readonly scope: Scope.Scope
  private readonly leases = new Map<NodePool.Node, Lease>()
  /** Connections that were written on, and are gone. */
  lost = 0

  constructor(parts: Parts, scope: Scope.Scope) {
    super(parts)
    this.scope = scope
  }

  /** The connections that something was written on, and that are still there. */
  get written(): ReadonlyArray<Connection> {
    return Array.from(this.leases.values()).flatMap(({ connection, wrote }) =>
      wrote && connection !== undefined ? [connection] : []
    )
  }

  protected override submit(node: NodePool.Node, call: Call): void {
    this.leaseOf(node).submit(call)
  }

  protected override submitBlocking(
    node: NodePool.Node,
    attemptOn: (taker: Taker) => Effect.Effect<Outcome>
  ): Effect.Effect<Outcome> {
    return Effect.suspend(() => attemptOn(this.leaseOf(node)))
  }

  private leaseOf(node: NodePool.Node): Lease {
    const known = this.leases.get(node)
    if (known?.isLost === false) return known
    if (known?.wrote === true) this.lost++
    const lease = new Lease()
    this.leases.set(node, lease)
    const acquire = Effect.match(Scope.provide(node.dedicated, this.scope), {
      onSuccess: (connection) => lease.open(connection),
      onFailure: ({ reason }) => {
        this.leases.delete(node)
        for (const call of lease.take()) if (!call.abandoned) call.onFailure(notSent(reason, node.address.key))
      }
    })
    Fiber.runIn(Effect.runFork(acquire), this.scope)
    return lease
  }
}
