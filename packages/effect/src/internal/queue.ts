/**
 * One persisted queue in this process: who waits for its elements, and which are held here.
 */
import * as Command from "@redisc/core/Command"
import type * as RedisError from "@redisc/core/RedisError"
import * as Cause from "effect/Cause"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { isAway } from "./away.ts"
import * as Scripts from "./queueScripts.ts"

/** What a queue works with. */
export interface Setting {
  readonly redis: Command.Redis["Service"]
  /** The scope of the store. */
  readonly scope: Scope.Scope
  readonly pollInterval: Duration.Duration
  readonly leaseMillis: number
}

type Store = PersistedQueue.PersistedQueueStore["Service"]
type TakeOptions = Parameters<Store["take"]>[0]

interface Element {
  readonly id: string
  readonly token: string
  readonly attempts: number
  readonly json: string
}

const failed = (message: string) => (cause: unknown) => new PersistedQueue.PersistedQueueError({ message, cause })

/** The mark with which Effect's queue says that an element does not fit its schema, and is not worth another attempt. */
const isHopeless = (error: unknown): error is { readonly cause: Cause.Cause<unknown> } =>
  Predicate.isTagged(error, "~effect/persistence/PersistedQueue/DeadLetter")

const hopeless = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> | undefined => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason) && isHopeless(reason.error)) return reason.error.cause
  }
  return undefined
}

export class Queue {
  private readonly root: string
  private readonly setting: Setting
  /** The one who polls. Others wait for their turn, so that many workers cost no more than one while there is nothing to take. */
  private readonly turn = Semaphore.makeUnsafe(1)
  private readonly news = Latch.makeUnsafe(false)
  /** The elements that are held here: their ids by the token of the claim. */
  private readonly claims = new Map<string, string>()

  constructor(root: string, setting: Setting) {
    this.root = root
    this.setting = setting
  }

  readonly offer: Store["offer"] = ({ delay, element, id, isCustomId }) =>
    Effect.flatMap(
      Effect.try({
        // Undefined has no JSON, but may be the whole element.
        try: () => JSON.stringify(element) ?? "null",
        catch: failed("the element could not be turned into JSON")
      }),
      (json) => {
        const delayMillis = delay === undefined ? undefined : Duration.toMillis(delay)
        return this.setting.redis.execute(
          Command.idempotent(Scripts.offer(this.root, wellFormed(id), json, isCustomId, delayMillis))
        )
      }
    ).pipe(
      Effect.mapError((error) =>
        error._tag === "PersistedQueueError" ? error : failed("the element could not be offered")(error)
      ),
      Effect.map(() => {
        this.news.openUnsafe()
      })
    )

