/**
 * The client under measurement, connected to nodes that only answer.
 */
import { Connector, Nodes, Redis, RedisCluster } from "@redisc/core"
import * as Layer from "effect/Layer"
import type { Answering } from "./answering.ts"
import { addressOf } from "./layout.ts"
import { load } from "./load.ts"

/** Its periodic work is switched off, so that only the commands cost anything. */
export const clientOf = (answering: Answering) =>
  RedisCluster.layer({ nodes: [addressOf(0)], pingInterval: "1 hour", refreshInterval: "1 hour" }).pipe(
    Layer.provide(Layer.succeed(Connector.Connector, answering.connector))
  )

/** Opens the connection to each node. */
export const connect = Nodes.execute("all", Redis.ping())

export const gets = (keys: ReadonlyArray<string>, fibers: number, commands: number) =>
  load(fibers, commands, (n) => Redis.get(keys[n % keys.length]))
