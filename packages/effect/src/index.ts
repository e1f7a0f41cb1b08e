/**
 * Effect's own interfaces on Redis Cluster.
 *
 * @since 0.1.0
 */
export * as EffectRedis from "./EffectRedis.ts"
