/**
 * A connection that many fibers share, and that comes back after every loss: what commands are submitted to.
 *
 * Calls that come while it connects wait for it. While it waits before the next try they fail at once, unsent, so that
 * the redirect policy can look for another owner of the slot; they don't pile up here.
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
  /** Told of a loss or a failed try, and of a server that has gone quiet. */
  readonly onTrouble: (failure: Failure | undefined) => void
  /** A connection that was lost is open again. */
  readonly onReopened: () => void
  readonly report: Report
  readonly soon: Connector["Service"]["soon"]
}

export class SharedConnection implements Taker {
  private readonly node: string
  private readonly pool: Pool.Pool<Connection, RedisError.RedisError>
  private readonly options: Options
  private readonly waiting = new Ring<Call>()
  private current: State = { _tag: "Connecting" }
  private wasOpen = false
  /** Whether the last try to open it has failed. */
  isLost = false
  /** Whether it is not to come back any more. */
  private isOver = false

  constructor(node: string, pool: Pool.Pool<Connection, RedisError.RedisError>, options: Options) {
    this.node = node
    this.pool = pool
    this.options = options
  }

  get state(): State {
    return this.current
  }

  /** Commands waiting for it, or on it and not yet answered. */
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
        if (this.waiting.length < this.options.maxWaiting) return this.waiting.push(call)
        return call.onFailure(notSent(new RedisError.Overloaded({ limit: this.options.maxWaiting }), this.node))
      case "Down":
        return call.onFailure({ ...state.failure, delivery: "NotSent" })
    }
  }

  /** Breaks the connection, for a reason that the calls on it are told. */
  abort(reason: RedisError.Reason): void {
    if (this.current._tag === "Open") this.current.connection.abort(reason)
    this.down(notSent(reason, this.node))
  }

  /** Takes nothing more, and answers the connection on which something may be under way yet, if there is one. */
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
    each(this.waiting.drain(), (call) => {
      if (!call.abandoned) connection.submit(call)
    }, this.options.report)
  }

  private down(failure: Failure): void {
    this.isLost = true
    this.current = { _tag: "Down", failure }
    failAll(this.waiting, { ...failure, delivery: "NotSent" }, this.options.report)
  }

  /** Leases a connection, waits until it is lost, and leases the next. Runs for the life of the node. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    // On an open connection deadlines are the connection's own business.
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
      // Only now that it is given back: the pool replaces at once what is invalidated while it is in use.
      yield* Pool.invalidate(this.pool, connection)
      return { millis: clock.currentTimeMillisUnsafe() - openedAt, error }
    })
    return Reconnect.forever(lease, (error) => {
      const failure: Failure = { reason: error.reason, delivery: "NotSent", node: this.node }
      this.down(failure)
      // A connection that was open has told of its end already.
      if (error.delivery === "NotSent") this.options.onTrouble(failure)
    })
  })
}
