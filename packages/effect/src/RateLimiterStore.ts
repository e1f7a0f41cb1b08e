/**
 * The store of Effect's `RateLimiter` on Redis: limits that all processes share, on a cluster too.
 *
 * **What it guarantees**
 *
 * - All three algorithms: fixed windows, token buckets, and the adaptive one. Each decision is one script on one key, and so atomic; the
 *   keys of many limits spread over all slots.
 * - Times come from the server's clock. The clocks of clients don't matter.
 * - Once a limit is known to be reached, further requests are refused by this process until they could succeed, without asking Redis.
 *   Nothing is refused that Redis would allow.
 * - While Redis is away, requests fail (`"closed"`), or are admitted uncounted (`"open"`), as you choose.
 *
 * **Its limits**
 *
 * - A failover may lose the last decisions, since replication is asynchronous: then a little more is admitted than the limit.
 * - If a connection is lost while a decision is under way, it may have been counted; the request fails, or is admitted, as while Redis is
 *   away.
 * - If you delete the key of a limit by hand, processes that know it as reached go on refusing until its window would have ended.
 *
 * Fixed windows and the adaptive algorithm have the keys of Effect's own store; token buckets have one key instead of its two.
 *
 * @since 0.1.0
 */
import { Client } from "@redisc/core/Client"
import * as Command from "@redisc/core/Command"
import * as RedisError from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Persisted from "effect/persistence/Redis"
import * as EffectRedis from "./EffectRedis.ts"
import { isAway } from "./internal/away.ts"
import { checkOptions, invalid, prefixCheck } from "./internal/failures.ts"
import { LimitBlocks } from "./internal/limitBlocks.ts"
import * as Scripts from "./internal/limiterScripts.ts"

/**
 * The options of the store.
 *
 * **Details**
 *
 * - `prefix`: text in front of all keys, without braces. Default `"ratelimiter:"`.
 * - `whenAway`: what happens to requests while Redis is away. `"closed"` (default): they fail with `RateLimitStoreError`. `"open"`: they
 *   are admitted, and counted nowhere.
 * - `timeout`: how long a decision may take. Default the layer's `commandTimeout`. With `whenAway: "open"` make it short, since requests
 *   wait for so long before they are admitted.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly prefix?: string | undefined
  readonly whenAway?: "open" | "closed" | undefined
  readonly timeout?: Duration.Input | undefined
}

const checks: Settings.Checks = {
  prefix: prefixCheck,
  whenAway: Settings.oneOf("open", "closed"),
  timeout: Settings.duration
}

type Service = RateLimiter.RateLimiterStore["Service"]

const failure = (problem: string, cause: unknown) =>
  new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message: problem, cause }) })

/** What is wrong with a request. A number that is none would be written into the key. */
const problemOf = (
  { key, limit, refillRate, tokens }: {
    readonly key: string
    readonly tokens: number
    readonly refillRate: Duration.Duration
    readonly limit: number | undefined
  }
): string | undefined => {
  if (typeof key !== "string") return "the key of a limit has to be text"
  if (!Number.isFinite(tokens) || tokens < 0) return "tokens has to be a number from 0"
  const refill = Duration.toMillis(refillRate)
  if (!Number.isFinite(refill) || refill <= 0) return "the window has to be finite, and longer than nothing"
  return limit === undefined || (Number.isFinite(limit) && limit > 0) ? undefined : "limit has to be a number above 0"
}

/** Commands that have so long. */
const timed = (redis: Command.Redis["Service"], timeout: Duration.Input): Command.Redis["Service"] => ({
  execute: (command) => redis.execute(Command.timeout(command, timeout)),
  executeAll: redis.executeAll
})

