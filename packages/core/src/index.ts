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
export * as Metrics from "./Metrics.ts"
export * as NodePool from "./NodePool.ts"
export * as Nodes from "./Nodes.ts"
export * as Optimistic from "./Optimistic.ts"
export * as Pipeline from "./Pipeline.ts"
export * as PubSub from "./PubSub.ts"
export * as ReadFrom from "./ReadFrom.ts"
export * as RedirectPolicy from "./RedirectPolicy.ts"
export * as Redis from "./Redis.ts"
export * as RedisCluster from "./RedisCluster.ts"
export * as RedisError from "./RedisError.ts"
export * as Replication from "./Replication.ts"
export * as Resp from "./Resp.ts"
export * as Script from "./Script.ts"
export * as Session from "./Session.ts"
export * as Slot from "./Slot.ts"
export * as SlotMap from "./SlotMap.ts"
export * as Topology from "./Topology.ts"
export * as Transaction from "./Transaction.ts"
