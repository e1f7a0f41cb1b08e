/**
 * A connection that many fibers share, and that is opened again after every loss. Commands are submitted to this object.
 *
 * Calls that come while it connects wait. In the pause before the next try, calls fail at once, unsent. So the redirect policy
 * can look for another owner of the slot, and no queue grows at a dead node.
 *
 * When the server announces that the endpoint moves, a connection to the new one takes over. Calls wait from when it is open until
 * everything that was written on the old one is answered, so that nothing is sent twice and nothing overtakes:
 *
 * ```
 *   old   [ written ] ... answers ... | end
 *   new        opened --------------- | [ waiting, oldest first ]
 * ```
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pool from "effect/Pool"
import * as Scope from "effect/Scope"
import type { Connector } from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import { notSent, timedOut } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { failAll, sweep, Unattended } from "./call.ts"
import type { Call, Taker } from "./call.ts"
import type { Connection } from "./connection.ts"
import type { Watcher } from "./ending.ts"
import type { Handoffs } from "./handoffs.ts"
import { answeredBy } from "./heldSlots.ts"
import * as Reconnect from "./reconnect.ts"
import { Ring } from "./ring.ts"
import { each } from "./strays.ts"
import type { Report } from "./strays.ts"

export type State =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Open"; readonly connection: Connection }
  /** Another connection takes over as soon as this one has its last answer. */
  | { readonly _tag: "Moving"; readonly connection: Connection }
  /** This one takes no more calls, and another is opened once it has its last answer. */
  | { readonly _tag: "Finishing"; readonly connection: Connection }
  | { readonly _tag: "Down"; readonly failure: Failure }

export interface Options {
  /** Waiting calls beyond this many fail with `Overloaded`; Infinity lets them wait. */
  readonly maxWaiting: number
  /** Called after a loss or a failed try to connect; without a failure if the server has gone quiet. */
  readonly onTrouble: (failure: Failure | undefined) => void
  /** Called when a lost connection is open again. */
  readonly onReopened: () => void
  /** Called when another connection has taken over. */
  readonly onHandedOver: () => void
  readonly report: Report
  readonly soon: Connector["Service"]["soon"]
  /** Waits until the node may be connected to again. */
  readonly due: Effect.Effect<void>
  readonly handoffs: Handoffs
}

/** Why a connection ends over which another has taken. */
export const moved = new RedisError.ConnectionLost({ problem: "the node's endpoint has moved elsewhere" })

/** Why PINGs are not sent any more on a connection that takes no more calls. */
const ended = new RedisError.ConnectionLost({ problem: "the connection takes no more commands" })

/** The pause between two tries to connect to a new endpoint, in milliseconds. */
const pause = 100

/** How long a connection stays at least before it moves, in milliseconds: a server may say at each endpoint that it moves. */
const leastStay = 500

/** The least time for the last answers on the old connection, in milliseconds. */
const leastTime = 1000

/** A connection from the pool. */
interface Lease {
  readonly connection: Connection
  /** Gives it back, to be closed. */
  readonly end: Effect.Effect<void>
}

/** A connection that takes over, and how long that may take. */
interface Successor extends Lease {
  readonly _tag: "Successor"
  readonly until: number
}

export class SharedConnection implements Taker {
  private readonly node: string
  private readonly pool: Pool.Pool<Connection, RedisError.RedisError>
  private readonly options: Options
  private readonly waiting = new Ring<Call>()
  /** How many of those that wait are the client's own, which take no room from its callers. */
  private ownWaiting = 0
  private current: State = { _tag: "Connecting" }
  private wasOpen = false
  /** Why the last try to open it has failed; undefined if it has not. */
  lostBy: RedisError.Reason | undefined
  /** Whether the connection must not be opened again. */
  private isOver = false

  constructor(node: string, pool: Pool.Pool<Connection, RedisError.RedisError>, options: Options) {
    this.node = node
    this.pool = pool
    this.options = options
  }

  get isLost(): boolean {
    return this.lostBy !== undefined
  }

  get state(): State {
    return this.current
  }

  /** The connection on which answers come in. */
  private get connection(): Connection | undefined {
    const { current } = this
    return "connection" in current ? current.connection : undefined
  }

  get isOpen(): boolean {
    return this.current._tag === "Open" || this.current._tag === "Moving"
  }

  /** The number of commands that wait for the connection, or are on it and not yet answered. */
  get pending(): number {
    const { connection } = this
    if (connection === undefined) return this.waiting.length
    const { inFlight, waiting } = connection.stats()
    return inFlight + waiting + this.waiting.length
  }

