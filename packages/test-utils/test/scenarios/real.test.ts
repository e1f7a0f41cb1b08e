import { assert, describe, it } from "@effect/vitest"
import { Command, Redis, RedisCluster } from "@redisc/core"
import { NodeConnector, NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { calm, watchful } from "../chaos/patience.ts"
import { startStandalone } from "../standalone/server.ts"
import { Cluster } from "./Cluster.ts"
import type { Options } from "./suite.ts"
import { suite } from "./suite.ts"

const start = Effect.fnUntraced(function*(options: Options) {
  const servers = yield* RealCluster.make({ ...options, nodeTimeout: watchful })
  const connector = yield* NodeConnector.make()
  return Cluster.of({
    ...servers,
    client: (settings) => NodeRedisCluster.layer({ nodes: servers.addresses, ...settings }),
    standalone: Layer.unwrap(
      Effect.map(startStandalone(), ({ address }) => NodeRedisCluster.layer({ nodes: [address] }))
    ),
    connector
  })
})

suite((options) => Layer.effect(Cluster, start(options)))

const key = "{busy}:a"

/** Runs for five seconds, five times as long as a shared connection may be silent here. */
const long = `
local from = redis.call("TIME")
repeat
  local now = redis.call("TIME")
until (now[1] - from[1]) * 1000000 + now[2] - from[2] > 5000000
return "done"`

describe("a script that runs for longer than connections may be silent", () => {
  it.live(
    "ends well, and the connection that others share stays: its server says that it is busy",
    () =>
      Effect.gen(function*() {
        const { addresses, command, primaries } = yield* RealCluster.make({
          primaries: 1,
          replicas: 0,
          nodeTimeout: calm
        })
        const [node] = yield* primaries
        yield* command(node, "CONFIG", ["SET", "busy-reply-threshold", "60"])
        const nodesOf = Effect.flatMap(
          RedisCluster.RedisCluster,
          ({ stats }) => Effect.map(stats, ({ nodes }) => nodes)
        )
        yield* Effect.gen(function*() {
          yield* Redis.set(key, "v")
          const told = new Set<string>()
          const read = Effect.matchEager(Redis.get(key), {
            onSuccess: (value) => told.add(String(value)),
            onFailure: ({ reason }) => told.add(reason._tag === "ServerError" ? reason.code : reason._tag)
          })
          const reads = Effect.forever(Effect.andThen(read, Effect.sleep("5 millis")))
          const script = Redis.command("EVAL", [long, 1, key]).pipe(Command.timeout("1 minute"))
          const first = yield* Effect.raceFirst(Effect.all([reads, reads], { concurrency: 2 }), script)
          assert.strictEqual(first, "done")
          assert.deepStrictEqual([...told].sort(), ["BUSY", "v"])
          assert.strictEqual(yield* Redis.get(key), "v")
          assert.deepStrictEqual(Array.from((yield* nodesOf).values(), ({ reconnects }) => reconnects), [0])
        }).pipe(Effect.provide(NodeRedisCluster.layer({ nodes: addresses, pingInterval: "500 millis" })))
      })
  )
})
