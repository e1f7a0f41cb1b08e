import { assert, describe, it } from "@effect/vitest"
import { Redis, RedisCluster } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"

const cluster = FakeCluster.FakeCluster
const withCluster = (options?: FakeCluster.LayerOptions) => Effect.provide(FakeCluster.layer(options))

const text = (value: unknown): string =>
  typeof value === "string" ? value : new TextDecoder().decode(value as Uint8Array)

describe("FakeCluster", () => {
  it.effect("serves the real client", () =>
    Effect.gen(function*() {
      yield* Redis.set("a", "1")
      yield* Redis.set("grüße", "🌍")
      assert.strictEqual(yield* Redis.get("a"), "1")
      assert.strictEqual(yield* Redis.get("grüße"), "🌍")
      assert.strictEqual(yield* Redis.get("none"), null)
    }).pipe(withCluster()))

  it.effect("ages keys by the Clock", () =>
    Effect.gen(function*() {
      yield* Redis.set("a", "1", { ex: "10 seconds" })
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* Redis.get("a"), "1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Redis.get("a"), null)
    }).pipe(withCluster()))

  it.effect("moves a slot at once, and the client follows", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "1")
      const slot = fake.slotOf("a")
      yield* fake.migrateSlot(slot, "fake-0")
      assert.strictEqual((yield* fake.ownerOf(slot)).name, "fake-0")
      assert.strictEqual(yield* Redis.get("a"), "1")
      assert.deepStrictEqual(yield* fake.keys("fake-0"), ["a"])
      const { redirects } = yield* (yield* RedisCluster.RedisCluster).stats
      assert.strictEqual(redirects, 1)
    }).pipe(withCluster()))

  it.effect("answers ASK and TRYAGAIN while a slot moves", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const slot = fake.slotOf("{t}")
      yield* fake.seed({ "{t}1": "one", "{t}2": "two" })
      const owner = yield* fake.ownerOf(slot)
      const target = (yield* fake.primaries).find(({ id }) => id !== owner.id)!
      yield* fake.beginMigration(slot, target)
      assert.strictEqual(yield* fake.migrateKeys(slot, 1), 1)
      const refused = (name: string, args: ReadonlyArray<string>) =>
        Effect.map(Effect.flip(fake.command(owner, name, args)), ({ problem }) => problem)
      assert.include(yield* refused("GET", ["{t}1"]), `ASK ${slot} ${target.address.key}`)
      assert.include(yield* refused("MGET", ["{t}1", "{t}2"]), "TRYAGAIN Multiple keys request")
      assert.strictEqual(text(yield* fake.command(owner, "GET", ["{t}2"])), "two")
      assert.strictEqual(yield* Redis.get("{t}1"), "one")
      assert.strictEqual(yield* Redis.get("{t}2"), "two")
      yield* Redis.set("{t}3", "three")
      assert.deepStrictEqual(yield* fake.keys(target), ["{t}1", "{t}3"])
      yield* fake.finishMigration(slot)
      assert.deepStrictEqual(yield* fake.keys(target), ["{t}1", "{t}2", "{t}3"])
      assert.include(yield* refused("GET", ["{t}1"]), "MOVED")
      assert.strictEqual(yield* Redis.get("{t}2"), "two")
    }).pipe(withCluster()))

  it.effect("moves a slot by the server's own commands", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const slot = fake.slotOf("a")
      yield* Redis.set("a", "1")
      const from = yield* fake.ownerOf(slot)
      const to = (yield* fake.primaries).find(({ id }) => id !== from.id)!
      yield* fake.command(to, "CLUSTER", ["SETSLOT", slot, "IMPORTING", from.id])
      yield* fake.command(from, "CLUSTER", ["SETSLOT", slot, "MIGRATING", to.id])
      const moved = yield* fake.command(from, "MIGRATE", [to.address.host, to.address.port, "a", 0, 1000])
      assert.strictEqual(moved, "OK")
      for (const node of [to, from]) yield* fake.command(node, "CLUSTER", ["SETSLOT", slot, "NODE", to.id])
      assert.strictEqual((yield* fake.ownerOf(slot)).id, to.id)
      assert.strictEqual(yield* Redis.get("a"), "1")
    }).pipe(withCluster()))

  it.effect("loses nothing in a failover by hand", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "1")
      const owner = yield* fake.ownerOf(fake.slotOf("a"))
      const [replica] = yield* fake.replicasOf(owner)
      yield* fake.failover(replica)
      assert.strictEqual((yield* fake.ownerOf(fake.slotOf("a"))).id, replica.id)
      assert.strictEqual(yield* Redis.get("a"), "1")
      yield* Redis.set("a", "2")
      assert.deepStrictEqual((yield* fake.replicasOf(replica)).map(({ name }) => name), [owner.name])
      yield* fake.failover(owner)
      assert.strictEqual(yield* Redis.get("a"), "2")
    }).pipe(withCluster({ replicas: 1 })))

  it.effect("promotes a replica when the node timeout has passed after a kill", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "1")
      const slot = fake.slotOf("a")
      const owner = yield* fake.ownerOf(slot)
      const [replica] = yield* fake.replicasOf(owner)
      yield* fake.kill(owner)
      yield* TestClock.adjust("900 millis")
      assert.strictEqual((yield* fake.ownerOf(slot)).id, owner.id)
      const reading = yield* Effect.forkChild(Redis.get("a"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(reading), "1")
      assert.strictEqual((yield* fake.awaitPromotion(owner)).id, replica.id)
      yield* fake.restart(owner)
      const [back] = yield* fake.replicasOf(replica)
      assert.strictEqual(back.id, owner.id)
      assert.deepStrictEqual(yield* fake.keys(owner), ["a"])
    }).pipe(withCluster({ replicas: 1 })))

  it.effect("loses what the minority wrote, as real clusters do", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "before")
      const slot = fake.slotOf("a")
      const owner = yield* fake.ownerOf(slot)
      const [replica] = yield* fake.replicasOf(owner)
      for (const { name } of yield* fake.nodes) if (name !== owner.name) yield* fake.partition(owner, name)
      yield* fake.command(owner, "SET", ["a", "in the minority"])
      assert.strictEqual(text(yield* fake.command(owner, "GET", ["a"])), "in the minority")
      yield* TestClock.adjust("2 seconds")
      const refused = yield* Effect.flip(fake.command(owner, "GET", ["a"]))
      assert.include(refused.problem, "CLUSTERDOWN The cluster is down")
      assert.strictEqual((yield* fake.ownerOf(slot)).id, replica.id)
      yield* fake.heal()
      assert.include((yield* Effect.flip(fake.command(owner, "GET", ["a"]))).problem, "MOVED")
      assert.strictEqual(text(yield* fake.command(replica, "GET", ["a"])), "before")
      assert.strictEqual((yield* fake.replicasOf(replica))[0].id, owner.id)
    }).pipe(withCluster({ replicas: 1 })))

  it.effect("holds back what a client sends through a cut", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "1")
      const owner = yield* fake.ownerOf(fake.slotOf("a"))
      yield* fake.partition("client", owner)
      const reading = yield* Effect.forkChild(Redis.get("a"))
      yield* TestClock.adjust("1 second")
      assert.isUndefined(reading.pollUnsafe())
      yield* fake.heal("client", owner)
      assert.strictEqual(yield* Fiber.join(reading), "1")
    }).pipe(withCluster()))

  it.effect("delays replies by the Clock", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "1")
      yield* fake.latency(yield* fake.ownerOf(fake.slotOf("a")), "50 millis")
      const reading = yield* Effect.forkChild(Redis.get("a"))
      yield* TestClock.adjust("49 millis")
      assert.isUndefined(reading.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(reading), "1")
    }).pipe(withCluster()))

  it.effect("cuts a connection in the middle of a reply", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "0123456789")
      yield* fake.dropConnections(yield* fake.ownerOf(fake.slotOf("a")), { afterBytes: 8 })
      const reading = yield* Effect.forkChild(Redis.get("a"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(reading), "0123456789")
      const owner = yield* fake.ownerOf(fake.slotOf("a"))
      const journal = yield* fake.journal(owner)
      assert.strictEqual(journal.filter(({ command }) => command[0] === "GET").length, 2)
    }).pipe(withCluster()))

  it.effect("answers what the test has scripted", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* fake.reply("any", "get", "LOADING Redis is loading the dataset in memory", { times: 1 })
      yield* Redis.set("a", "1")
      const reading = yield* Effect.forkChild(Redis.get("a"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(reading), "1")
      yield* fake.reply("any", (command) => command[1] === "b", "ERR not b")
      const refused = yield* Effect.flip(Redis.get("b"))
      assert.include(refused.message, "not b")
    }).pipe(withCluster()))

  it.effect("keeps a journal", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* TestClock.adjust("3 seconds")
      yield* Redis.set("a", "ü")
      const owner = yield* fake.ownerOf(fake.slotOf("a"))
      const journal = yield* fake.journal(owner)
      const last = journal.at(-1)!
      assert.deepStrictEqual(last.command, ["SET", "a", "ü"])
      assert.strictEqual(last.at, 3000)
      assert.deepStrictEqual(
        journal.find(({ connection }) => connection === last.connection)!.command.slice(0, 2),
        [
          "HELLO",
          "3"
        ]
      )
    }).pipe(withCluster()))

  it.effect("wakes a client that blocks, and times it out by the Clock", () =>
    Effect.gen(function*() {
      const popping = yield* Effect.forkChild(Redis.blpop(["list"], "5 seconds"))
      yield* TestClock.adjust("1 second")
      yield* Redis.rpush("list", ["x"])
      assert.deepStrictEqual(yield* Fiber.join(popping), { key: "list", element: "x" })
      const waiting = yield* Effect.forkChild(Redis.blpop(["list"], "5 seconds"))
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), null)
    }).pipe(withCluster()))

  it.effect("redirects a client that blocks when its slot moves", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const slot = fake.slotOf("list")
      const owner = yield* fake.ownerOf(slot)
      const target = (yield* fake.primaries).find(({ id }) => id !== owner.id)!
      const popping = yield* Effect.forkChild(Redis.blpop(["list"], "60 seconds"))
      yield* TestClock.adjust("1 second")
      yield* fake.migrateSlot(slot, target)
      yield* TestClock.adjust("1 second")
      yield* Redis.rpush("list", ["x"])
      assert.deepStrictEqual(yield* Fiber.join(popping), { key: "list", element: "x" })
    }).pipe(withCluster()))

  it.effect("adds nodes and removes them", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* fake.seed({ a: "1", b: "2", c: "3" })
      const added = yield* fake.addNode()
      yield* fake.migrateSlots({ to: added, slots: [[0, 16383]] })
      assert.deepStrictEqual(yield* fake.keys(added), ["a", "b", "c"])
      assert.strictEqual(yield* Redis.get("b"), "2")
      yield* fake.removeNode("fake-0")
      const left = yield* fake.nodes
      assert.deepStrictEqual(left.map(({ name }) => name), ["fake-1", "fake-2", "fake-3"])
      assert.strictEqual(yield* Redis.get("c"), "3")
    }).pipe(withCluster()))

  it.effect("asks for the password that it was given", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      yield* Redis.set("a", "1")
      assert.strictEqual(yield* Redis.get("a"), "1")
      const journal = yield* fake.journal("fake-0")
      assert.deepStrictEqual(journal[0].command.slice(0, 3), ["HELLO", "3", "AUTH"])
    }).pipe(withCluster({ password: Redacted.make("secret") })))

  it.effect("says what was asked for when it makes no sense", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const problem = <A>(effect: Effect.Effect<A, FakeCluster.FakeClusterError>) =>
        Effect.map(Effect.flip(effect), (error) => error.problem)
      assert.include(yield* problem(fake.kill("fake-9")), "there is no node \"fake-9\"")
      assert.include(yield* problem(fake.ownerOf(16384)), "there is no slot 16384")
      assert.include(yield* problem(fake.migrateSlot(-1, "fake-0")), "there is no slot -1")
      assert.include(yield* problem(fake.failover("fake-0")), "fake-0 is a primary")
      assert.include(yield* problem(fake.finishMigration(1)), "slot 1 is not being moved")
      assert.include(yield* problem(fake.partition("client", "client")), "client can't be cut off from itself")
      assert.include(yield* problem(fake.command("fake-0", "NOPE")), "ERR unknown command 'NOPE'")
    }).pipe(withCluster()))

  it.effect("tells the test about a command that Redis has and it has not", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const refused = yield* Effect.flip(fake.command("fake-0", "PSYNC", ["?", "-1"]))
      assert.include(refused.problem, "ERR unknown command 'PSYNC', with args beginning with: '?' '-1' ")
      assert.deepStrictEqual(yield* fake.unimplemented, ["PSYNC"])
    }).pipe(withCluster()))

  it.effect("describes itself", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      assert.strictEqual(
        yield* fake.describe,
        [
          "fake-0  fake-0:6379  online  primary  epoch 1  slots 0-8191",
          "fake-1  fake-1:6379  online  primary  epoch 2  slots 8192-16383",
          "fake-2  fake-2:6379  online  replica of fake-0  epoch 0",
          "fake-3  fake-3:6379  online  replica of fake-1  epoch 0"
        ].join("\n")
      )
    }).pipe(withCluster({ primaries: 2, replicas: 1 })))
})
