import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Metrics from "../src/Metrics.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Session from "../src/Session.ts"
import { carrier, connected, connectedTo, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

/** All that is measured, as text: `redisc_node_in_flight a:7000`. */
const measured = Effect.map(
  Metric.snapshot,
  (snapshot) =>
    Object.fromEntries(
      snapshot.filter(({ id, type }) => type === "Gauge" && id.startsWith("redisc_")).map((
        { attributes, id, state }
      ) => [
        [id, ...Object.values(attributes ?? {})].join(" "),
        (state as { readonly value: number }).value
      ])
    ) as Readonly<Record<string, number>>
)

/** Metrics of its own for each test. */
const apart = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

const published = Effect.andThen(Metrics.publish, measured)

describe("metrics", () => {
  it.effect("say what was counted in the cluster", () =>
    apart(Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      assert.deepStrictEqual(yield* measured, {})
      a.once("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      b.once("GET", Reply.error("TRYAGAIN"), Reply.error("TRYAGAIN"))
      const fiber = yield* start(run(Redis.get(keyOfA)))
      yield* advance("1 second")
      yield* Fiber.join(fiber)
      const metrics = yield* run(published)
      assert.strictEqual(metrics["redisc_redirects"], 1)
      assert.strictEqual(metrics["redisc_retries"], 2)
      assert.isAtLeast(metrics["redisc_refreshes"], 2)
      assert.strictEqual(metrics["redisc_node_redirects a:7000"], 1)
      assert.strictEqual(metrics["redisc_node_redirects b:7000"], 0)
    })))

  it.effect("say what goes on at each node now", () =>
    apart(Effect.gen(function*() {
      const { a, run } = yield* connected({ maxInFlight: 1 })
      a.on("SET", "hold")
      yield* run(Redis.get(keyOfB))
      const session = yield* start(run(Session.use({ keys: keyOfA }, Effect.never)))
      const writes = yield* Effect.forEach(["1", "2", "3"], (value) => start(run(Redis.set(keyOfA, value))))
      yield* settle
      const during = yield* run(published)
      const at = (metrics: Readonly<Record<string, number>>, node: string) =>
        ["connections", "dedicated_connections", "leased_connections", "in_flight", "waiting"].map((name) =>
          metrics[`redisc_node_${name} ${node}`]
        )
      assert.deepStrictEqual(at(during, "a:7000"), [1, 1, 1, 1, 2])
      assert.deepStrictEqual(at(during, "b:7000"), [1, 0, 0, 0, 0])
      yield* Fiber.interruptAll([session, ...writes])
      carrier(a, "SET bar 1").release(Reply.simple("OK"))
      yield* settle
      assert.deepStrictEqual(at(yield* run(published), "a:7000"), [1, 1, 0, 0, 0])
    })))

  it.effect("count bytes and reconnects over all connections that there have been", () =>
    apart(Effect.gen(function*() {
      const { a, run } = yield* connected()
      yield* run(Redis.get(keyOfA))
      const before = yield* run(published)
      a.drop()
      yield* advance("2 seconds")
      yield* run(Redis.get(keyOfA))
      const after = yield* run(published)
      assert.deepStrictEqual([before, after].map((metrics) => metrics["redisc_node_reconnects a:7000"]), [0, 1])
      for (const name of ["redisc_node_bytes_written a:7000", "redisc_node_bytes_read a:7000"]) {
        assert.isAbove(before[name], 0)
        assert.isAbove(after[name], before[name])
      }
      const sent = a.connections.flatMap(({ received }) => received).length
      assert.isAbove(after["redisc_node_bytes_written a:7000"], sent)
    })))

  it.effect("of a replica add up its connections that only read and the others", () =>
    apart(Effect.gen(function*() {
      const { run } = yield* connectedTo([[0, 16383, "a:7000", "b:7000"]])
      yield* run(Session.use({ node: "b:7000" }, Redis.get(keyOfA)))
      yield* run(Session.use({ node: "b:7000" }, Redis.get(keyOfA)))
      const metrics = yield* run(published)
      assert.strictEqual(metrics["redisc_node_dedicated_connections b:7000"], 1)
    })))

  it.effect("are described", () =>
    apart(Effect.gen(function*() {
      const { run } = yield* connected()
      yield* run(Metrics.publish)
      for (const { description, id } of yield* Metric.snapshot) assert.isNotEmpty(description ?? "", id)
    })))
})

describe("the layer", () => {
  const built = (every?: RedisCluster.Options["refreshInterval"]) =>
    Effect.gen(function*() {
      const client = yield* connected({ refreshInterval: "Infinity" })
      const layer = Metrics.layer(every === undefined ? undefined : { every })
      return { ...client, built: client.run(Layer.build(layer)) }
    })

  it.effect("publishes at once and then every 10 seconds", () =>
    apart(Effect.gen(function*() {
      const { built: build, service } = yield* built()
      yield* build
      yield* settle
      assert.strictEqual((yield* measured)["redisc_refreshes"], 1)
      yield* service.refresh
      yield* advance("9 seconds")
      assert.strictEqual((yield* measured)["redisc_refreshes"], 1)
      yield* advance("2 seconds")
      assert.strictEqual((yield* measured)["redisc_refreshes"], 2)
    })))

  it.effect("publishes as often as it is told", () =>
    apart(Effect.gen(function*() {
      const { built: build, service } = yield* built("1 second")
      yield* build
      for (let refreshes = 2; refreshes < 5; refreshes++) {
        yield* service.refresh
        yield* advance("1 second")
        assert.strictEqual((yield* measured)["redisc_refreshes"], refreshes)
      }
    })))

  it.effect("publishes no more once its scope is closed", () =>
    apart(Effect.gen(function*() {
      const { built: build, service } = yield* built("1 second")
      yield* Effect.scoped(Effect.andThen(build, settle))
      yield* service.refresh
      yield* advance("5 seconds")
      assert.strictEqual((yield* measured)["redisc_refreshes"], 1)
    })))

  it.effect.each([0, -1, "often" as "1 second"])(
    "refuses an interval that is none: %s",
    (every) =>
      Effect.gen(function*() {
        const { built: build } = yield* built(every)
        const error = yield* Effect.flip(build)
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
        assert.include(error.message, "every")
      })
  )

  it.effect("refuses options that are none", () =>
    Effect.gen(function*() {
      const { service } = yield* built()
      for (
        const [options, problem] of [
          [null, "options have to be a plain object of every, not null"],
          ["1 second", "options have to be a plain object of every, not text"],
          [{ evry: "1 second" }, "evry is not an option; did you mean every?"]
        ] as const
      ) {
        const layer = Metrics.layer(options as never)
        const error = yield* Effect.flip(
          Effect.provideService(Layer.build(layer), RedisCluster.RedisCluster, service)
        )
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        assert.include(error.message, problem)
      }
    }))
})
