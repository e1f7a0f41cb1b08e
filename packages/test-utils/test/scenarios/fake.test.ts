/** The scenarios on clusters in memory, and those that take a node that says what it is told to, or a clock. */
import { assert, describe, it } from "@effect/vitest"
import { Connector, RedirectPolicy, Redis, RedisCluster, Resp } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Cluster, failures, reasonOf } from "./Cluster.ts"
import type { Settings } from "./Cluster.ts"
import { suite } from "./suite.ts"
import type { Options } from "./suite.ts"

const start = Effect.fnUntraced(function*(options: Options) {
  const { connector, service } = yield* FakeCluster.make(options)
  const clientOf = (settings: RedisCluster.Options, over: Connector.Connector["Service"]) =>
    Layer.provide(RedisCluster.layer(settings), Layer.succeed(Connector.Connector, over))
  const standalone = Effect.gen(function*() {
    const lonely = yield* FakeCluster.make({ primaries: 1 })
    const refusal = Resp.Reply.error("ERR This instance has cluster support disabled")
    yield* lonely.service.reply("any", "CLUSTER", refusal, { times: Infinity })
    return clientOf({ nodes: lonely.service.addresses }, lonely.connector)
  })
  return Cluster.of({
    kind: "redis",
    ...service,
    waitUntilStable: Effect.void,
    client: (settings?: Settings) => clientOf({ nodes: service.addresses, ...settings }, connector),
    standalone: Layer.unwrap(standalone),
    connector
  })
})

suite((options) => Layer.effect(Cluster, start(options)))

const stats = Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)

const tenSeconds = Effect.replicateEffect(TestClock.adjust("100 millis"), 100, { discard: true })

/** Lets time pass in steps of a millisecond until an effect is done, and tells how much it took. */
const timed = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const startedAt = yield* Clock.currentTimeMillis
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
  return { value: yield* Fiber.join(fiber), millis: (yield* Clock.currentTimeMillis) - startedAt }
})

const errors: ReadonlyArray<readonly [text: string, reason: Partial<Redis.RedisError["reason"]>]> = [
  ["MOVED 15495 fake-1:6379", { _tag: "Moved", slot: 15495, address: "fake-1:6379" }],
  ["ASK 15495 fake-1:6379", { _tag: "Ask", slot: 15495, address: "fake-1:6379" }],
  ["MOVED 15495", { _tag: "ServerError", code: "MOVED" }],
  ["MOVED x fake-1:6379", { _tag: "ServerError", code: "MOVED" }],
  ["MOVED 16384 fake-1:6379", { _tag: "ServerError", code: "MOVED" }],
  ["ASK 15495 fake-1:6379 please", { _tag: "ServerError", code: "ASK" }],
  ["MOVEDOUT 15495 fake-1:6379", { _tag: "ServerError", code: "MOVEDOUT" }],
  ["TRYAGAIN Multiple keys request during rehashing of slot", { _tag: "TryAgain" }],
  ["CROSSSLOT Keys in request don't hash to the same slot", { _tag: "ServerError", code: "CROSSSLOT" }]
]

describe("scripted", () => {
  it.effect("an ASK that leads back to the node is followed there, behind ASKING (redisc 32)", () =>
    Effect.gen(function*() {
      const { journal, ownerOf, reply, seed, slotOf } = yield* FakeCluster.FakeCluster
      yield* seed({ a: "1" })
      const owner = yield* ownerOf(slotOf("a"))
      yield* reply(owner, "GET", `ASK ${slotOf("a")} ${owner.address.key}`)
      assert.strictEqual(yield* Redis.get("a"), "1")
      const [first, ...others] = (yield* journal(owner)).slice(-3)
      assert.deepStrictEqual([first, ...others].map(({ command }) => command.join(" ")), ["GET a", "ASKING", "GET a"])
      for (const { connection } of others) assert.strictEqual(connection, first.connection)
    }).pipe(Effect.provide(FakeCluster.layer())))

  it.effect("two TRYAGAIN take two pauses of the policy, and then it succeeds (redisc 34)", () =>
    Effect.gen(function*() {
      const { reply, seed } = yield* FakeCluster.FakeCluster
      yield* seed({ "{a}1": "1", "{a}2": "2" })
      yield* reply("any", "MGET", "TRYAGAIN Multiple keys request during rehashing of slot", { times: 2 })
      const policy = RedirectPolicy.make(Schedule.spaced("100 millis"))
      const { millis, value } = yield* timed(RedirectPolicy.provide(Redis.mget(["{a}1", "{a}2"]), policy))
      assert.deepStrictEqual(value, ["1", "2"])
      assert.approximately(millis, 200, 5)
      assert.strictEqual((yield* stats).retries, 2)
    }).pipe(Effect.provide(FakeCluster.layer())))

  it.effect("a refresh that no node answers fails, and says what each of them said (redisc 23)", () =>
    Effect.gen(function*() {
      const { addresses, reply } = yield* FakeCluster.FakeCluster
      const { refresh } = yield* RedisCluster.RedisCluster
      yield* reply("any", "CLUSTER SLOTS", "ERR not now", { times: Infinity })
      const reason = yield* reasonOf(refresh)
      assert.strictEqual(reason._tag, "DiscoveryFailed")
      for (const { key } of addresses) assert.include(reason.message, `${key}: the server answered "ERR not now"`)
    }).pipe(Effect.provide(FakeCluster.layer())))

  it.effect("a refresh that fails in the background is told once (redisc 5)", () =>
    Effect.gen(function*() {
      const { reply } = yield* FakeCluster.FakeCluster
      const { topology } = yield* RedisCluster.RedisCluster
      const told = yield* failures
      for (const times of [1, 2]) {
        // The three nodes that are known, and the same again as those that were given.
        yield* reply("any", "CLUSTER SLOTS", "ERR not now", { times: 6 })
        topology.requestRefresh()
        yield* tenSeconds
        assert.strictEqual(yield* Queue.size(told), times)
      }
      const { error, source } = yield* Queue.take(told)
      assert.deepStrictEqual([source, error.reason._tag], ["Refresh", "DiscoveryFailed"])
    }).pipe(Effect.provide(FakeCluster.layer())))

  it.effect("a storm of redirects makes one refresh, however long one waits (redisc 16)", () =>
    Effect.gen(function*() {
      const { migrateSlot, ownerOf, primaries, slotOf } = yield* FakeCluster.FakeCluster
      const slot = slotOf("a")
      const owner = yield* ownerOf(slot)
      yield* migrateSlot(slot, (yield* primaries).find(({ id }) => id !== owner.id)!)
      yield* Effect.all(Array.from({ length: 100 }, () => Redis.incr("a")), { concurrency: "unbounded" })
      yield* tenSeconds
      const { redirects, refreshes } = yield* stats
      assert.deepStrictEqual({ redirects, refreshes }, { redirects: 100, refreshes: 2 })
    }).pipe(Effect.provide(FakeCluster.layer())))

  it.effect.each(errors)("%j is read for what it is (redisc 31)", ([text, reason]) =>
    Effect.gen(function*() {
      const { reply } = yield* FakeCluster.FakeCluster
      yield* reply("any", "GET", text)
      assert.deepInclude(yield* reasonOf(Redis.get("a")), reason)
    }).pipe(
      Effect.provide(FakeCluster.layer({ primaries: 2, client: { redirects: RedirectPolicy.none } }))
    ))
})
