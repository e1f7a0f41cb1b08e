/**
 * Where work waits that comes before the first map is known. The topology learns the map in its own time; nobody here tries
 * anything. Once there is a map, those who wait go on in the order in which they came, in portions.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import { Closed, InvalidArgument, Overloaded } from "../../RedisError.ts"
import type { RedisError } from "../../RedisError.ts"
import { deadlineOf } from "../connection/call.ts"
import { each } from "../connection/strays.ts"
import type { Report } from "../connection/strays.ts"
import { notSent, toError, withoutStack } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import * as Pace from "./pace.ts"
import { Queue } from "./queue.ts"
import type { Guest, Leave } from "./queue.ts"
import { outOfTime } from "./stay.ts"

/** The first portion that goes on when the map is known. Each further one is twice as large, so that newcomers can't make it endless. */
const portion = 512

/** Times at which patience ends are rounded up to this many milliseconds, so that thousands need few timers. */
const grain = 10

/** The longest sleep of the timer, in milliseconds, should the clock be set. */
const longestSleep = 500

export interface Options {
  readonly clock: Clock.Clock
  readonly soon: (task: () => void) => void
  readonly report: Report
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** Why there is no map yet. */
  readonly problem: () => RedisError
  /** How many may wait. */
  readonly maxWaiting: number
}

class Waiter implements Guest {
  readonly slot = 0
  readonly readFrom = "primary"
  readonly beside = false
  readonly reads = false
  readonly until: number
  readonly ticket: number
  gone = false
  private readonly resume: (leave: Effect.Effect<Leave>) => void

  constructor(until: number, ticket: number, resume: (leave: Effect.Effect<Leave>) => void) {
    this.until = until
    this.ticket = ticket
    this.resume = resume
  }

  leave(leave: Leave): void {
    this.resume(Exit.succeed(leave))
  }
}

/** The error of a command that has waited in vain. `timeout` is that of commands without one of their own. */
export const unbegun = (failure: Failure, command: Command.Any, timeout: number): RedisError =>
  withoutStack(() => toError(failure, { command, attempts: 0, time: deadlineOf(command, 0, timeout) }))

const there: Leave = { _tag: "Go", ticket: 0, trial: undefined }

export class FirstMap {
  /** Whether the map is known. */
  isKnown = false
  /** Whether the map is known, and nobody waits any more who came before. */
  isThere = false
  /** How many wait. */
  count = 0
  private readonly options: Options
  private readonly queue = new Queue()
  private readonly hastened = Latch.makeUnsafe(false)
  private tickets = 0
  private gone = 0
  private timerAt = Infinity
  private running = false
  private ended = false

  constructor(options: Options) {
    this.options = options
  }

  /** The map is known. */
  readonly arrived = (): void => {
    if (this.isKnown || this.ended) return
    this.isKnown = true
    this.release(portion)
  }

  /** The client ends. */
  end(): void {
    this.ended = true
    this.isKnown = true
    this.isThere = true
    this.leave(this.queue.takeAll(() => true), { _tag: "Closed" })
  }

  /**
   * Waits for the map as long as the policy says, and not beyond the deadline, in milliseconds of the Clock. Answers why there was
   * none in time; undefined if there is one.
   */
  wait(policy: RedirectPolicy.RedirectPolicy, deadline: number): Effect.Effect<Failure | undefined> {
    return Effect.suspend(() => {
      const terms = RedirectPolicy.termsOf("the redirect policy", policy)
      if (Result.isFailure(terms)) return Effect.succeed(notSent(new InvalidArgument({ problem: terms.failure })))
      const { schedule, within } = terms.success
      if (schedule === undefined) return Effect.succeed(this.isKnown ? undefined : this.failure)
      if (within === undefined) return this.paced(Pace.make("the schedule of the redirect policy", schedule), deadline)
      const until = Math.min(deadline, this.now() + within)
      return Effect.map(this.stay(until), (leave) => this.failureOf(leave, until === deadline))
    })
  }

  /** Waits for as long as a schedule goes on. */
  private readonly paced = Effect.fnUntraced(
    { self: this },
    function*(pace: Pace.Pace, deadline: number): Effect.fn.Return<Failure | undefined> {
      // Each stay is at the same place, however long ago the one before has ended.
      const ticket = ++this.tickets
      while (true) {
        const now = this.now()
        const next = yield* pace(now, deadline, this.options.problem())
        if (Result.isFailure(next)) {
          const problem = `${next.failure}, after this: ${this.failure.reason.message}`
          return notSent(new InvalidArgument({ problem }))
        }
        if (next.success === undefined) return this.failure
        const until = Math.min(deadline, now + Math.max(next.success, 1))
        const leave = yield* this.stay(until, ticket)
        if (leave._tag !== "TooLate" || until === deadline) return this.failureOf(leave, until === deadline)
      }
    }
  )

