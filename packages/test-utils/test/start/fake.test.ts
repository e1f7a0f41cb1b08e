/** Clients that are started before their servers, in memory, under the clock of the test. */
import { assert, describe, it } from "@effect/vitest"
import { Connector, Redis, RedisCluster, Topology } from "@redisc/core"
import { FakeCluster, FakeRedis } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { inTime, turn } from "../fake/time.ts"

const numbers = Array.from({ length: 100 }, (_, n) => n)

const pass = (millis: number) =>
  Effect.replicateEffect(Effect.andThen(turn, TestClock.adjust("50 millis")), millis / 50, { discard: true })

const cluster = Effect.map(FakeCluster.make({ primaries: 3, replicas: 1 }), ({ connector, service }) => ({
  connector,
  service,
  source: Topology.cluster({ seeds: service.addresses })
}))

const alone = (source: "standalone" | "detect") =>
  Effect.map(FakeRedis.make({ replicas: 1 }), ({ connector, service }) => ({
    connector,
    service,
    source: source === "detect"
      ? Topology.detect({ nodes: service.addresses })
      : Topology.standalone({ servers: service.addresses })
  }))

const modes = [["a cluster", cluster], ["a server and its replica", alone("standalone")], [
  "what is detected",
  alone("detect")
]] as const

describe.each(modes)("%s that is not there yet", (_, prepare) => {
  it.effect("answers what was asked before, in order, once it is there", () =>
    Effect.gen(function*() {
      const { connector, service, source } = yield* prepare
      const all = yield* service.nodes
      yield* Effect.forEach(all, ({ name }) => service.kill(name))
      const client = Layer.provide(
        RedisCluster.layerFromSource(source, { startWhileAway: "atOnce" }),
        Layer.succeed(Connector.Connector, connector)
      )
      yield* Effect.gen(function*() {
        const { health } = yield* RedisCluster.RedisCluster
        const pushes = yield* Effect.forEach(numbers, (n) =>
          Effect.forkChild(Redis.rpush("list", [`${n}`]), { startImmediately: true }))
        const together = yield* Effect.forkChild(
          Effect.andThen(Redis.mset({ x: "1", y: "2", z: "3" }), Redis.mget(["x", "y", "z"])),
          { startImmediately: true }
        )
        yield* pass(5000)
        assert.strictEqual((yield* health).status, "Starting")
        assert.strictEqual((yield* health).problem?.reason._tag, "DiscoveryFailed")
        yield* Effect.forEach(all, ({ name }) =>
          service.restart(name))
        for (const push of pushes) yield* inTime(Fiber.join(push))
        assert.deepStrictEqual(yield* inTime(Fiber.join(together)), ["1", "2", "3"])
        assert.deepStrictEqual(yield* inTime(Redis.lrange("list", 0, -1)), numbers.map(String))
        assert.strictEqual((yield* health).status, "Ready")
      }).pipe(Effect.provide(client))
    }))
})
