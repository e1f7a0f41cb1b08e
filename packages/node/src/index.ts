/**
 * Redis Cluster for Effect on Node.js.
 *
 * @since 0.1.0
 */
export * as ConnectionString from "./ConnectionString.ts"
export * as NodeConnector from "./NodeConnector.ts"
export * as NodeRedis from "./NodeRedis.ts"
export * as NodeRedisCluster from "./NodeRedisCluster.ts"