  readonly take: Store["take"] = (options) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(this.next(options, restore), (element) => this.hold(element, options))
    )

  /** Prolongs the claims on all elements that are held here. */
  readonly renew: Effect.Effect<void, RedisError.RedisError> = Effect.suspend(() =>
    this.claims.size === 0 ? Effect.void : Effect.asVoid(this.setting.redis.execute(
      Command.idempotent(Scripts.renew(this.root, this.setting.leaseMillis, this.claims))
    ))
  )

  private hold(element: Element, options: TakeOptions) {
    let parsed: unknown
    try {
      parsed = JSON.parse(element.json)
    } catch (error) {
      // It will never succeed.
      return Effect.andThen(this.settle(element, this.bury(element, Cause.die(error))), this.take(options))
    }
    this.claims.set(element.token, element.id)
    return Effect.as(
      Effect.addFinalizer((exit) => this.settle(element, this.after(element, exit, options))),
      { id: element.id, attempts: element.attempts, element: parsed }
    )
  }

  /** What becomes of an element whose handler has ended. */
  private after(
    element: Element,
    exit: Exit.Exit<unknown, unknown>,
    { maxAttempts, retryDelay }: TakeOptions
  ): Effect.Effect<Command.Any> {
    const { attempts, id, token } = element
    if (Exit.isSuccess(exit)) return Effect.succeed(Scripts.complete(this.root, id, token))
    const why = hopeless(exit.cause)
    if (why !== undefined) return this.bury(element, why)
    if (Cause.hasInterruptsOnly(exit.cause)) return Effect.succeed(Scripts.giveBack(this.root, id, token))
    if (attempts >= maxAttempts) return this.bury(element, exit.cause)
    return Effect.map(
      retryDelay(attempts),
      (delay) => Scripts.retry(this.root, id, token, Math.min(Duration.toMillis(delay), longest))
    )
  }

  private bury({ id, token }: Element, cause: Cause.Cause<unknown>): Effect.Effect<Command.Any> {
    return Effect.sync(() => Scripts.fail(this.root, id, token, wellFormed(Cause.pretty(cause))))
  }

  /** Goes on trying while the lease lasts; then the element is delivered again anyway. */
  private settle(element: Element, step: Effect.Effect<Command.Any>): Effect.Effect<void> {
    const { leaseMillis, redis } = this.setting
    return Effect.flatMap(step, (command) => redis.execute(Command.idempotent(command))).pipe(
      Effect.retry({ schedule: patience(leaseMillis), while: isAway }),
      Effect.orDie,
      Effect.ensuring(Effect.sync(() => {
        this.claims.delete(element.token)
        this.news.openUnsafe()
      })),
      Effect.asVoid
    )
  }

  private next(
    { maxAttempts }: TakeOptions,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ): Effect.Effect<Element, PersistedQueue.PersistedQueueError> {
    const { pollInterval } = this.setting
    const poll: Effect.Effect<Element, PersistedQueue.PersistedQueueError> = Effect.suspend(() => {
      // Closed before the look: what is offered after it opens it again.
      this.news.closeUnsafe()
      return Effect.flatMap(this.claim(maxAttempts, restore), (found) => {
        if (found !== undefined) return Effect.succeed(found)
        return Effect.andThen(restore(Effect.race(Effect.sleep(pollInterval), this.news.await)), poll)
      })
    })
    return Effect.andThen(restore(this.turn.take(1)), Effect.ensuring(poll, this.turn.release(1)))
  }

  /** Claims the next element. If the taker is interrupted meanwhile, the element goes back as soon as it is there. */
  private claim(
    maxAttempts: number,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ): Effect.Effect<Element | undefined, PersistedQueue.PersistedQueueError> {
    const { leaseMillis, redis, scope } = this.setting
    return Effect.suspend(() => {
      const token = SecureRandom.uuidV4Unsafe()
      const most = Math.max(1, Math.min(maxAttempts, Number.MAX_SAFE_INTEGER))
      const asked = Effect.map(
        redis.execute(Scripts.take(this.root, token, leaseMillis, most)),
        (reply): Element | undefined =>
          reply === null ? undefined : { id: reply[0], json: reply[1], attempts: reply[2], token }
      )
      return Effect.flatMap(
        Effect.forkIn(asked, scope, { startImmediately: true }),
        (fiber) =>
          restore(Fiber.join(fiber)).pipe(
            Effect.onInterrupt(() => Effect.forkIn(this.backWhenThere(fiber), scope)),
            Effect.catch((error) =>
              isAway(error)
                ? Effect.as(
                  Effect.logWarning("A persisted queue can't be reached, and is tried again", error),
                  undefined
                )
                : Effect.fail(failed("no element could be taken")(error))
            )
          )
      )
    })
  }

  private backWhenThere(fiber: Fiber.Fiber<Element | undefined, RedisError.RedisError>): Effect.Effect<void> {
    return Effect.flatMap(Fiber.await(fiber), (exit) =>
      Exit.isSuccess(exit) && exit.value !== undefined
        ? this.settle(exit.value, Effect.succeed(Scripts.giveBack(this.root, exit.value.id, exit.value.token)))
        : Effect.void)
  }
}

/** A year, in milliseconds. A score has to be finite. */
const longest = 365 * 24 * 3600 * 1000

const patience = (leaseMillis: number) =>
  Schedule.min([Schedule.exponential(200, 1.5), Schedule.spaced(5000)]).pipe(
    Schedule.upTo({ duration: leaseMillis })
  )

/** Half a surrogate pair can't be sent: it becomes the same character here as on the way to the server. */
const wellFormed = (text: string): string => text.replace(/[\uD800-\uDFFF]/gu, "\uFFFD")