  /** The number of commands that wait for the connection. */
  get queued(): number {
    return this.waiting.length
  }

  /** Takes out the calls that were not written and fit, oldest first. */
  readonly withdraw = (fits: (call: Call) => boolean): ReadonlyArray<Call> => {
    const onConnection = this.current._tag === "Open" ? this.current.connection.withdraw(fits) : []
    return [...onConnection, ...this.waiting.take(fits)]
  }

  /** Completes when everything is answered that was written by now. */
  readonly answered: Effect.Effect<unknown> = Effect.suspend(() => {
    const { current } = this
    if (current._tag === "Open") return answeredBy(current.connection)
    return "connection" in current ? current.connection.closed : Effect.void
  })

  submit(call: Call): void {
    const state = this.current
    switch (state._tag) {
      case "Open":
        return state.connection.submit(call)
      case "Connecting":
      case "Moving":
      case "Finishing":
        if (call.isOwn) this.ownWaiting++
        if (call.hasRoomAt(this.node) || this.waiting.length - this.ownWaiting < this.options.maxWaiting) {
          return this.waiting.push(call)
        }
        return call.onFailure(notSent(new RedisError.Overloaded({ limit: this.options.maxWaiting }), this.node))
      case "Down":
        return call.onFailure({ ...state.failure, delivery: "NotSent" })
    }
  }

  /** Ends the connection. All its calls fail with the reason. */
  abort(reason: RedisError.Reason): void {
    this.connection?.abort(reason)
    this.down(notSent(reason, this.node))
  }

  /** Fails the calls that were not sent yet. If it is not open, it ends. */
  giveBack(reason: RedisError.Reason): void {
    const { current } = this
    if (current._tag === "Open") current.connection.giveBack(reason)
    else if ("connection" in current) this.failWaiting(notSent(reason, this.node))
    else this.abort(reason)
  }

  /** Takes no more calls and opens no more connections. Returns the open connection, if any, which may still have calls. */
  leave(reason: RedisError.Reason): Connection | undefined {
    const { connection } = this
    this.isOver = true
    this.down(notSent(reason, this.node))
    return connection
  }

  private open(connection: Connection, isSuccessor: boolean): void {
    if (this.isOver) return
    // It ends this life at once; whatever waits, waits for the next.
    if (connection.isClosed()) {
      this.current = { _tag: "Connecting" }
      return
    }
    if (isSuccessor) this.options.onHandedOver()
    else if (this.wasOpen) this.options.onReopened()
    this.wasOpen = true
    this.lostBy = undefined
    this.current = { _tag: "Open", connection }
    connection.share()
    const lost = notSent(ended, this.node)
    const watcher: Watcher = {
      onClosed: (failure) => {
        if (this.current._tag === "Moving") return
        if (this.connection !== undefined) this.current = { _tag: "Connecting" }
        this.options.onTrouble(failure)
      },
      onQuiet: () => this.options.onTrouble(undefined),
      // What was not written waits for the next connection, and what comes now behind it.
      onFinishing: () => {
        if (this.current._tag !== "Open") return
        this.current = { _tag: "Finishing", connection }
        this.keep(connection.withdraw(() => true), lost)
      }
    }
    connection.watch(watcher)
    this.ownWaiting = 0
    each(this.waiting.drain(), (call) => {
      if (!call.abandoned) connection.submit(call)
    }, this.options.report)
  }

  private down(failure: Failure): void {
    this.lostBy = failure.reason
    this.current = { _tag: "Down", failure }
    this.failWaiting({ ...failure, delivery: "NotSent" })
  }

  private failWaiting(failure: Failure): void {
    this.ownWaiting = 0
    failAll(this.waiting, failure, this.options.report)
  }

  private lease(scope: Scope.Scope): Effect.Effect<Lease, RedisError.RedisError> {
    const { options: { handoffs }, pool } = this
    return Effect.flatMap(Scope.fork(scope), (own) =>
      Effect.flatMap(
        Effect.onError(Scope.provide(Pool.get(pool), own), () => Scope.close(own, Exit.void)),
        (connection) => {
          // Invalidate after release: the pool replaces an item that is invalidated while leased.
          const end = Effect.andThen(Scope.close(own, Exit.void), Pool.invalidate(pool, connection))
          // The pool opens on what nobody waits for any more.
          return handoffs.isAstray(connection)
            ? Effect.andThen(end, this.lease(scope))
            : Effect.succeed({ connection, end })
        }
      ))
  }

