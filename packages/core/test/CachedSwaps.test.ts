/** Whoever learns of a new map may be interrupted while it takes the place of the old one. What is kept falls all the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Cached from "../src/Cached.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Topology from "../src/Topology.ts"
import { watching } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { address } from "./support/learning.ts"
import { settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const primary = Reply.array([Reply.bulk("master"), Reply.integer(0), Reply.array([])])

/** Servers without cluster mode, the first of which sends those who write to the second. A reply of the first is kept. */
const redirecting = Effect.fnUntraced(function*() {
  const cluster = scriptedCluster([])
  const [a] = ["a:6379", "b:6379"].map((key) => cluster.node(key).on("ROLE", primary))
  const { values } = watching(cluster)
  values.set("kept", "old")
  const source = Topology.standalone({ servers: [address("a:6379")] })
  const context = yield* cluster.provide(Layer.build(RedisCluster.layerFromSource(source)))
  const run = <A, E>(effect: Effect.Effect<A, E, RedisCluster.Services>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, context)
  const read = run(Redis.get("kept").pipe(Cached.for("1 minute")))
  assert.strictEqual(yield* read, "old")
  a.on("SET", Reply.error("REDIRECT b:6379"))
  const primaryOf = run(
    Effect.flatMap(
      Topology.Topology,
      ({ current }) => Effect.map(current, ({ shards }) => shards[0].primary?.address.key)
    )
  )
  return { primaryOf, read, run, values }
})

describe("a kept reply", () => {
  it.effect("is dropped when a map is replaced, wherever the fiber that does it is interrupted", () =>
    Effect.gen(function*() {
      const primaries = new Set<string | undefined>()
      for (let steps = 0; steps < 40; steps++) {
        const { primaryOf, read, run, values } = yield* redirecting()
        // So that it can be interrupted after a few steps, and not only where it waits.
        const write = Effect.provideService(run(Redis.set("other", "1")), References.MaxOpsBeforeYield, 3)
        const writer = yield* start(Effect.exit(write))
        yield* Effect.replicateEffect(Effect.yieldNow, steps)
        yield* start(Fiber.interrupt(writer))
        yield* settle
        values.set("kept", "new")
        const now = yield* primaryOf
        primaries.add(now)
        assert.strictEqual(yield* read, now === "a:6379" ? "old" : "new", `after ${steps} steps`)
      }
      assert.deepStrictEqual(primaries, new Set(["a:6379", "b:6379"]))
    }))
})
