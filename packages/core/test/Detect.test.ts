/** Servers whose mode is not known beforehand. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import type * as Resp from "../src/Resp.ts"
import * as Slot from "../src/Slot.ts"
import * as Topology from "../src/Topology.ts"
import { start } from "./support/client.ts"
import { address } from "./support/learning.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedNode } from "./support/ScriptedCluster.ts"
import { group } from "./support/sentinels.ts"

const helloOf = (mode: string) =>
  Reply.map([
    [Reply.bulk("proto"), Reply.integer(3)],
    [Reply.bulk("mode"), Reply.bulk(mode)]
  ])
const unknown = (name: string) => Reply.error(`ERR unknown command '${name}', with args beginning with: `)
const disabled = Reply.error("ERR This instance has cluster support disabled")
const primary = Reply.array([Reply.bulk("master"), Reply.integer(0), Reply.array([])])

const alone = (node: ScriptedNode): ScriptedNode =>
  node.on("HELLO", helloOf("standalone")).on("CLUSTER SLOTS", disabled).on("CLUSTER INFO", disabled).on("ROLE", primary)
    .on("MGET", Reply.array([Reply.bulk("1"), Reply.bulk("2")]))

const clientOf = Effect.fnUntraced(function*(
  { cluster }: ReturnType<typeof threeNodes>,
  given: ReadonlyArray<string> = ["a:7000"],
  options: RedisCluster.SourceOptions = {}
) {
  const source = Topology.detect({ nodes: given.map(address) })
  const context = yield* cluster.provide(Layer.build(RedisCluster.layerFromSource(source, options)))
  yield* settle
  const run = <A, E>(effect: Effect.Effect<A, E, RedisCluster.Services>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, context)
  const oneSlot = run(Effect.map(Topology.Topology, ({ oneSlot }) => oneSlot()))
  return { run, oneSlot }
})

/** A client of what the first sentinel of a group is. */
const watching = Effect.fnUntraced(function*(cluster: ScriptedCluster, options?: RedisCluster.SourceOptions) {
  const source = Topology.detect({ nodes: [address("s1:26379")] })
  const context = yield* cluster.provide(Layer.build(RedisCluster.layerFromSource(source, options)))
  const topology = Context.get(context, Topology.Topology)
  return { primaryKey: Effect.map(topology.current, ({ shards }) => shards[0]?.primary?.address.key) }
})

const slotOfB = Slot.fromKey(keyOfB)

