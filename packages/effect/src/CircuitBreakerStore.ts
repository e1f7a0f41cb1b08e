/**
 * The store of Effect's `CircuitBreaker` on Redis: circuits that all processes share, on a cluster too.
 *
 * Each circuit is one key, and each step one script on it, so Effect's own store works on a cluster over {@link EffectRedis}; this is
 * that store as one layer. Circuits spread over all slots. Times come from the server's clock.
 *
 * **Its limits**
 *
 * - A failover may lose the last steps: a circuit may be closed again that was just opened, or let a second probe through.
 * - While Redis is away, the policy of the breaker decides (`onStoreError`).
 *
 * @since 0.1.0
 */
import type { Client } from "@redisc/core/Client"
import type * as RedisError from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as EffectRedis from "./EffectRedis.ts"
import { checkOptions, prefixCheck } from "./internal/failures.ts"

/**
 * The options of the store.
 *
 * **Details**
 *
 * - `prefix`: text in front of all keys, without braces. Default `"circuitbreaker:"`.
 * - `probeLease`: how long a probe holds its circuit if its process dies. Default 10 seconds.
 * - `idleTimeToLive`: how long a circuit is kept that nobody uses. Default an hour.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly prefix?: string | undefined
  readonly probeLease?: Duration.Input | undefined
  readonly idleTimeToLive?: Duration.Input | undefined
}

const checks: Settings.Checks = {
  prefix: prefixCheck,
  probeLease: Settings.duration,
  idleTimeToLive: Settings.duration
}

/**
 * Provides the store of Effect's `CircuitBreaker` from a redisc client.
 *
 * **Details**
 *
 * The layer fails with `InvalidArgument` if an option is wrong. A step fails with Effect's `CircuitBreakerError`, whose cause is redisc's
 * error if Redis failed.
 *
 * **Example** (A circuit that all processes share)
 *
 * ```ts
 * import { CircuitBreakerStore } from "@redisc/effect"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Layer } from "effect"
 * import { CircuitBreaker } from "effect/persistence"
 *
 * const BreakerLive = CircuitBreaker.layer({
 *   tripPolicy: CircuitBreaker.consecutive(5),
 *   openDuration: "30 seconds"
 * }).pipe(
 *   Layer.provide(CircuitBreakerStore.layer()),
 *   Layer.provide(NodeRedisCluster.layer({ nodes: ["10.0.0.1:6379"] }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: Options
): Layer.Layer<CircuitBreaker.CircuitBreakerStore, RedisError.RedisError, Client> =>
  Layer.unwrap(Effect.as(
    checkOptions(options, checks),
    Layer.provide(CircuitBreaker.layerStoreRedis(options), EffectRedis.layer)
  ))