  private get failure(): Failure {
    const { node, reason } = this.options.problem()
    return notSent(reason, node)
  }

  private failureOf(leave: Leave, isDeadline: boolean): Failure | undefined {
    switch (leave._tag) {
      case "Go":
        return undefined
      case "Full":
        return notSent(new Overloaded({ limit: leave.limit }))
      case "Closed":
        return notSent(new Closed())
      case "TooLate":
        return isDeadline ? outOfTime(this.failure) : this.failure
    }
  }

  private stay(until: number, ticket?: number): Effect.Effect<Leave> {
    return Effect.callback((resume) => {
      const leave = (leave: Leave) => resume(Exit.succeed(leave))
      if (this.ended) return leave({ _tag: "Closed" })
      if (this.isThere) return leave(there)
      if (this.count >= this.options.maxWaiting) return leave({ _tag: "Full", limit: this.options.maxWaiting })
      const waiter = new Waiter(until, ticket ?? ++this.tickets, resume)
      this.queue.add(waiter)
      this.count++
      this.watch(until)
      return Effect.sync(() => this.forget(waiter))
    })
  }

  private forget(waiter: Waiter): void {
    if (waiter.gone) return
    waiter.gone = true
    this.count--
    this.gone++
    if (this.gone <= Math.max(this.count, portion)) return
    this.gone = 0
    this.queue.tidy()
  }

  private leave(guests: ReadonlyArray<Guest>, leave: Leave): void {
    each(guests, (guest) => {
      if (guest.gone) return
      guest.gone = true
      this.count--
      guest.leave(leave)
    }, this.options.report)
  }

  private release(count: number): void {
    if (this.ended) return
    this.leave(this.queue.take(count, () => false), there)
    if (this.queue.isEmpty) this.isThere = true
    else this.options.soon(() => this.release(count * 2))
  }

  private now(): number {
    return this.options.clock.currentTimeMillisUnsafe()
  }

  /** One timer for all that wait. */
  private watch(until: number): void {
    if (until < this.timerAt) {
      this.timerAt = until
      this.hastened.openUnsafe()
    }
    if (this.running) return
    this.running = true
    const pause = Effect.suspend(() => {
      this.hastened.closeUnsafe()
      const due = Math.ceil(this.timerAt / grain) * grain
      const millis = Math.min(Math.max(due - this.now(), 0), longestSleep)
      return Effect.raceFirst(Effect.sleep(millis), this.hastened.await)
    })
    const turn = Effect.sync(() => {
      const now = this.now()
      if (now >= this.timerAt) this.leave(this.queue.takeLate(now), { _tag: "TooLate", door: undefined })
      this.timerAt = this.queue.dueAt
      if (this.count === 0) {
        this.running = false
        this.timerAt = Infinity
      }
    })
    // The clock may be a program's own, and its sleep a defect.
    const survived = Effect.catchDefect(Effect.andThen(pause, turn), (error) => {
      this.options.report(error)
      return Effect.provideService(Effect.sleep(longestSleep), Clock.Clock, Clock.Clock.defaultValue())
    })
    this.options.fork(Effect.repeat(survived, { until: () => !this.running }))
  }
}

/** What commands and other work need in order to wait. */
interface Client {
  readonly firstMap: FirstMap
  readonly redirects: RedirectPolicy.RedirectPolicy
}

/**
 * Waits until the map is known, as the redirect policy says: for work that looks at the map itself. Fails with the reason why it is
 * not in time.
 */
export const known = (
  { firstMap, redirects }: Client,
  deadline = Infinity,
  error: (failure: Failure) => RedisError = (failure) => toError(failure, { attempts: 0 })
): Effect.Effect<void, RedisError> =>
  Effect.withFiber(({ context }) =>
    firstMap.isKnown
      ? Effect.void
      : Effect.flatMap(
        firstMap.wait(Context.getOrUndefined(context, RedirectPolicy.Current) ?? redirects, deadline),
        (failure) => failure === undefined ? Effect.void : Effect.fail(error(failure))
      )
  )
