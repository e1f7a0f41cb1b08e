/**
 * Runs the effect that yields the password or all credentials, once for all connections that are opened at the same time, and
 * after growing pauses while it fails. What ends is asked for anew before that, once for all connections that have it.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { ConnectionFailed } from "../../RedisError.ts"
import type { RedisError } from "../../RedisError.ts"
import { unsent } from "../failures/failure.ts"
import { login } from "./credentials.ts"
import type { Login } from "./credentials.ts"
import type { Options } from "./options.ts"
import { Pauses } from "./pauses.ts"
import type { Pacing } from "./pauses.ts"
import type { Access } from "./renewal.ts"

/** The maximum age of a login, in milliseconds, when the opening of a connection begins. */
const moment = 200

/** A run that takes longer than connections may: the next try begins another one. */
const overdue = Effect.suspend(() =>
  Effect.fail(unsent(
    new ConnectionFailed({ problem: "the effect that yields the credentials did not end within connectTimeout" })
  ))
)

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
  /** Logins that some server has refused. */
  private readonly refused = new WeakSet<Login>()
  private readonly release: Access["release"]

  constructor(
    { connectTimeout = "5 seconds", credentials }: Options,
    pacing: Pacing,
    release: Access["release"] = () => Effect.void
  ) {
    this.release = release
    this.pacing = pacing
    this.pauses = new Pauses(pacing)
    this.ask = credentials && login(credentials)
    this.isShared = Effect.isEffect(credentials) || Effect.isEffect(credentials?.password)
    this.patience = Duration.toMillis(Duration.fromInputUnsafe(connectTimeout))
  }

  /**
   * Opens a connection that logs in. The login comes from a run that ended after the opening began. For a user that is failing it may
   * have ended just before, but then the user is not given the same login twice, since the node may have refused it.
   */
  readonly use = <A, E, R>(
    user: User,
    open: (access: Access | undefined) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> => {
    const { ask, release } = this
    if (ask === undefined) return open(undefined)
    const onRefused = (login: Login): void => void this.refused.add(login)
    const access = (login: Access["login"]): Access => ({ login, renew: this.renew, onRefused, release })
    if (!this.isShared) return open(access(ask))
    return Effect.suspend(() => {
      const before = this.ended
      const answer = Effect.suspend(() => this.known(before, user) ?? this.join(ask))
      return open(access(Effect.tap(answer, () => Effect.sync(() => this.users.add(user)))))
    })
  }

  /** The login of the last run if it serves, or that of a new run. While the effect fails there is none. */
  private readonly renew: Access["renew"] = (held, isProved) =>
    Effect.suspend(() => {
      const now = this.pacing.clock.currentTimeMillisUnsafe()
      const last = this.last?._tag === "Success" ? this.last.value : undefined
      if (last !== undefined && !this.refused.has(last) && last.since > held.since) {
        // In its first half it is new enough, and nobody else has found it old.
        const isFresh = now - last.since < (last.until - last.since) / 2
        if (isFresh && (last.isAccepted || !isProved)) return Effect.succeed(last)
      }
      const { left, refusal } = this.pauses
      if (left > 0 && refusal !== undefined) return Effect.fail(refusal)
      return Effect.raceFirst(this.join(this.ask!), Effect.andThen(Effect.sleep(this.patience), overdue))
    })

  /** The result of the last run, if it is recent enough. */
  private known(before: number, user: User): Exit.Exit<Login, RedisError> | undefined {
    if (this.ended > before) return this.last
    if (!user.isFailing() || this.users.has(user) || this.last?._tag !== "Success") return undefined
    return Math.abs(this.pacing.clock.currentTimeMillisUnsafe() - this.endedAt) <= moment ? this.last : undefined
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
