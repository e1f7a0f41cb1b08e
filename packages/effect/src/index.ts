/**
 * Effect's own interfaces on Redis Cluster.
 *
 * @since 0.1.0
 */
export * as BackingPersistence from "./BackingPersistence.ts"
export * as CircuitBreakerStore from "./CircuitBreakerStore.ts"
export * as EffectRedis from "./EffectRedis.ts"
export * as KeyValueStore from "./KeyValueStore.ts"
export * as PersistedQueueStore from "./PersistedQueueStore.ts"
export * as RateLimiterStore from "./RateLimiterStore.ts"
