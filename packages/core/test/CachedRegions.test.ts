/** Where a cached read travels all the same, and keeps nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Cached from "../src/Cached.ts"
import type { Client } from "../src/Client.ts"
import * as Nodes from "../src/Nodes.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as Redis from "../src/Redis.ts"
import * as Session from "../src/Session.ts"
import { caching, gets, ok, turnOn, watching } from "./support/caching.ts"
import { connectedTo } from "./support/client.ts"
import { keyOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const cached = Redis.get(keyOfA).pipe(Cached.for("1 minute"))

const within = { replicas: 1, within: "1 second" } as const

type Read = Effect.Effect<unknown, Redis.RedisError, Redis.Redis | Client | Scope.Scope>

const regions: ReadonlyArray<readonly [name: string, read: Read]> = [
  ["a region without the cache", Cached.provide(cached, "off")],
  ["a session", Session.use({ keys: [keyOfA] }, cached)],
  ["a pipeline in a session", Session.use({ keys: [keyOfA] }, Redis.pipeline([cached, cached]))],
  ["a session that is made", Effect.flatMap(Session.make({ keys: [keyOfA] }), (session) => session.execute(cached))],
  ["a transaction", Redis.transaction([cached])],
  ["an optimistic transaction", Redis.optimistic([keyOfA], Effect.as(cached, []))],
  ["a region whose writes are replicated", Redis.ensureReplication(cached, within)],
  ["a pipeline in such a region", Redis.ensureReplication(Redis.pipeline([cached]), within)],
  [
    "keys of several slots in such a region",
    Redis.ensureReplication(Redis.mget([keyOfA, "k"]).pipe(Cached.for("1 minute")), within)
  ],
  ["a command for one node", Nodes.executeOn("a:7000", cached)],
  ["a command for each node", Nodes.execute("primaries", cached)],
  ["a visit of nodes", Stream.runDrain(Nodes.visit("primaries", () => cached))]
]

const ready = Effect.fnUntraced(function*() {
  const client = yield* caching()
  for (const node of [client.a, client.b, client.c]) {
    node.on("WATCH", ok).on("UNWATCH", ok).on("MULTI", ok).on("EXEC", Reply.array([Reply.bulk("2")])).on(
      "WAIT",
      Reply.integer(1)
    )
  }
  const travelled = () => client.a.commands.filter((line) => /^M?GET/.test(line)).length
  return { ...client, travelled }
})

describe("in", () => {
  it.effect.each(regions)("%s nothing comes from the cache", ([, read]) =>
    Effect.gen(function*() {
      const { read: readKept, run, travelled } = yield* ready()
      yield* readKept(keyOfA)
      const before = travelled()
      yield* Effect.scoped(run(read))
      assert.isAbove(travelled(), before)
    }))

  it.effect.each(regions)("%s nothing is kept, and no server is asked to watch", ([, read]) =>
    Effect.gen(function*() {
      const { a, read: readKept, run, service } = yield* ready()
      yield* Effect.scoped(run(read))
      assert.strictEqual(a.count(turnOn), 0)
      assert.strictEqual(a.count("CLIENT CACHING YES"), 0)
      assert.strictEqual((yield* service.stats).cache?.entries, 0)
      const before = gets(a, keyOfA)
      yield* readKept(keyOfA)
      assert.strictEqual(gets(a, keyOfA), before + 1)
    }))

  it.effect("a region with the cache inside one without, replies are kept", () =>
    Effect.gen(function*() {
      const { a, run } = yield* ready()
      const inside = cached.pipe(Cached.provide("on"), Cached.provide("off"))
      yield* run(inside)
      yield* run(inside)
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("a pipeline in a region without the cache nothing comes from it, and nothing is kept", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* ready()
      const pipeline = run(Cached.provide(Redis.pipeline([cached, cached]), "off"))
      yield* pipeline
      assert.strictEqual(gets(a, keyOfA), 2)
      yield* read(keyOfA)
      yield* pipeline
      assert.strictEqual(gets(a, keyOfA), 5)
    }))

  it.effect.each([["On"], [true], [null], [""], [{}]])(
    "a region of the mode %j cached reads fail, kept or not",
    ([mode]) =>
      Effect.gen(function*() {
        const { a, read, run } = yield* ready()
        const wrong = run(Cached.provide(cached, mode as never))
        for (let i = 0; i < 2; i++) {
          const { reason } = yield* Effect.flip(wrong)
          assert.strictEqual(reason._tag, "InvalidArgument")
          assert.match(reason.message, /has to be one of "on", "off"/)
          yield* read(keyOfA)
        }
        const [result] = yield* run(Cached.provide(Redis.pipeline([cached], { mode: "result" }), mode as never))
        assert.strictEqual(result._tag, "Failure")
        yield* run(Cached.provide(Redis.get("{bar}plain"), mode as never))
        assert.strictEqual(gets(a, keyOfA), 1)
      })
  )
})

describe("a region that reads from replicas", () => {
  const withReplica = Effect.fnUntraced(function*(readFrom: ReadFrom.ReadFrom) {
    const client = yield* connectedTo([[0, 16383, "a:7000", "b:7000"]], { readFrom }, watching)
    const role = (name: string) =>
      Reply.array([Reply.bulk(name), Reply.bulk("a"), Reply.integer(7000), Reply.bulk("connected"), Reply.integer(0)])
    const [a, b] = ["a:7000", "b:7000"].map((key) => client.cluster.node(key))
    a.on("ROLE", Reply.array([Reply.bulk("master"), Reply.integer(0), Reply.array([])]))
    b.on("ROLE", role("slave"))
    return { ...client, a, b }
  })

  it.effect("has cached reads answered by the primary, which watches", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* withReplica("replica")
      yield* run(Redis.get(keyOfA))
      assert.strictEqual(gets(b, keyOfA), 1)
      yield* run(cached)
      yield* run(cached)
      yield* run(ReadFrom.provide(cached, "replica"))
      yield* run(Redis.pipeline([cached]))
      yield* run(Redis.mget([keyOfA, "k"]).pipe(Cached.for("1 minute")))
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfA)], [1, 1])
      assert.deepStrictEqual([a.count(turnOn), b.count(turnOn)], [1, 0])
      assert.strictEqual(b.commands.filter((line) => line.startsWith("MGET")).length, 0)
    }))

  it.effect("has them answered by replicas where there is no cache", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* withReplica("replica")
      yield* run(Cached.provide(cached, "off"))
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfA)], [0, 1])
    }))
})