  /** Waits until a connection is told to move, and opens the one that takes over. The old one is used meanwhile. */
  private successor(scope: Scope.Scope, old: Connection, openedAt: number): Effect.Effect<Successor> {
    const { due, handoffs } = this.options
    const hearing = handoffs.hearingOf(old)
    if (hearing === undefined) return Effect.never
    return Effect.gen({ self: this }, function*(): Effect.fn.Return<Successor> {
      const clock = yield* Clock.Clock
      let failure: Failure | undefined
      const attempt = Effect.match(this.lease(scope), {
        onSuccess: (lease) => lease,
        onFailure: ({ reason }) => {
          failure = notSent(reason, this.node)
          return undefined
        }
      })
      while (true) {
        yield* hearing.told.await
        const move = hearing.move!
        const now = clock.currentTimeMillisUnsafe()
        // The server will end the old connection, as if nothing had been said.
        if (now >= move.until) {
          yield* hearing.told.close
          if (failure !== undefined) this.options.onTrouble(failure)
          continue
        }
        const from = Math.max(move.from, openedAt + leastStay)
        if (now < from) {
          yield* Effect.sleep(from - now)
          continue
        }
        const lease = yield* Effect.raceFirst(attempt, Effect.as(Effect.sleep(move.until - now), undefined))
        if (lease !== undefined && hearing.move === move) return { _tag: "Successor", ...lease, until: move.until }
        if (lease !== undefined) yield* lease.end
        else yield* Effect.andThen(Effect.sleep(pause), due)
      }
    })
  }

  /** Lets the calls that a connection has not written wait for the next one. */
  private keep(calls: ReadonlyArray<Call>, failure: Failure): void {
    each(calls, (call) => {
      if (call.abandoned) return
      // The PINGs of the old connection prove nothing of another.
      if (call instanceof Unattended) return call.onFailure(failure)
      if (call.isOwn) this.ownWaiting++
      this.waiting.push(call)
    }, this.options.report)
  }

  /** Stops writing on a connection, and completes when everything on it is answered, or its time is up. */
  private handOver(old: Connection, until: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const clock = yield* Clock.Clock
      this.current = { _tag: "Moving", connection: old }
      const failure = notSent(moved, this.node)
      this.keep(old.handOver(moved), failure)
      const left = Math.max(until - clock.currentTimeMillisUnsafe(), leastTime)
      yield* Effect.raceFirst(old.closed, Effect.sleep(left))
      old.abort(moved)
    })
  }

  /** Leases a connection, waits until it is lost, and leases the next one. Runs for as long as the node exists. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    const { handoffs, report, soon } = this.options
    // Deadlines of calls that wait. Once the connection is open, it watches deadlines itself.
    const overdue = sweep(this.waiting, () => timedOut(this.node, "a connection to the node", false), {
      report,
      soon,
      relax: (queue, now) => handoffs.relief.relax(queue, now)
    })
    const life = Effect.gen({ self: this }, function*() {
      if (this.isOver) return yield* Effect.never
      const clock = yield* Clock.Clock
      this.current = { _tag: "Connecting" }
      const { connection, error, openedAt } = yield* Effect.scoped(Effect.gen({ self: this }, function*() {
        const scope = yield* Effect.scope
        let lease = yield* Effect.raceFirst(this.lease(scope), overdue)
        if (this.isOver) return yield* Effect.never
        let openedAt = clock.currentTimeMillisUnsafe()
        this.open(lease.connection, false)
        while (true) {
          const { connection } = lease
          const next = yield* Effect.raceFirst(connection.closed, this.successor(scope, connection, openedAt))
          if (next._tag !== "Successor") return { connection, openedAt, error: next }
          yield* Effect.raceFirst(this.handOver(connection, next.until), overdue)
          yield* lease.end
          lease = next
          openedAt = clock.currentTimeMillisUnsafe()
          this.open(lease.connection, true)
        }
      }))
      // Invalidate after release: the pool replaces an item that is invalidated while leased.
      yield* Pool.invalidate(this.pool, connection)
      return { millis: clock.currentTimeMillisUnsafe() - openedAt, error }
    })
    return Reconnect.forever(life, this.options.due, (error) => {
      const failure: Failure = { reason: error.reason, delivery: "NotSent", node: this.node }
      this.down(failure)
      // The loss of an open connection was already reported by the watcher.
      if (error.delivery === "NotSent") this.options.onTrouble(failure)
    })
  })
}
