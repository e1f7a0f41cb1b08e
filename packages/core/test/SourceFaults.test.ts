/** Sources that are no good: of callers without types, with bugs, or that are late. And parts that end before others. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type * as Client from "../src/Client.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Nodes from "../src/Nodes.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import type * as RedisError from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import * as SlotMap from "../src/SlotMap.ts"
import * as Topology from "../src/Topology.ts"
import { carrier, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import { clientOf, mapOf, told, whole } from "./support/sources.ts"

const thrown = (): never => {
  throw new Error("a bug")
}

/** The error with which a layer of such a source fails to be built, if it does not wait for ever. */
const refusalOf = Effect.fnUntraced(function*(source: unknown) {
  const fiber = yield* start(Effect.flip(Effect.scoped(clientOf(source as Topology.Source))))
  yield* settle
  assert.isDefined(fiber.pollUnsafe(), "it waits")
  return yield* Fiber.join(fiber) as Effect.Effect<RedisError.RedisError>
})

const opening = (discovery: unknown): Topology.Source =>
  told({}, { open: Effect.succeed(discovery as Topology.Discovery) }).source

describe("a source without types", () => {
  it.effect.each<readonly [string, unknown, string]>([
    ["nothing", undefined, "give a Topology.Source"],
    ["null", null, "give a Topology.Source"],
    [
      "of a oneSlot that is no flag",
      told({ oneSlot: 5 as never }).source,
      "oneSlot of what the source opens has to be true or false"
    ],
    ["whose news is a map", told({ news: whole as never }).source, "news of what the source opens has to be an Effect"],
    ["whose getter throws", {
      get open() {
        return thrown()
      }
    }, "can't be read"], // dprint-ignore
    ["that opens nothing", opening(undefined), "learn of what the source opens has to be an Effect, not undefined"],
    ["that opens an empty object", opening({}), "learn of what the source opens has to be an Effect, not undefined"],
    ["whose learn is a map", opening({ learn: whole }), "learn of what the source opens has to be an Effect"],
    [
      "whose dueAt is no function",
      told({ dueAt: 5000 as never }).source,
      "dueAt of what the source opens has to be a function"
    ],
    [
      "whose redirects are some of them",
      told({ redirects: { patch: SlotMap.patch } as never }).source,
      "addressOf of the source's redirects"
    ],
    ["of a fixed map that is none", Topology.fixed(Result.succeed(whole) as never), "the map has to be a SlotMap"],
    [
      "of a fixed map with an option that is none",
      Topology.fixed(whole, { oneslot: false } as object),
      "did you mean oneSlot?"
    ],
    ["of a fixed map with no options at all", Topology.fixed(whole, null as never), "options have to be a plain object"]
  ])("is refused: %s", ([, source, problem]) =>
    Effect.gen(function*() {
      const { message, reason } = yield* refusalOf(source)
      assert.strictEqual(reason._tag, "InvalidArgument")
      assert.include(message, problem)
    }))

  it.effect.each<readonly [string, unknown, string]>([
    ["nothing", Effect.void, "it answers undefined, which is no SlotMap"],
    ["the Result of a map", Effect.succeed(Result.succeed(whole)), "it answers an object, which is no SlotMap"],
    ["half a map", Effect.succeed({ nodes: new Map(), shards: [] }), "it answers an object, which is no SlotMap"],
    ["what is no RedisError", Effect.fail("asleep"), "it failed with what is no RedisError"],
    ["a bug", Effect.die("a bug"), "it died"],
    ["an interruption", Effect.interrupt, "ended without a result"]
  ])("that learns %s has not learnt the map, at first or later", ([, learn, problem]) =>
    Effect.gen(function*() {
      const never = yield* refusalOf(opening({ learn }))
      assert.strictEqual(never.reason._tag, "DiscoveryFailed")
      assert.include(never.message, problem)
      let now: unknown = Effect.succeed(whole)
      const { run, topology } = yield* clientOf(opening({ learn: Effect.suspend(() => now as typeof Effect.never) }))
      now = learn
      assert.include((yield* Effect.flip(topology.refresh)).message, problem)
      assert.strictEqual(yield* topology.current, whole)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))
})

describe("a source that says when it is to be asked again", () => {
  it.effect.each<readonly [string, () => unknown]>([
    ["throws", thrown],
    ["says NaN", () => NaN],
    ["says text", () => "soon"],
    ["says null", () => null],
    ["says never", () => Infinity]
  ])("and %s is asked when somebody wants it, and not by itself", ([, dueAt]) =>
    Effect.gen(function*() {
      const { asked, source } = told({ dueAt: dueAt as () => number })
      const { topology } = yield* clientOf(source)
      yield* advance("10 seconds")
      assert.strictEqual(asked.times, 1)
      topology.requestRefresh()
      yield* advance("1 second")
      assert.strictEqual(asked.times, 2)
    }))

  it.effect("may be an object of a class", () =>
    Effect.gen(function*() {
      class Registry implements Topology.Discovery {
        asked = 0
        private readonly map = whole
        readonly learn = Effect.sync(() => {
          this.asked++
          return this.map
        })
        dueAt() {
          return this.asked === 1 ? 5000 : undefined
        }
      }
      const registry = new Registry()
      yield* clientOf(opening(registry))
      yield* advance("6 seconds")
      assert.strictEqual(registry.asked, 2)
    }))

  it.effect("is believed after a refresh that somebody else has waited for", () =>
    Effect.gen(function*() {
      const { asked, source } = told({ dueAt: () => asked.times === 2 ? 5000 : undefined })
      const { topology } = yield* clientOf(source)
      yield* advance("1 second")
      yield* topology.refresh
      yield* advance("3900 millis")
      assert.strictEqual(asked.times, 2)
      yield* advance("200 millis")
      assert.strictEqual(asked.times, 3)
    }))

  it.effect("and that means at once, always, is asked no more often than the pauses allow", () =>
    Effect.gen(function*() {
      const { asked, source } = told({ dueAt: () => 0 })
      yield* clientOf(source)
      yield* advance("10 seconds")
      assert.isAbove(asked.times, 10)
      assert.isBelow(asked.times, 60)
    }))
})

describe("a source whose functions for redirects throw, or answer nonsense", () => {
  const sound: Topology.Redirects = {
    addressOf: Result.succeed,
    patch: SlotMap.patch,
    serves: () => {},
    disclaim: (map) => map
  }
  const bad: ReadonlyArray<readonly [string, object]> = [
    ["patch throws", { patch: thrown }],
    ["patch answers no map", { patch: () => undefined }],
    ["serves throws", { serves: thrown }],
    ["disclaim throws", { disclaim: thrown }],
    ["disclaim answers no map", { disclaim: () => ({}) }]
  ]

  it.effect.each(bad)("costs no command: %s", ([, redirects]) =>
    Effect.gen(function*() {
      const { source } = told({ redirects: { ...sound, ...redirects } })
      const { a, run, topology } = yield* clientOf(source)
      a.once("GET", Reply.error(`MOVED ${slotOfA} b:7000`), Reply.error(`MOVED ${slotOfA} a:7000`))
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      yield* topology.refresh
      const disclaimed = yield* start(run(Redis.get(keyOfA)))
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(disclaimed), "a:7000")
      assert.isTrue(SlotMap.isSlotMap(yield* topology.current))
    }))

  it.effect.each<readonly [string, () => unknown]>([
    ["throws", thrown],
    ["answers nothing", () => undefined],
    ["answers what is no address", () => Result.succeed("b:7000")]
  ])("fails a command that was redirected to an address that it %s for", ([, addressOf]) =>
    Effect.gen(function*() {
      const { source } = told({ redirects: { ...sound, addressOf: addressOf as typeof sound.addressOf } })
      const { a, run } = yield* clientOf(source)
      a.once("GET", Reply.error(`MOVED ${slotOfA} elsewhere:1`))
      const error = yield* Effect.flip(run(Redis.get(keyOfA)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "Rejected"])
      assert.include(error.message, "the source has to answer an address")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))
})

describe("a source that never answers", () => {
  it.effect("keeps nobody from leaving, and ends with the client", () =>
    Effect.gen(function*() {
      let ended = false
      const { asked, source } = told({
        learn: Effect.suspend(() => {
          asked.times++
          return asked.times === 1
            ? Effect.succeed(whole)
            : Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (ended = true)))
        })
      })
      const scope = yield* Scope.make()
      const { run, topology } = yield* Scope.provide(clientOf(source), scope)
      const impatient = yield* start(topology.refresh)
      const patient = yield* start(Effect.flip(topology.refresh))
      yield* settle
      yield* Fiber.interrupt(impatient)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(patient)).reason._tag, "Closed")
      assert.deepStrictEqual([ended, asked.times], [true, 2])
    }))
})

