import { assert, describe, it } from "@effect/vitest"
import { Redis } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"

describe("a script that does not end, on a real server", () => {
  it.live("is ended by the program that sent it", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealCluster.RealCluster
      yield* Effect.gen(function*() {
        const endless = yield* Effect.forkChild(Effect.flip(Redis.eval("while true do end", { keys: ["key"] })), {
          startImmediately: true
        })
        // Before its time is up, the server is not busy with it.
        yield* Effect.retry(Redis.scriptKill(), Schedule.spaced("20 millis"))
        const error = yield* Fiber.join(endless)
        assert.include(error.message, "killed by user")
        assert.strictEqual(yield* Redis.set("key", "value"), "OK")
      }).pipe(Effect.provide(NodeRedisCluster.layer({ nodes: addresses })))
    }).pipe(
      Effect.provide(RealCluster.layer({ primaries: 1, config: { "busy-reply-threshold": "50" } }))
    ))
})
