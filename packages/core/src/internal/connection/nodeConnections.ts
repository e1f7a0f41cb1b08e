/**
 * The connections to one node: shared ones, and dedicated ones that are leased to one user at a time. Decides what happens to a
 * connection that is given back or lost, and to all of them when the node leaves the cluster or the client ends.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pool from "effect/Pool"
import * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type { Connector } from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import * as Reply from "../commands/reply.ts"
import { unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { within } from "./arrivals.ts"
import { attempt, deadlineOf, run, standsApart, withTimeLeft } from "./call.ts"
import type { Call, Limits, Taker } from "./call.ts"
import type { Extension } from "./connect.ts"
import type { Connection } from "./connection.ts"
import { drained, unblock } from "./draining.ts"
import type { Handoffs } from "./handoffs.ts"
import { handOver, HeldSlots } from "./heldSlots.ts"
import type { Node, NodeStats, Options } from "./node.ts"
import { defaultMaxInFlight, limitsOf } from "./options.ts"
import { relaxed } from "./relief.ts"
import { SharedConnection } from "./sharedConnection.ts"
import type { Report } from "./strays.ts"
import type { Tally } from "./tally.ts"

/** The address of a node, the means to connect to it, and the callbacks that its connections report to. */
export interface NodeSurroundings {
  readonly address: Address
  readonly scope: Scope.Closeable
  readonly connect: (by: Extension) => Effect.Effect<Connection, RedisError.RedisError, Scope.Scope>
  /** Waits until the node may be connected to again: at its own address, or at the one given. */
  readonly due: (via: Address | undefined) => Effect.Effect<void>
  readonly options: Options
  readonly clock: Clock.Clock
  readonly soon: Connector["Service"]["soon"]
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly onTrouble: (failure: Failure | undefined) => void
  readonly report: Report
  readonly tally: Tally
  readonly handoffs: Handoffs
  readonly onHandedOver: () => void
  /** Whether replies that come over the shared connections may be kept. */
  readonly tracks: boolean
}

type Connect = Effect.Effect<Connection, RedisError.RedisError, Scope.Scope>

/** The default of `maxDedicated`. */
const defaultMaxDedicated = 16

const UNWATCH = Command.make(CommandSpec.get("UNWATCH"), [], Reply.raw)

export const left = new RedisError.ConnectionLost({ problem: "the node left the cluster, or was connected to anew" })

const unreached = new RedisError.ConnectionFailed({
  problem: "the endpoint to which the node said that it moves did not answer in time"
})

/** How long UNWATCH may take on a connection that is given back, in milliseconds. */
const tidyTimeout = 1000

export class NodeConnections implements Node {
  readonly address: Address
  readonly scope: Scope.Closeable
  readonly madeAt: number
  private readonly around: NodeSurroundings
  private readonly shared: ReadonlyArray<SharedConnection>
  private readonly dedicatedPool: Pool.Pool<Connection, RedisError.RedisError>
  private readonly limits: Limits
  private readonly commandTimeout: number
  /** Opens a connection beside the shared and the dedicated ones. */
  private readonly connectOne: Connect
  private readonly open = new Set<Connection>()
  /** Connections that were opened for one urgent command each. */
  private readonly urgent = new Set<Connection>()
  /** Open dedicated connections, with the times at which they were opened. */
  private readonly openDedicated = new Map<Connection, number>()
  private readonly leased = new Map<Connection, Scope.Closeable>()
  /** Leased connections to an endpoint that the node has left. */
  private readonly outdated = new WeakSet<Connection>()
  private readonly held: HeldSlots
  private heardUntil = 0
  private toldZone: string | undefined
  private started = false
  /**
   * Whether the node has left the cluster or was renewed. Its connections are expected to be lost then, so losses are not
   * reported.
   */
  private retired = false
  /** Why the connections were ended. Undefined before the end; the first reason stays. */
  private end: RedisError.Reason | undefined

