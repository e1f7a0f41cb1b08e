/**
 * Runs the effect that yields the password, once for all connections that are opened at the same time, and after growing pauses
 * while it fails.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { RedisError } from "../../RedisError.ts"
import { login } from "./handshake.ts"
import type { Login } from "./handshake.ts"
import type { Options } from "./options.ts"
import { Pauses } from "./pauses.ts"
import type { Pacing } from "./pauses.ts"

/** The maximum age of a login, in milliseconds, when the opening of a connection begins. */
const moment = 200

/** Those who connect to one node. */
export interface User {
  /** Whether their last attempt has failed. */
  readonly isFailing: () => boolean
}

interface Run {
  readonly fiber: Fiber.Fiber<Login, RedisError>
  readonly startedAt: number
  /** The number of connections that wait for it. */
  waiting: number
}

export class Logins {
  /** The pauses after the effect has failed. */
  readonly pauses: Pauses
  private readonly pacing: Pacing
  private readonly ask: Effect.Effect<Login, RedisError> | undefined
  private readonly isShared: boolean
  private readonly patience: number
  private running: Run | undefined
  /** The number of runs that have ended. */
  private ended = 0
  private endedAt = -Infinity
  private last: Exit.Exit<Login, RedisError> | undefined
  /** The users that have been given the result of the last run. */
  private readonly users = new Set<User>()

  constructor({ connectTimeout = "5 seconds", credentials }: Options, pacing: Pacing) {
    this.pacing = pacing
    this.pauses = new Pauses(pacing)
    this.ask = credentials && login(credentials)
    this.isShared = Effect.isEffect(credentials?.password)
    this.patience = Duration.toMillis(Duration.fromInputUnsafe(connectTimeout))
  }

  /**
   * Opens a connection that logs in. The login comes from a run that ended after the opening began. For a user that is failing it may
   * have ended just before, but then the user is not given the same login twice, since the node may have refused it.
   */
  readonly use = <A, E, R>(
    user: User,
    open: (login: Effect.Effect<Login, RedisError> | undefined) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> => {
    const { ask } = this
    if (ask === undefined || !this.isShared) return open(ask)
    return Effect.suspend(() => {
      const before = this.ended
      const answer = Effect.suspend(() => this.known(before, user) ?? this.join(ask))
      return open(Effect.tap(answer, () => Effect.sync(() => this.users.add(user))))
    })
  }

  /** The result of the last run, if it is recent enough. */
  private known(before: number, user: User): Exit.Exit<Login, RedisError> | undefined {
    if (this.ended > before) return this.last
    if (!user.isFailing() || this.users.has(user) || this.last?._tag !== "Success") return undefined
    return this.pacing.clock.currentTimeMillisUnsafe() - this.endedAt <= moment ? this.last : undefined
  }

  /** Waits for the run that is under way, or begins one. Newcomers do not wait for a run that takes longer than `connectTimeout`. */
  private readonly join = (ask: Effect.Effect<Login, RedisError>): Effect.Effect<Login, RedisError> =>
    Effect.uninterruptibleMask(Effect.fnUntraced({ self: this }, function*(restore) {
      const now = this.pacing.clock.currentTimeMillisUnsafe()
      const known = this.running
      const run = known !== undefined && now - known.startedAt < this.patience ? known : yield* this.begin(ask, now)
      run.waiting++
      const left = Effect.sync(() => {
        if (--run.waiting > 0) return
        if (this.running === run) this.running = undefined
        run.fiber.interruptUnsafe()
      })
      return yield* yield* Effect.ensuring(restore(Fiber.await(run.fiber)), left)
    }))

  private readonly begin = (ask: Effect.Effect<Login, RedisError>, startedAt: number): Effect.Effect<Run> =>
    Effect.map(Effect.forkDetach(Effect.interruptible(ask), { startImmediately: true }), (fiber) => {
      const run: Run = { fiber, startedAt, waiting: 0 }
      this.running = run
      fiber.addObserver((exit) => {
        if (this.running !== run) return
        this.running = undefined
        this.ended++
        this.endedAt = this.pacing.clock.currentTimeMillisUnsafe()
        this.last = exit
        this.users.clear()
        if (Exit.isSuccess(exit)) return this.pauses.reset()
        const error = Cause.findErrorOption(exit.cause)
        if (error._tag === "Some") this.pauses.fail(error.value)
      })
      return run
    })
}