/**
 * Makes the store. See {@link layer}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Service, RedisError.RedisError, Client> {
  yield* checkOptions(options, checks)
  const { prefix = "ratelimiter:", timeout, whenAway = "closed" } = options
  const client = yield* Client
  const redis = timeout === undefined ? client.redis : timed(client.redis, timeout)
  // Its steps are one script on one key each, so Effect's own store does.
  const adaptive = yield* RateLimiter.makeStoreRedis({ prefix }).pipe(
    Effect.provideServiceEffect(
      Persisted.Redis,
      Effect.provideService(EffectRedis.make, Client, Client.of({ ...client, redis }))
    )
  )
  const blocks = new LimitBlocks()

  const decide = <A>(what: string, command: Command.Command<A>, admitted: A) =>
    Effect.catch(redis.execute(command), (error) =>
      whenAway === "open" && isAway(error)
        ? Effect.succeed(admitted)
        : Effect.fail(failure(`the decision about ${what} failed`, error)))

  const orAdmitted = <A>(work: Effect.Effect<A, RateLimiter.RateLimiterError>, admitted: A) =>
    whenAway === "closed"
      ? work
      : Effect.catch(work, (error) => isAwayError(error) ? Effect.succeed(admitted) : Effect.fail(error))

  return RateLimiter.RateLimiterStore.of({
    fixedWindow: (request) =>
      Effect.clockWith((clock) => {
        const { limit, tokens } = request
        const problem = problemOf(request)
        if (problem !== undefined) return Effect.fail(failure(problem, invalid(problem)))
        const begun = clock.currentTimeMillisUnsafe()
        const known = limit === undefined ? undefined : blocks.window(request.key, tokens, limit, begun)
        if (known !== undefined) return Effect.succeed(known)
        const refill = Duration.toMillis(request.refillRate)
        const decision = decide(
          "a fixed window",
          Scripts.fixedWindow(`${prefix}${request.key}`, tokens, refill, limit),
          [
            tokens,
            refill * tokens
          ]
        )
        return Effect.map(decision, (answer) => {
          const [count, ttl] = answer
          if (limit !== undefined && count > limit) blocks.windowIsFull(request.key, count, tokens, begun + ttl)
          return answer
        })
      }),
    tokenBucket: (request) =>
      Effect.clockWith((clock) => {
        const { allowOverflow, key, limit, tokens } = request
        const problem = problemOf(request)
        if (problem !== undefined) return Effect.fail(failure(problem, invalid(problem)))
        const refill = Duration.toMillis(request.refillRate)
        const begun = clock.currentTimeMillisUnsafe()
        const known = allowOverflow ? undefined : blocks.bucket(key, tokens, { limit, refill }, begun)
        if (known !== undefined) return Effect.succeed(known)
        const command = Scripts.tokenBucket(`${prefix}${key}:bucket`, tokens, refill, limit, allowOverflow)
        return Effect.map(decide("a token bucket", command, [limit - tokens, 0]), (answer) => {
          const [left, elapsed] = answer
          if (left < 0 && !allowOverflow) {
            blocks.bucketIsEmpty(key, { tokens: left + tokens, since: begun - elapsed, limit, refill })
          }
          return answer
        })
      }),
    adaptiveConsume: (request) =>
      orAdmitted(adaptive.adaptiveConsume(request), { delay: Duration.zero, epoch: 0, phase: "inactive" }),
    adaptiveFeedback: (request) => orAdmitted(adaptive.adaptiveFeedback(request), undefined)
  })
})

const isAwayError = ({ reason }: RateLimiter.RateLimiterError): boolean => {
  if (reason._tag !== "RateLimitStoreError") return false
  const { cause } = reason
  return RedisError.isRedisError(cause) && isAway(cause)
}

/**
 * Provides the store of Effect's `RateLimiter` from a redisc client.
 *
 * **Details**
 *
 * The layer fails with `InvalidArgument` if an option is wrong. A decision fails with Effect's `RateLimiterError`: its reason is
 * `RateLimitExceeded`, or `RateLimitStoreError` with redisc's error as its cause.
 *
 * **Example** (Ten requests a minute, for all processes together)
 *
 * ```ts
 * import { RateLimiterStore } from "@redisc/effect"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Effect, Layer } from "effect"
 * import { RateLimiter } from "effect/persistence"
 *
 * const RateLimiterLive = RateLimiter.layer.pipe(
 *   Layer.provide(RateLimiterStore.layer({ whenAway: "open", timeout: "50 millis" })),
 *   Layer.provide(NodeRedisCluster.layer({ nodes: ["10.0.0.1:6379"] }))
 * )
 *
 * const remaining = Effect.gen(function*() {
 *   const limiter = yield* RateLimiter.RateLimiter
 *   return (yield* limiter.consume({ key: "ada", limit: 10, window: "1 minute" })).remaining
 * }).pipe(Effect.provide(RateLimiterLive))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: Options
): Layer.Layer<RateLimiter.RateLimiterStore, RedisError.RedisError, Client> =>
  Layer.effect(RateLimiter.RateLimiterStore, make(options))
