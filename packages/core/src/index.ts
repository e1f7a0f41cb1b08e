/**
 * Redis Cluster for Effect.
 *
 * @since 0.1.0
 */
export * as Address from "./Address.ts"
export * as Command from "./Command.ts"
export * as CommandSpec from "./CommandSpec.ts"
export * as Connection from "./Connection.ts"
export * as Connector from "./Connector.ts"
export * as NodePool from "./NodePool.ts"
export * as Pipeline from "./Pipeline.ts"
export * as RedirectPolicy from "./RedirectPolicy.ts"
export * as Redis from "./Redis.ts"
export * as RedisCluster from "./RedisCluster.ts"
export * as RedisError from "./RedisError.ts"
export * as Resp from "./Resp.ts"
export * as Slot from "./Slot.ts"
export * as SlotMap from "./SlotMap.ts"
export * as Topology from "./Topology.ts"
export * as Transaction from "./Transaction.ts"
