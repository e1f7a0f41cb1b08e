/**
 * Every command of Redis, typed, and the service that executes them. This is the module that programs import.
 *
 * A command is a value and an Effect: `yield* Redis.get("user:1")` runs it, and the same value can go into a pipeline or a
 * transaction. {@link command} sends any command without a function of its own. Functions have the names of Redis' commands, in
 * lower case.
 *
 * @since 0.1.0
 */
export { command, Redis } from "./Command.ts"
export * from "./commands/bitmaps.ts"
export * from "./commands/cluster.ts"
export * from "./commands/connections.ts"
export * from "./commands/consumerGroups.ts"
export * from "./commands/geo.ts"
export * from "./commands/hashes.ts"
export * from "./commands/hyperLogLog.ts"
export * from "./commands/keys.ts"
export * from "./commands/lists.ts"
export * from "./commands/pubsub.ts"
export * from "./commands/scripting.ts"
export * from "./commands/server.ts"
export * from "./commands/sets.ts"
export * from "./commands/sortedSets.ts"
export * from "./commands/streams.ts"
export * from "./commands/strings.ts"
export { optimistic } from "./Optimistic.ts"
export { pipeline } from "./Pipeline.ts"
export { isRedisError, RedisError } from "./RedisError.ts"
export { ensureReplication } from "./Replication.ts"
export { transaction } from "./Transaction.ts"
