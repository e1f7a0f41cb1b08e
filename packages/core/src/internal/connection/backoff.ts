/**
 * The back-off of a node, for everybody who connects to it: shared connections, leases, subscriptions.
 *
 * While it is not known that the node accepts connections, only one attempt is made at a time. Everybody else waits for it: if it
 * fails they fail with the same error, and if it succeeds they open connections of their own. After a failure there is a pause, in
 * which attempts fail at once with the last error. A connection that is lost soon after the handshake counts as a failure. The state
 * belongs to the address, so it outlives the connections to it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RedisError from "../../RedisError.ts"
import { unsent } from "../failures/failure.ts"
import type { Connection } from "./connection.ts"
import { Pauses } from "./pauses.ts"
import type { Pacing } from "./pauses.ts"

/** A connection that lived no longer than this, in milliseconds, counts as a failed attempt. */
export const shortLife = 1000

/** The maximum number of nodes whose state is kept. Beyond it, those are forgotten that failed the longest time ago. */
const mostNodes = 2000

export interface Options extends Pacing {
  /** The pauses while the effect that yields the password fails. They hold for all nodes. */
  readonly logins: Pauses
  /** Whether this is a reason for which the client itself closes connections. */
  readonly isOwn: (reason: RedisError.Reason) => boolean
}

export class NodeBackoff {
  private readonly node: string
  private readonly options: Options
  private readonly pauses: Pauses
  private readonly touch: () => void
  /** Whether a connection is open, and no other was lost or refused since it was opened. If so, anybody may connect at once. */
  private isAccepting = false
  /** The number of open connections. */
  private open = 0
  /** Rises with each failure that counts. Of attempts and connections that began in the same era, only the first failure counts. */
  private era = 0
  /** When the first connection of this era was opened. */
  private openedAt: number | undefined
  /** Completes when the one attempt that is under way has ended. */
  private attempt: Deferred.Deferred<void, RedisError.RedisError> | undefined

  constructor(node: string, options: Options, touch: () => void) {
    this.node = node
    this.options = options
    this.pauses = new Pauses(options)
    this.touch = touch
  }

  /** The milliseconds until the next attempt is due. */
  private get left(): number {
    return Math.max(this.pauses.left, this.options.logins.left)
  }

  /** Whether no connection has lasted since the last failure. */
  readonly isFailing = (): boolean => this.pauses.isFailing

  /** Whether the last attempt has failed and the next is not due yet. */
  readonly isPausing = (): boolean => this.left > 0

  /** Waits until the next attempt is due. */
  readonly due: Effect.Effect<void> = Effect.suspend(() => {
    const { left } = this
    return left > 0 ? Effect.andThen(Effect.sleep(left), this.due) : Effect.void
  })

  /** Opens a connection, or fails at once if no attempt is due. */
  readonly connect = <R>(
    open: Effect.Effect<Connection, RedisError.RedisError, R>
  ): Effect.Effect<Connection, RedisError.RedisError, R> =>
    Effect.uninterruptibleMask((restore) => {
      const { attempt, refusal } = this
      if (refusal !== undefined) return Effect.fail(refusal)
      if (this.isAccepting) return restore(this.counted(open))
      if (attempt !== undefined) return restore(Effect.andThen(Deferred.await(attempt), this.connect(open)))
      const own = Deferred.makeUnsafe<void, RedisError.RedisError>()
      this.attempt = own
      return Effect.onExit(restore(this.counted(open)), (exit) =>
        Effect.sync(() => {
          this.attempt = undefined
          const error = Exit.findErrorOption(exit)
          // An attempt that was interrupted says nothing about the node. Somebody who waits makes the next one.
          Deferred.doneUnsafe(own, error._tag === "Some" ? Exit.fail(error.value) : Exit.void)
        }))
    })

  private get refusal(): RedisError.RedisError | undefined {
    return this.pauses.refusal ?? this.options.logins.refusal
  }

  private readonly counted = <R>(
    open: Effect.Effect<Connection, RedisError.RedisError, R>
  ): Effect.Effect<Connection, RedisError.RedisError, R> =>
    Effect.suspend(() => {
      const { era } = this
      return Effect.tapError(
        Effect.tap(open, (connection) => Effect.sync(() => this.opened(connection))),
        (error) => Effect.sync(() => this.failed(era, error))
      )
    })

  private now(): number {
    return this.options.clock.currentTimeMillisUnsafe()
  }

  private opened(connection: Connection): void {
    const { era } = this
    const openedAt = this.now()
    const lost = (reason: RedisError.Reason): void => {
      this.open--
      if (this.options.isOwn(reason)) {
        if (this.open === 0) this.isAccepting = false
        return
      }
      this.isAccepting = false
      if (this.now() - openedAt < shortLife) return this.failed(era, this.didNotLast(reason))
      if (era === this.era) this.pauses.reset()
    }
    this.pauses.end()
    this.open++
    this.isAccepting = true
    this.openedAt ??= openedAt
    if (connection.isClosed()) lost(new RedisError.ConnectionLost({ problem: "the peer hung up" }))
    else connection.watch({ onClosed: ({ reason }) => lost(reason), onQuiet: () => {} })
  }

  private failed(era: number, error: RedisError.RedisError): void {
    if (era !== this.era) return
    this.era++
    this.isAccepting = false
    // A connection that was opened since the last failure, and has lasted, is a success.
    if (this.openedAt !== undefined && this.now() - this.openedAt >= shortLife) this.pauses.reset()
    this.openedAt = undefined
    this.pauses.fail(error)
    this.touch()
  }

  private didNotLast(reason: RedisError.Reason): RedisError.RedisError {
    const problem = `connections to it do not last: ${reason.message}`
    return unsent(new RedisError.ConnectionFailed({ problem, cause: reason }), undefined, this.node)
  }
}

/** The back-offs of all nodes, by the keys of their addresses. */
export class Backoff {
  private readonly options: Options
  private readonly nodes = new Map<string, NodeBackoff>()

  constructor(options: Options) {
    this.options = options
  }

  /** The back-off of a node. Connections with another handshake are of another `kind`, and have a back-off of their own. */
  of(node: string, kind = ""): NodeBackoff {
    const key = `${node} ${kind}`
    const known = this.nodes.get(key)
    if (known !== undefined) return known
    const made: NodeBackoff = new NodeBackoff(node, this.options, () => this.keep(key, made))
    this.keep(key, made)
    return made
  }

  private keep(key: string, node: NodeBackoff): void {
    this.nodes.delete(key)
    this.nodes.set(key, node)
    for (const first of this.nodes.keys()) {
      if (this.nodes.size <= mostNodes) break
      this.nodes.delete(first)
    }
  }

  /** How many nodes are kept. */
  get size(): number {
    return this.nodes.size
  }
}