  constructor(
    around: NodeSurroundings,
    makePool: (max: number, acquire: Connect) => NodeConnections["dedicatedPool"]
  ) {
    const { address, clock, handoffs, options, report, scope } = around
    const onTrouble: NodeSurroundings["onTrouble"] = (failure) => {
      if (!this.retired) around.onTrouble(failure)
    }
    this.around = around
    this.address = address
    this.scope = scope
    this.madeAt = clock.currentTimeMillisUnsafe()
    this.limits = limitsOf(options)
    this.commandTimeout = this.limits.commandTimeout
    const sharedCount = options.connectionsPerNode ?? 1
    const { relief } = handoffs
    const connect = (by: Extension): Connect =>
      Effect.tap(around.connect(by), (connection) => Effect.sync(() => this.opened(connection)))
    const connectOne = Effect.suspend(() => connect({ relief, via: handoffs.via }))
    this.connectOne = connectOne
    this.held = new HeldSlots({
      ...around,
      node: address.key,
      relax: (queue, now) => relief.relax(queue, now),
      submit: (call, slot) => this.submit(call, slot)
    })
    const connectShared = options.handoffs === "off" ?
      connect({ relief, tracks: around.tracks }) :
      Effect.suspend(() => {
        const hearing = handoffs.hearing()
        const { patience } = handoffs
        const opened = Effect.tap(
          connect({
            relief,
            via: hearing.via,
            listeners: [hearing.listener],
            wantsNotices: true,
            tracks: around.tracks
          }),
          (connection) => Effect.sync(() => handoffs.hears(connection, hearing))
        )
        if (patience === Infinity) return opened
        const late = Effect.suspend(() => Effect.fail(this.unsent(unreached)))
        return Effect.raceFirst(opened, Effect.andThen(Effect.sleep(patience), late))
      })
    // Each may have a successor, while both are open.
    const sharedPool = makePool(2 * sharedCount, connectShared)
    this.dedicatedPool = makePool(
      options.maxDedicated ?? defaultMaxDedicated,
      Effect.tap(connectOne, (connection) => Effect.sync(() => this.openedDedicated(connection)))
    )
    this.shared = Array.from({ length: sharedCount }, () =>
      new SharedConnection(address.key, sharedPool, {
        maxWaiting: options.failWhenFull === true ? options.maxInFlight ?? defaultMaxInFlight : Infinity,
        onTrouble,
        onReopened: () => {
          around.tally.reconnects++
        },
        onHandedOver: () => {
          around.tally.handoffs++
          this.renewDedicated()
          around.onHandedOver()
        },
        report,
        soon: around.soon,
        due: Effect.suspend(() => around.due(handoffs.via)),
        handoffs
      }))
  }

  private opened(connection: Connection): void {
    this.open.add(connection)
    this.toldZone = connection.zone
    this.around.tally.add(connection)
    connection.watch({
      onClosed: () => {
        this.heardUntil = Math.max(this.heardUntil, connection.completeUntil())
        this.open.delete(connection)
      },
      onQuiet: () => {}
    })
  }

  private openedDedicated(connection: Connection): void {
    this.openDedicated.set(connection, this.around.clock.currentTimeMillisUnsafe())
    connection.watch({
      onClosed: () => {
        this.openDedicated.delete(connection)
        // Without this the pool would lease a connection that was lost while unused, and the next command would fail.
        this.around.fork(Pool.invalidate(this.dedicatedPool, connection))
      },
      onQuiet: () => {}
    })
  }

  /** Dedicated connections lead to the old endpoint: those that are idle are closed now, the others when they are given back. */
  private renewDedicated(): void {
    for (const [connection, openedAt] of this.openDedicated) {
      if (openedAt > this.around.handoffs.movesAt) continue
      if (this.leased.has(connection)) this.outdated.add(connection)
      else this.around.fork(Pool.invalidate(this.dedicatedPool, connection))
    }
  }

  /** Where its connections are opened now; undefined for its own address. */
  get via(): Address | undefined {
    return this.around.handoffs.via
  }

  readonly connect = (): void => {
    // Of a pool that is closed nodes are made that have ended, and nothing connects to them.
    if (this.started || this.end !== undefined) return
    this.started = true
    for (const connection of this.shared) Fiber.runIn(this.around.fork(connection.run), this.scope)
  }

  readonly submit = (call: Call, slot: number): void => {
    if (!this.started) this.connect()
    if (this.held.isEmpty || !this.held.takes(call, slot)) this.sharedOf(slot).submit(call)
  }

  readonly handOver: Node["handOver"] = (heirs) => handOver(this.shared, heirs)

  readonly hold: Node["hold"] = (slots, unsent, answered) => this.held.begin(slots, unsent, answered)

  private sharedOf(slot: number): SharedConnection {
    const { shared } = this
    return shared.length === 1 || slot < 0 ? shared[0] : shared[slot % shared.length]
  }

  readonly taker: Taker = { submit: (call) => this.submit(call, -1) }