describe("the mode of a server", () => {
  it.effect("is that of a cluster, whose map is learnt then", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.on("HELLO", helloOf("cluster"))
      const { oneSlot, run } = yield* clientOf(nodes)
      assert.strictEqual(yield* run(Redis.get(keyOfB)), "b:7000")
      assert.isTrue(yield* oneSlot)
    }))

  it.effect("is that of a server alone, which has everything", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      alone(nodes.a)
      const { oneSlot, run } = yield* clientOf(nodes)
      assert.deepStrictEqual(yield* run(Redis.mget([keyOfA, keyOfB])), ["1", "2"])
      assert.isFalse(yield* oneSlot)
      assert.strictEqual(nodes.a.count("CLUSTER SLOTS"), 0)
    }))

  it.effect.each<readonly [string, Resp.Reply, Resp.Reply]>([
    [
      "by INFO, where HELLO does not tell",
      Reply.map([[Reply.bulk("proto"), Reply.integer(3)]]),
      Reply.bulk("# Server\r\nredis_mode:standalone\r\n")
    ],
    [
      "by INFO, where HELLO is not known",
      unknown("HELLO"),
      Reply.bulk("redis_version:5.0.14\r\nredis_mode:standalone\r\n")
    ],
    ["by nothing but silence about slots", unknown("HELLO"), unknown("INFO")]
  ])("is told %s", ([, hello, info]) =>
    Effect.gen(function*() {
      for (const isAlone of [true, false]) {
        const nodes = threeNodes()
        if (isAlone) alone(nodes.a)
        nodes.a.on("HELLO", hello).on("INFO", isAlone ? info : unknown("INFO"))
        const { oneSlot } = yield* clientOf(nodes)
        assert.strictEqual(yield* oneSlot, !isAlone)
      }
    }))

  it.effect("is asked of all that were given, and the first answer counts", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.accepts = "none"
      nodes.c.frozen = true
      alone(nodes.b)
      const client = yield* start(clientOf(nodes, ["a:7000", "c:7000", "b:7000"]))
      yield* advance("400 millis")
      assert.isDefined(client.pollUnsafe())
    }))

  it.effect("that nobody tells fails, with what each did", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.accepts = "none"
      nodes.b.frozen = true
      const client = yield* start(Effect.flip(clientOf(nodes, ["a:7000", "b:7000"], { connectTimeout: "1 second" })))
      yield* advance("3 seconds")
      const { message, reason } = yield* Fiber.join(client)
      assert.strictEqual(reason._tag, "DiscoveryFailed")
      assert.include(message, "a:7000 refused the connection")
      assert.match(message, /b:7000: .*did not answer our greeting/)
    }))

  it.effect.each<readonly [string, Resp.Reply, string]>([
    ["nothing", Reply.array([]), "it is a Sentinel that watches nothing"],
    [
      "two primaries",
      Reply.array(["one", "two"].map((name) => Reply.array([Reply.bulk("name"), Reply.bulk(name)]))),
      `it is a Sentinel, which watches "one", "two": say which one, as in redis+sentinel://host:26379/one`
    ]
  ])("is refused of a Sentinel that watches %s", ([, masters, problem]) =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.on("HELLO", helloOf("sentinel")).on("SENTINEL MASTERS", masters)
      assert.include((yield* Effect.flip(clientOf(nodes))).message, problem)
    }))

  it.effect("is refused of a Sentinel, which has no databases, for a client of one, and what to do is told", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.on("HELLO", helloOf("sentinel")).on("SELECT", unknown("SELECT"))
      const { message } = yield* Effect.flip(clientOf(nodes, ["a:7000"], { database: 1 }))
      assert.include(message, "as in redis+sentinel://host:26379/name/1")
    }))

  it.effect("is asked again when a server that was alone has become a node of a cluster", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      alone(nodes.a)
      const { oneSlot, run } = yield* clientOf(nodes)
      assert.isFalse(yield* oneSlot)
      nodes.a.on("HELLO", helloOf("cluster")).on("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      nodes.a.on("CLUSTER SLOTS", nodes.b.take("CLUSTER SLOTS")!).on("CLUSTER INFO", nodes.b.take("CLUSTER INFO")!)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      yield* advance("1 second")
      assert.isTrue(yield* oneSlot)
    }))

  it.effect("is asked again of a server that was restarted, which then has all slots of a cluster", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      alone(nodes.a)
      const { oneSlot, run } = yield* clientOf(nodes)
      nodes.cluster.slots = [[0, 16383, "a:7000"]]
      nodes.a.on("HELLO", helloOf("cluster"))
      nodes.a.on("CLUSTER SLOTS", nodes.b.take("CLUSTER SLOTS")!).on("CLUSTER INFO", nodes.b.take("CLUSTER INFO")!)
      nodes.a.drop()
      yield* advance("1 second")
      assert.isTrue(yield* oneSlot)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("is not believed of a server that says that it is alone, and answers MOVED", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.on("HELLO", helloOf("standalone")).on("ROLE", primary).once("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      const { oneSlot, run } = yield* clientOf(nodes)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      yield* advance("1 second")
      assert.isTrue(yield* oneSlot)
      const { refreshes } = yield* run(Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats))
      yield* advance("30 seconds")
      const { refreshes: later } = yield* run(Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats))
      assert.isBelow(later - refreshes, 10)
    }))

  it.effect("that turns out to be that of a cluster lets redirects change the map at once from then on", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.on("HELLO", helloOf("standalone")).on("ROLE", primary).once("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      const { oneSlot, run } = yield* clientOf(nodes)
      yield* run(Redis.get(keyOfA))
      yield* advance("1 second")
      assert.isTrue(yield* oneSlot)
      for (const node of nodes.cluster.nodes.values()) node.on("CLUSTER SLOTS", "hold")
      nodes.b.on("GET", Reply.error(`MOVED ${slotOfB} c:7000`))
      for (let n = 0; n < 2; n++) assert.strictEqual(yield* run(Redis.get(keyOfB)), "c:7000")
      assert.strictEqual(nodes.b.count(`GET ${keyOfB}`), 1)
    }))

  it.effect("of Sentinels that come later than the client lets it hear of switches at once", () =>
    Effect.gen(function*() {
      const { cluster, failOver, sentinels, switched } = group()
      for (const node of sentinels) node.on("HELLO", helloOf("sentinel")).accepts = "none"
      const { primaryKey } = yield* watching(cluster, { startWhileAway: "atOnce" })
      yield* advance("2 seconds")
      for (const node of sentinels) node.accepts = "all"
      yield* advance("5 seconds")
      assert.strictEqual(yield* primaryKey, "a:6379")
      failOver()
      switched(...sentinels)
      yield* advance("1 second")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("that is not that of Sentinels any more ends what listened to them", () =>
    Effect.gen(function*() {
      const { cluster, sentinels } = group()
      const [s1, ...others] = sentinels
      for (const node of sentinels) node.on("HELLO", helloOf("sentinel"))
      const { primaryKey } = yield* watching(cluster)
      const listening = () => s1.live.filter(({ received }) => received.some((line) => line.startsWith("SUBSCRIBE")))
      yield* advance("1 second")
      assert.strictEqual(listening().length, 1)
      cluster.slots = [[0, 16383, "s1:26379"]]
      s1.on("HELLO", helloOf("cluster")).on("SENTINEL GET-MASTER-ADDR-BY-NAME", unknown("SENTINEL"))
      for (const node of others) node.accepts = "none"
      for (const node of sentinels) node.drop()
      yield* advance("15 seconds")
      assert.strictEqual(yield* primaryKey, "s1:26379")
      assert.strictEqual(listening().length, 0)
    }))

  it.effect("is asked again when the map can't be learnt any more", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.a.on("HELLO", helloOf("cluster"))
      const { oneSlot, run } = yield* clientOf(nodes)
      for (const node of [nodes.a, nodes.b, nodes.c]) {
        alone(node)
        node.drop()
      }
      nodes.b.accepts = "none"
      nodes.c.accepts = "none"
      yield* advance("5 seconds")
      assert.isFalse(yield* oneSlot)
      assert.deepStrictEqual(yield* run(Redis.mget([keyOfA, keyOfB])), ["1", "2"])
    }))

  it.effect.each<readonly [string, unknown, string]>([
    ["none", [], "nodes is empty"],
    ["text", ["a:7000"], "nodes have to be addresses"],
    ["an object", {}, "nodes has to be an array of addresses"]
  ])("can't be asked of no nodes: %s", ([, given, problem]) =>
    Effect.gen(function*() {
      const layer = RedisCluster.layerFromSource(Topology.detect({ nodes: given as never }))
      const error = yield* Effect.flip(Effect.scoped(threeNodes().cluster.provide(Layer.build(layer))))
      assert.include(error.message, problem)
    }))
})
