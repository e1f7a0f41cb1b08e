/**
 * A connection that many fibers share, and that is opened again after every loss. Commands are submitted to this object.
 *
 * Calls that come while it connects wait. In the pause before the next try, calls fail at once, unsent. So the redirect policy
 * can look for another owner of the slot, and no queue grows at a dead node.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Pool from "effect/Pool"
import type { Connector } from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import { notSent, timedOut } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { failAll, sweep } from "./call.ts"
import type { Call, Taker } from "./call.ts"
import type { Connection } from "./connection.ts"
import type { Watcher } from "./ending.ts"
import * as Reconnect from "./reconnect.ts"
import { Ring } from "./ring.ts"
import { each } from "./strays.ts"
import type { Report } from "./strays.ts"

export type State =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Open"; readonly connection: Connection }
  | { readonly _tag: "Down"; readonly failure: Failure }

export interface Options {
  /** Waiting calls beyond this many fail with `Overloaded`; Infinity lets them wait. */
  readonly maxWaiting: number
  /** Called after a loss or a failed try to connect; without a failure if the server has gone quiet. */
  readonly onTrouble: (failure: Failure | undefined) => void
  /** Called when a lost connection is open again. */
  readonly onReopened: () => void
  readonly report: Report
  readonly soon: Connector["Service"]["soon"]
  /** Waits until the node may be connected to again. */
  readonly due: Effect.Effect<void>
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
  /** Whether the last try to open it has failed. */
  isLost = false
  /** Whether the connection must not be opened again. */
  private isOver = false

  constructor(node: string, pool: Pool.Pool<Connection, RedisError.RedisError>, options: Options) {
    this.node = node
    this.pool = pool
    this.options = options
  }

  get state(): State {
    return this.current
  }

  /** The number of commands that wait for the connection, or are on it and not yet answered. */
  get pending(): number {
    if (this.current._tag !== "Open") return this.waiting.length
    const { inFlight, waiting } = this.current.connection.stats()
    return inFlight + waiting
  }

  submit(call: Call): void {
    const state = this.current
    switch (state._tag) {
      case "Open":
        return state.connection.submit(call)
      case "Connecting":
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
    if (this.current._tag === "Open") this.current.connection.abort(reason)
    this.down(notSent(reason, this.node))
  }

  /** Takes no more calls and opens no more connections. Returns the open connection, if any, which may still have calls. */
  leave(reason: RedisError.Reason): Connection | undefined {
    const connection = this.current._tag === "Open" ? this.current.connection : undefined
    this.isOver = true
    this.down(notSent(reason, this.node))
    return connection
  }

  private open(connection: Connection): void {
    if (this.wasOpen) this.options.onReopened()
    this.wasOpen = true
    this.isLost = false
    this.current = { _tag: "Open", connection }
    connection.share()
    const watcher: Watcher = {
      onClosed: (failure) => {
        if (this.current._tag === "Open") this.current = { _tag: "Connecting" }
        this.options.onTrouble(failure)
      },
      onQuiet: () => this.options.onTrouble(undefined)
    }
    connection.watch(watcher)
    this.ownWaiting = 0
    each(this.waiting.drain(), (call) => {
      if (!call.abandoned) connection.submit(call)
    }, this.options.report)
  }

  private down(failure: Failure): void {
    this.isLost = true
    this.current = { _tag: "Down", failure }
    this.ownWaiting = 0
    failAll(this.waiting, { ...failure, delivery: "NotSent" }, this.options.report)
  }

  /** Leases a connection, waits until it is lost, and leases the next one. Runs for as long as the node exists. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    // Deadlines of calls that wait. Once the connection is open, it watches deadlines itself.
    const overdue = sweep(
      this.waiting,
      () => timedOut(this.node, "a connection to the node", false),
      this.options
    )
    const lease = Effect.gen({ self: this }, function*() {
      if (this.isOver) return yield* Effect.never
      const clock = yield* Clock.Clock
      this.current = { _tag: "Connecting" }
      const { connection, error, openedAt } = yield* Effect.scoped(Effect.gen({ self: this }, function*() {
        const connection = yield* Effect.raceFirst(Pool.get(this.pool), overdue)
        if (this.isOver) return yield* Effect.never
        const openedAt = clock.currentTimeMillisUnsafe()
        this.open(connection)
        return { connection, openedAt, error: yield* connection.closed }
      }))
      // Invalidate after release: the pool replaces an item that is invalidated while leased.
      yield* Pool.invalidate(this.pool, connection)
      return { millis: clock.currentTimeMillisUnsafe() - openedAt, error }
    })
    return Reconnect.forever(lease, this.options.due, (error) => {
      const failure: Failure = { reason: error.reason, delivery: "NotSent", node: this.node }
      this.down(failure)
      // The loss of an open connection was already reported by the watcher.
      if (error.delivery === "NotSent") this.options.onTrouble(failure)
    })
  })
}