  readonly execute: Node["execute"] = (command) =>
    Effect.suspend(() =>
      this.executeBy(command, deadlineOf(command, this.around.clock.currentTimeMillisUnsafe(), this.commandTimeout))
    )

  readonly executeBy: Node["executeBy"] = (command, deadline) =>
    Effect.suspend(() => {
      const { clock } = this.around
      const timeout = this.commandTimeout
      // SCRIPT KILL would wait behind the script that it ends, or for a lease behind the commands that wait for that script.
      const { urgent } = command.spec
      // A command that blocks would hold up all others on a shared connection.
      if (!urgent && !standsApart(command, this.limits)) return run(this.taker, command, deadline, timeout)
      const own = urgent ? this.urgentBy(deadline) : this.dedicatedBy(deadline)
      return Effect.scoped(Effect.flatMap(own, (connection) => {
        const now = clock.currentTimeMillisUnsafe()
        return run(connection, withTimeLeft(command, { now, deadline, timeout }), deadline, timeout)
      }))
    })

  readonly ask = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    Effect.suspend(() => {
      const deadline = deadlineOf(command, this.around.clock.currentTimeMillisUnsafe(), this.commandTimeout)
      return run(this.taker, command, deadline, this.commandTimeout, true)
    })

  /** The lease has a scope of its own, because it ends with the node even if its holder's scope stays open. */
  readonly dedicated = Effect.flatMap(
    Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope)),
    (scope) => Effect.onError(Scope.provide(this.lease(scope), scope), () => Scope.close(scope, Exit.void))
  )

  readonly dedicatedBy = (deadline: number): typeof this.dedicated => this.inTime(this.dedicated, deadline)

  /** Opens a connection for one command, outside of `maxDedicated`. */
  private urgentBy(deadline: number): typeof this.dedicated {
    const opened = Effect.tap(this.connectOne, (connection) => {
      if (this.end !== undefined) return Effect.fail(this.unsent(this.end))
      this.urgent.add(connection)
      return Effect.addFinalizer(() => Effect.sync(() => this.urgent.delete(connection)))
    })
    return this.inTime(
      Effect.suspend(() => this.end === undefined ? opened : Effect.fail(this.unsent(this.end))),
      deadline
    )
  }

  private inTime(own: typeof this.dedicated, deadline: number): typeof this.dedicated {
    return Effect.suspend(() =>
      within(own, {
        soon: this.around.soon,
        duration: deadline - this.around.clock.currentTimeMillisUnsafe(),
        orElse: () => Effect.fail(this.unsent(new RedisError.Timeout({ waitingFor: "a connection of its own" })))
      })
    )
  }

  private unsent(reason: RedisError.Reason): RedisError.RedisError {
    return unsent(reason, undefined, this.address.key)
  }

  private readonly lease = (scope: Scope.Closeable) =>
    within(
      // A pool that shuts down interrupts the fibers that wait for a lease.
      Effect.catchCauseIf(
        // A pool that has been shut down answers nobody.
        Effect.suspend(() =>
          this.end === undefined ? Pool.get(this.dedicatedPool) : Effect.fail(this.unsent(this.end))
        ),
        Cause.hasInterruptsOnly,
        () => Effect.fail(this.unsent(this.end ?? new RedisError.Closed()))
      ),
      {
        soon: this.around.soon,
        duration: this.around.options.leaseTimeout ?? this.commandTimeout,
        orElse: () => {
          const millis = Duration.toMillis(
            Duration.fromInputUnsafe(this.around.options.leaseTimeout ?? this.commandTimeout)
          )
          const limit = this.around.options.maxDedicated ?? defaultMaxDedicated
          const waitingFor = `one of the node's ${limit} dedicated connections (see maxDedicated)`
          return Effect.fail(this.unsent(new RedisError.Timeout({ waitingFor, millis })))
        }
      }
    ).pipe(
      Effect.tap((connection) => {
        if (this.end !== undefined) {
          return Effect.fail(this.unsent(this.end))
        }
        this.leased.set(connection, scope)
        return Effect.addFinalizer(() => this.takeBack(connection))
      })
    )

  /**
   * Ends a lease. The connection is leased again only if it is open and idle, and its state is as new. A connection that only
   * watches keys is sent UNWATCH first. All others are closed.
   */
  private takeBack(connection: Connection): Effect.Effect<void> {
    const isUsable = () =>
      !connection.isClosed() && connection.stats().inFlight + connection.stats().waiting === 0 &&
      connection.condition() === "AsNew" && !this.outdated.has(connection)
    const tidy = Effect.suspend(() =>
      connection.condition() === "Watching" && connection.stats().inFlight === 0
        ? attempt(connection, UNWATCH, {
          asking: false,
          deadline: this.around.clock.currentTimeMillisUnsafe() + tidyTimeout
        })
        : Effect.void
    )
    return Effect.andThen(
      tidy,
      Effect.suspend(() => {
        this.leased.delete(connection)
        return isUsable() ? Effect.void : Pool.invalidate(this.dedicatedPool, connection)
      })
    )
  }

  readonly completeUntil = (): number =>
    Math.max(this.heardUntil, ...Array.from(this.open, (connection) => connection.completeUntil()))

  readonly absence = (slot: number): Failure | undefined => {
    const { state } = this.sharedOf(slot)
    return state._tag === "Down" ? state.failure : undefined
  }

  readonly isOpen = (slot: number): boolean => this.sharedOf(slot).isOpen

  readonly zone = (): string | undefined => this.toldZone

  readonly isDown = (): boolean => this.shared[0].state._tag === "Down"

  readonly isLost = (): boolean => this.shared[0].isLost

  readonly lostBy = (): RedisError.Reason | undefined => this.shared[0].lostBy

  readonly stats = (): NodeStats => {
    const stats = {
      connections: this.shared.length,
      open: 0,
      dedicated: this.openDedicated.size,
      leased: this.leased.size,
      inFlight: 0,
      waiting: this.held.waiting
    }
    for (const connection of this.shared) {
      if (connection.isOpen) stats.open++
      stats.waiting += connection.queued
    }
    for (const connection of this.open) {
      const { inFlight, waiting } = connection.stats()
      stats.inFlight += inFlight
      stats.waiting += waiting
    }
    return { ...stats, ...this.around.tally.totals }
  }

  abort(reason: RedisError.Reason): void {
    this.end ??= reason
    this.held.end(reason)
    for (const connection of this.shared) connection.abort(reason)
    for (const connection of this.open) connection.abort(reason)
  }

  /**
   * Takes no more calls, and completes once the present ones are answered or abandoned. Blocked commands are unblocked.
   */
  readonly finish = (reason: RedisError.Reason): Effect.Effect<void> =>
    Effect.gen({ self: this }, function*() {
      this.end ??= reason
      this.held.end(reason)
      // One that finishes already, or is handed over, would refuse to unblock others.
      const takers = this.shared.flatMap(({ state }) => state._tag === "Open" ? state.connection : [])
      const shared = this.shared.flatMap((connection) => connection.leave(reason) ?? [])
      const leased = [...this.leased.keys(), ...this.urgent]
      for (const connection of leased) connection.finish(reason)
      yield* unblock(leased, takers.length > 0 ? Effect.succeed(takers[0]) : this.connectOne, reason)
      for (const connection of shared) connection.finish(reason)
      yield* Effect.forEach([...shared, ...leased], drained, { concurrency: "unbounded", discard: true })
    })

  /** Ends all leases. The pool waits for them when it shuts down. */
  readonly endLeases = Effect.suspend(() =>
    Effect.forEach([...this.leased.values()], (lease) => Scope.close(lease, Exit.void), { discard: true })
  )

  /** Closes the connections of a node that has left, once everything that was sent is answered, or after `drainTimeout`. */
  readonly retire = (drainTimeout: Duration.Input): Effect.Effect<void> => {
    const isDrained = Effect.sync(() =>
      this.leased.size + this.urgent.size === 0 && this.shared.every((connection) => connection.pending === 0)
    )
    const wait = Effect.repeat(Effect.andThen(Effect.sleep("20 millis"), isDrained), { until: (done) => done })
    return Effect.gen({ self: this }, function*() {
      this.retired = true
      // Calls that were never sent can go elsewhere at once, before whatever comes now; this node may be dead.
      this.held.end(left)
      for (const connection of this.shared) connection.giveBack(left)
      const { clock, handoffs: { relief } } = this.around
      const isSlow = relief.isInForce(clock.currentTimeMillisUnsafe())
      const duration = isSlow
        ? Duration.max(Duration.fromInputUnsafe(drainTimeout), Duration.millis(relaxed))
        : drainTimeout
      yield* within(wait, { duration, soon: this.around.soon, orElse: () => Effect.succeed(false) })
      this.abort(left)
      yield* Scope.close(this.scope, Exit.void)
    })
  }
}
