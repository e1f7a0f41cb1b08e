/** Clients that are started before their servers, in each mode: what is asked of them waits, in order, and is answered. */
import { assert, describe, it } from "@effect/vitest"
import { Command, Nodes, PubSub, RedirectPolicy, Redis, RedisCluster, Scan, Session } from "@redisc/core"
import { NodeRedis, NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as RealRedis from "../../src/RealRedis.ts"
import * as RealSentinel from "../../src/RealSentinel.ts"
import { whenLong } from "../chaos/stretch.ts"

type Client = Layer.Layer<RedisCluster.Services, Redis.RedisError>

interface Scene {
  /** Starts the servers again, which were killed. */
  readonly begin: Effect.Effect<void, RealCluster.RealClusterError>
  readonly client: (options: RedisCluster.SourceOptions) => Client
}

interface Servers<A> {
  readonly nodes: Effect.Effect<ReadonlyArray<A>, RealCluster.RealClusterError>
  readonly kill: (node: A) => Effect.Effect<void, RealCluster.RealClusterError>
  readonly restart: (node: A) => Effect.Effect<void, RealCluster.RealClusterError>
}

/** Kills all servers; restarts them when that is run. */
const silenced = Effect.fnUntraced(function*<A>({ kill, nodes, restart }: Servers<A>) {
  const all = yield* nodes
  yield* Effect.forEach(all, kill, { concurrency: "unbounded", discard: true })
  return Effect.forEach(all, restart, { concurrency: "unbounded", discard: true })
})

type Prepare = Effect.Effect<Scene, RealCluster.RealClusterError, Scope.Scope>

const cluster = (layerOf: (nodes: NodeRedisCluster.Options["nodes"]) => Scene["client"]): Prepare =>
  Effect.gen(function*() {
    const servers = yield* RealCluster.make({ primaries: 3, replicas: 0 })
    return { begin: yield* silenced(servers), client: layerOf(servers.addresses) }
  })

const modes: ReadonlyArray<readonly [string, Prepare]> = [
  ["a cluster", cluster((nodes) => (options) => NodeRedisCluster.layer({ nodes, ...options }))],
  ["a detected cluster", cluster((nodes) => (options) => NodeRedis.layer({ nodes, ...options }))],
  [
    "a detected server alone",
    Effect.gen(function*() {
      const servers = yield* RealRedis.make({ replicas: 1 })
      return {
        begin: yield* silenced(servers),
        client: (options) => NodeRedis.layer({ nodes: servers.addresses, ...options })
      }
    })
  ],
  [
    "a Sentinel group",
    Effect.gen(function*() {
      const group = yield* RealSentinel.make({ replicas: 0 })
      const servers = yield* silenced(group)
      const sentinels = yield* silenced({ ...group, nodes: Effect.succeed(group.sentinels) })
      return {
        begin: Effect.andThen(servers, sentinels),
        client: (options) => NodeRedis.layer({ nodes: group.addresses, sentinel: { name: group.name }, ...options })
      }
    })
  ]
]

const numbers = Array.from({ length: 200 }, (_, n) => n)

describe.each(modes)("%s that is not there yet", (name, prepare) => {
  it.live("answers what was asked before, in order, once it is there", () =>
    Effect.gen(function*() {
      const { begin, client } = yield* prepare
      yield* Effect.gen(function*() {
        const { health, stats } = yield* RedisCluster.RedisCluster
        const pushes = yield* Effect.forEach(numbers, (n) =>
          Effect.forkChild(Redis.rpush("list", [`${n}`]), { startImmediately: true }))
        const asked = yield* Effect.forkChild(
          Effect.all({
            pipeline: Redis.pipeline([Redis.set("a", "1"), Redis.get("a")]),
            transaction: Redis.transaction([Redis.set("t", "1"), Redis.get("t")]),
            many: Effect.andThen(Redis.mset({ x: "1", y: "2", z: "3" }), Redis.mget(["x", "y", "z"])),
            session: Session.use({ keys: "s" }, Effect.andThen(Redis.set("s", "1"), Redis.get("s")), { rerun: true }),
            each: Nodes.execute("primaries", Redis.ping()),
            subscription: Effect.scoped(PubSub.listen({ channels: ["news"] })),
            scan: Stream.runCollect(Scan.keys({ match: "nothing*" })),
            script: Redis.eval("return 7", { keys: ["k"] })
          }, { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        const refused = yield* Effect.flip(RedirectPolicy.provide(Redis.get("a"), RedirectPolicy.none))
        assert.deepStrictEqual([refused.reason._tag, refused.delivery], ["DiscoveryFailed", "NotSent"])
        const late = yield* Effect.flip(Redis.get("a").pipe(Command.timeout("1 second")))
        assert.deepStrictEqual([late.reason._tag, late.delivery], ["Timeout", "NotSent"])
        const { problem, status } = yield* health
        assert.strictEqual(status, "Starting")
        assert.strictEqual(problem?.reason._tag, "DiscoveryFailed")
        assert.strictEqual((yield* stats).waiting, numbers.length + 8)
        const clock = yield* Clock.Clock
        yield* begin
        const begun = clock.currentTimeMillisUnsafe()
        yield* Effect.forEach(pushes, Fiber.join)
        yield* Effect.log(`answered ${clock.currentTimeMillisUnsafe() - begun} ms after the servers were there`)
        const { each, many, pipeline, script, session, transaction } = yield* Fiber.join(asked)
        assert.deepStrictEqual(pipeline, ["OK", "1"])
        assert.deepStrictEqual(transaction, ["OK", "1"])
        assert.deepStrictEqual(many, ["1", "2", "3"])
        assert.strictEqual(session, "1")
        assert.strictEqual(script, 7)
        assert.isAbove(each.length, 0)
        assert.deepStrictEqual(yield* Redis.lrange("list", 0, -1), numbers.map(String))
        yield* Effect.repeat(health, {
          until: ({ status }) =>
            status === "Ready",
          schedule: Schedule.spaced("20 millis")
        })
      }).pipe(Effect.provide(client({ startWhileAway: "atOnce" })))
    }))

  const define = name.includes("cluster") ? whenLong(it.live) : it.live
  define("makes its layer wait, or fail", () =>
    Effect.gen(function*() {
      const { begin, client } = yield* prepare
      const failed = yield* Effect.flip(Effect.scoped(Layer.build(client({}))))
      assert.strictEqual(failed.reason._tag, "DiscoveryFailed")
      const redirects = RedirectPolicy.make(Schedule.spaced("100 millis"), { within: "700 millis" })
      const late = yield* Effect.flip(Effect.scoped(Layer.build(client({ startWhileAway: "wait", redirects }))))
      assert.strictEqual(late.reason._tag, "DiscoveryFailed")
      const answer = yield* Effect.forkChild(
        Redis.set("a", "1").pipe(Effect.provide(client({ startWhileAway: "wait" }))),
        { startImmediately: true }
      )
      yield* begin
      assert.strictEqual(yield* Fiber.join(answer), "OK")
    }))
})