/** A pool and a topology, each in a scope of its own, and a client over both. */
const parts = Effect.gen(function*() {
  const nodes = threeNodes()
  const scopes = { pool: yield* Scope.make(), topology: yield* Scope.make() }
  const pool = yield* nodes.cluster.provide(Scope.provide(NodePool.make(), scopes.pool))
  const topology = yield* nodes.cluster.provide(
    Effect.provideService(Topology.fromSource(told().source), NodePool.NodePool, pool)
  ).pipe(Scope.provide(scopes.topology))
  const layer = RedisCluster.layerClient().pipe(
    Layer.provide(Layer.succeed(Topology.Topology, topology)),
    Layer.provideMerge(Layer.succeed(NodePool.NodePool, pool))
  )
  const context = yield* nodes.cluster.provide(Layer.build(layer))
  const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof layer>>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, context)
  yield* settle
  return { ...nodes, context: Context.add(context, Topology.Topology, topology), run, scopes, pool, topology }
})

describe("parts that a program provides", () => {
  it.effect("may end in any order: without its connections a client is closed, and nothing waits", () =>
    Effect.gen(function*() {
      const { cluster, context, run, scopes } = yield* parts
      yield* run(Redis.get(keyOfA))
      yield* Scope.close(scopes.pool, Exit.void)
      const works: ReadonlyArray<Effect.Effect<unknown, RedisError.RedisError, RedisCluster.Services>> = [
        Redis.get(keyOfA),
        Redis.get(keyOfB),
        Redis.pipeline([Redis.get(keyOfA)]),
        Redis.blpop([keyOfA], "1 second"),
        Session.use({ keys: keyOfA }, Redis.get(keyOfA)),
        Redis.ensureReplication(Redis.set(keyOfA, "1"), { replicas: 1, within: "1 second" })
      ]
      for (const work of works) {
        const fiber = yield* start(Effect.flip(Effect.provideContext(work, context)))
        yield* advance("1 second")
        assert.isDefined(fiber.pollUnsafe(), "it waits")
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closed")
      }
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("may end in any order: without its topology a client goes by the map that is known", () =>
    Effect.gen(function*() {
      const { a, run, scopes, topology } = yield* parts
      yield* Scope.close(scopes.topology, Exit.void)
      a.once("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      a.drop()
      yield* advance("1 second")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
      assert.strictEqual((yield* Effect.flip(topology.refresh)).reason._tag, "Closed")
    }))

  it.effect("live on when a client over them ends, and it does nothing over them any more", () =>
    Effect.gen(function*() {
      const { a, b, cluster, pool, topology } = yield* parts
      const scope = yield* Scope.make()
      const layer = RedisCluster.layerClient().pipe(
        Layer.provide(Layer.succeed(Topology.Topology, topology)),
        Layer.provide(Layer.succeed(NodePool.NodePool, pool))
      )
      const context = yield* cluster.provide(Scope.provide(Layer.build(layer), scope))
      a.on("GET", "hold")
      const begun = yield* start(Effect.provideContext(Effect.flip(Redis.get(keyOfA)), context))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      carrier(a, `GET ${keyOfA}`).release(Reply.error(`MOVED ${slotOfA} b:7000`))
      assert.strictEqual((yield* Fiber.join(begun)).reason._tag, "Closed")
      const [{ address }] = whole.nodes.values()
      const late: ReadonlyArray<Effect.Effect<unknown, RedisError.RedisError, Client.Client | Redis.Redis>> = [
        Nodes.executeOn(address, Redis.get(keyOfA)),
        Session.use({ node: address }, Redis.get(keyOfA)),
        Redis.dbsize()
      ]
      for (const work of late) {
        const error = yield* Effect.flip(Effect.provideContext(work, context))
        assert.strictEqual(error.reason._tag, "Closed")
      }
      const each = yield* Effect.provideContext(Nodes.execute("all", Redis.ping()), context)
      assert.isTrue(each.every(({ result }) => Result.isFailure(result) && result.failure.reason._tag === "Closed"))
      assert.deepStrictEqual([a.commands, b.commands], [[`GET ${keyOfA}`], []])
    }))

  it.effect("are not held by what has ended: hundreds of clients over them leave nothing behind", () =>
    Effect.gen(function*() {
      const { cluster } = threeNodes()
      let listening = 0
      const inner = yield* cluster.provide(NodePool.make())
      const pool = NodePool.NodePool.of({
        ...inner,
        onTrouble: (listener) => {
          listening++
          const unheard = inner.onTrouble(listener)
          return () => {
            listening--
            unheard()
          }
        }
      })
      const learnt = Topology.layerFromSource(told().source)
      const client = Layer.provide(RedisCluster.layerClient(), learnt).pipe(
        Layer.provide(Layer.succeed(NodePool.NodePool, pool))
      )
      const once = cluster.provide(Effect.provide(Redis.get(keyOfA), client, { local: true }))
      for (let i = 0; i < 200; i++) yield* once
      assert.strictEqual(listening, 0)
      assert.strictEqual(cluster.live, 1)
    }))

  it.effect("have to be over the same connections", () =>
    Effect.gen(function*() {
      const layer = RedisCluster.layerClient().pipe(
        Layer.provide(Layer.provide(Topology.layerFromSource(told().source), NodePool.layer())),
        Layer.provide(NodePool.layer())
      )
      const error = yield* Effect.flip(Effect.scoped(threeNodes().cluster.provide(Layer.build(layer))))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, "provide one and the same NodePool to both")
    }))

  it.effect("end one after the other: the client, what the source has opened, the connections", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      let redis: Redis.Redis["Service"] | undefined
      const open = Effect.gen(function*() {
        const pool = yield* NodePool.NodePool
        yield* Effect.addFinalizer(() =>
          Effect.gen(function*() {
            const { a, c } = maps
            const refused = yield* Effect.result(redis!.execute(Redis.get(keyOfA)))
            seen.push(Result.isFailure(refused) && refused.failure.reason._tag)
            seen.push(yield* Effect.orDie(pool.node(a).execute(Redis.get(keyOfA))))
            seen.push(pool.nodes().has(c.key))
          })
        )
        return { learn: Effect.succeed(whole) }
      })
      const [a, , c] = Array.from(whole.nodes.values(), ({ address }) => address)
      const maps = { a, c }
      const scope = yield* Scope.make()
      const { cluster, run } = yield* Scope.provide(clientOf(told({}, { open }).source), scope)
      redis = yield* run(Redis.Redis)
      yield* Effect.orDie(redis.execute(Redis.get(keyOfA)))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(seen, ["Closed", "a:7000", false])
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("are all closed if one of them can't be made", () =>
    Effect.gen(function*() {
      const { cluster } = threeNodes()
      let opened = 0
      const open = Effect.gen(function*() {
        const pool = yield* NodePool.NodePool
        yield* Effect.acquireRelease(Effect.sync(() => opened++), () => Effect.sync(() => opened--))
        const [{ address }] = whole.nodes.values()
        yield* pool.node(address).execute(Redis.get(keyOfA))
        return { learn: Effect.die("a bug") }
      })
      const layer = RedisCluster.layerFromSource(told({}, { open }).source)
      yield* Effect.flip(Effect.scoped(cluster.provide(Layer.build(layer))))
      assert.deepStrictEqual([opened, cluster.live, cluster.node("a:7000").connections.length], [0, 0, 1])
    }))
})

describe("a map that is another each time", () => {
  it.effect("is taken as it comes, and what it brings is told", () =>
    Effect.gen(function*() {
      let flips = 0
      const { source } = told({
        learn: Effect.sync(() => flips++ % 2 === 0 ? whole : mapOf("b:7000", "a:7000", "c:7000"))
      })
      const { run, topology } = yield* clientOf(source)
      for (let i = 0; i < 100; i++) {
        yield* topology.refresh
        assert.strictEqual(yield* run(Redis.get(keyOfA)), flips % 2 === 0 ? "b:7000" : "a:7000")
      }
    }))
})
