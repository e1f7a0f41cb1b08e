/** Which sentinels are asked, and what a client does with them: each test is a trap that a client has fallen into. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Address from "../src/Address.ts"
import * as PubSub from "../src/PubSub.ts"
import * as Redis from "../src/Redis.ts"
import { start } from "./support/client.ts"
import { address } from "./support/learning.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import { clientOf, group, inResp2, instance, primary, questions, serves, watches } from "./support/sentinels.ts"

const all = ["s1:26379", "s2:26379", "s3:26379"]

describe("a client of sentinels", () => {
  it.effect("has all keys at the primary, which may stand together in a command", () =>
    Effect.gen(function*() {
      const { a, cluster } = group()
      a.on("MGET", Reply.array(["1", "2", "3"].map(Reply.bulk)))
      const { primaryKey, replicaKeys, run } = yield* clientOf(cluster)
      assert.strictEqual(yield* primaryKey, "a:6379")
      assert.deepStrictEqual(yield* replicaKeys, ["b:6379"])
      assert.deepStrictEqual(yield* run(Redis.mget(["x", "y", "z"])), ["1", "2", "3"])
      assert.deepStrictEqual(a.commands, ["MGET x y z"])
    }))

  it.effect("reads where readFrom says", () =>
    Effect.gen(function*() {
      const { cluster } = group()
      const { run } = yield* clientOf(cluster, { readFrom: "replica" })
      assert.strictEqual(yield* run(Redis.get("k")), "b:6379")
    }))

  it.effect("understands sentinels of RESP2, to which it listens all the same", () =>
    Effect.gen(function*() {
      const { cluster, failOver, sentinels, switched } = group()
      for (const node of sentinels) inResp2(node)
      const { primaryKey, replicaKeys } = yield* clientOf(cluster)
      assert.deepStrictEqual(yield* replicaKeys, ["b:6379"])
      failOver()
      switched(sentinels[1])
      yield* advance("400 millis")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect.each([
    ["host names", "redis-0.redis.svc:6379", "redis-1.redis.svc:6379"],
    ["IPv6 addresses", "[2001:db8::1]:6379", "[2001:db8::2]:6379"]
  ])("goes where %s lead", ([, first, second]) =>
    Effect.gen(function*() {
      const { cluster, knowledge } = group()
      serves(cluster.node(first), primary)
      for (const own of knowledge) Object.assign(own, { primary: first, replicas: [second] })
      const { primaryKey, replicaKeys, run } = yield* clientOf(cluster)
      assert.strictEqual(yield* primaryKey, first)
      assert.deepStrictEqual(yield* replicaKeys, [second])
      assert.strictEqual(yield* run(Redis.get("k")), first)
    }))

  it.effect("closes its connections to sentinels with its scope", () =>
    Effect.gen(function*() {
      const { cluster } = group()
      const scope = yield* Scope.make()
      yield* Scope.provide(clientOf(cluster), scope)
      yield* advance("1 second")
      assert.isAbove(cluster.live, 3)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("has one connection to each sentinel once it has begun, for events and questions", () =>
    Effect.gen(function*() {
      const { cluster, sentinels } = group()
      const { refresh } = yield* clientOf(cluster)
      yield* advance("1 second")
      yield* refresh
      yield* advance("3 seconds")
      assert.deepStrictEqual(sentinels.map(({ live }) => live.length), [1, 1, 1])
    }))
})

describe("sentinels", () => {
  it.effect("that can't be reached or hang don't hold up a start: one that answers is enough, and tells of the others", () =>
    Effect.gen(function*() {
      const { cluster, sentinels } = group()
      const [first, second] = sentinels
      first.accepts = "none"
      second.accepts = "neither"
      const started = yield* start(Effect.scoped(clientOf(cluster, { given: all })))
      yield* advance("400 millis")
      assert.isDefined(started.pollUnsafe())
      yield* Fiber.join(started)
      const { run } = yield* Effect.tap(clientOf(cluster, { given: ["s3:26379"] }), () => settle)
      assert.isAbove(first.dialed.length, 1)
      assert.strictEqual(yield* run(Redis.get("k")), "a:6379")
    }))

  it.effect("that were given are never forgotten, and those that others told of go when nobody tells of them", () =>
    Effect.gen(function*() {
      const { cluster, knowledge, sentinels } = group()
      const [first, second, third] = sentinels
      const fourth = cluster.node("s4:26379")
      watches(fourth, { ...knowledge[0] })
      first.accepts = "none"
      const { refresh } = yield* clientOf(cluster, { given: ["s1:26379", "s2:26379"] })
      // As many as before, but another one.
      for (const own of knowledge) Object.assign(own, { sentinels: ["s1:26379", "s2:26379", "s4:26379"] })
      yield* refresh
      yield* advance("1 second")
      assert.isAbove(fourth.live.length, 0)
      assert.strictEqual(third.live.length, 0)
      yield* advance("10 seconds")
      for (const node of [second, third, fourth]) {
        node.accepts = "none"
        node.drop()
      }
      first.accepts = "all"
      yield* advance("3 seconds")
      const before = questions(first)
      yield* refresh
      assert.isAbove(questions(first), before)
    }))

  it.effect("that were told of are asked when those that were given are gone", () =>
    Effect.gen(function*() {
      const { cluster, failOver, sentinels } = group()
      const { primaryKey } = yield* clientOf(cluster)
      sentinels[0].accepts = "none"
      sentinels[0].drop()
      failOver()
      yield* advance("8 seconds")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("that are told of as down are left alone", () =>
    Effect.gen(function*() {
      const { cluster, sentinels } = group()
      sentinels[0].on(
        "SENTINEL SENTINELS",
        Reply.array([
          instance("s2:26379", { flags: "sentinel", runid: "2" }),
          instance("s3:26379", { flags: "s_down,sentinel,disconnected", runid: "3" })
        ])
      )
      sentinels[1].on("SENTINEL SENTINELS", Reply.array([]))
      yield* clientOf(cluster)
      yield* advance("1 second")
      assert.deepStrictEqual(sentinels.map(({ dialed }) => dialed.length > 0), [true, true, false])
    }))

  it.effect("that are given by name and told of by address are asked and listened to once", () =>
    Effect.gen(function*() {
      const { cluster, knowledge, sentinels } = group()
      const named = ["one:26379", "two:26379", "three:26379"]
      for (const [index, key] of named.entries()) {
        watches(cluster.node(key), knowledge[index]).on("SENTINEL MYID", Reply.bulk(`id of ${all[index]}`))
      }
      const { refresh } = yield* clientOf(cluster, { given: named })
      yield* refresh
      yield* advance("1 second")
      assert.deepStrictEqual(sentinels.map(({ dialed }) => dialed.length), [0, 0, 0])
    }))

  it.effect("that have two names are asked and listened to once, as soon as that is known", () =>
    Effect.gen(function*() {
      const { cluster, knowledge, sentinels } = group()
      const alias = watches(cluster.node("alias:26379"), knowledge[0])
        .on("SENTINEL MYID", Reply.bulk("id of s1:26379"))
      const { refresh } = yield* clientOf(cluster, { given: ["s1:26379", "alias:26379"] })
      yield* refresh
      yield* advance("1 second")
      assert.deepStrictEqual([...sentinels.slice(0, 1), alias].map(({ live }) => live.length).toSorted(), [0, 1])
    }))

  it.effect("are known by hearsay in small numbers only, and so are replicas", () =>
    Effect.gen(function*() {
      const { cluster, knowledge, sentinels } = group()
      const many = Array.from({ length: 1000 }, (_, n) => `r${n}:6379`)
      const strangers = Array.from(many, (key, n) => instance(key, { flags: "sentinel", runid: `${n}` }))
      for (const own of knowledge) own.replicas = many
      for (const node of sentinels) node.on("SENTINEL SENTINELS", Reply.array(strangers))
      const { refresh, replicaKeys } = yield* clientOf(cluster)
      yield* refresh
      assert.strictEqual((yield* replicaKeys).length, 256)
      sentinels[0].accepts = "none"
      sentinels[0].drop()
      for (let i = 0; i < 20; i++) {
        yield* Effect.ignore(Effect.forkChild(refresh))
        yield* advance("2 seconds")
      }
      assert.isBelow(Array.from(cluster.nodes.keys()).filter((key) => /^r\d+:6379$/.test(key)).length, 40)
    }))

  it.effect("have users of their own, and a Connector of their own", () =>
    Effect.gen(function*() {
      const { a, cluster, sentinels } = group()
      const other = scriptedCluster([])
      for (const node of sentinels) other.nodes.set(node.key, node)
      for (const node of sentinels) cluster.nodes.delete(node.key)
      const { run } = yield* clientOf(cluster, {
        credentials: { username: "app", password: Redacted.make("of the servers") },
        source: {
          connector: other.connector,
          credentials: { username: "watch", password: Redacted.make("of the sentinels") }
        }
      })
      assert.strictEqual(yield* run(Redis.get("k")), "a:6379")
      const greetings = (node: typeof a) =>
        new Set(node.connections.flatMap(({ received }) => received.filter((line) => line.startsWith("HELLO"))))
      assert.deepStrictEqual(greetings(a), new Set(["HELLO 3 AUTH app of the servers"]))
      assert.deepStrictEqual(greetings(sentinels[0]), new Set(["HELLO 3 AUTH watch of the sentinels"]))
      assert.notInclude(Array.from(cluster.nodes.keys()).join(), "26379")
    }))

  it.effect("may let the client ask for nothing but the address", () =>
    Effect.gen(function*() {
      const { cluster, failOver, sentinels } = group()
      const forbidden = Reply.error("NOPERM this user has no permissions to run the command")
      for (const node of sentinels) {
        for (const word of ["MASTER", "REPLICAS", "SLAVES", "SENTINELS", "MYID", "MASTERS"]) {
          node.on(`SENTINEL ${word}`, forbidden)
        }
        node.on("SUBSCRIBE", forbidden)
      }
      const { primaryKey } = yield* clientOf(cluster, { given: all })
      assert.strictEqual(yield* primaryKey, "a:6379")
      failOver()
      yield* advance("8 seconds")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("are translated like the servers, primary and replicas alike, for subscriptions too", () =>
    Effect.gen(function*() {
      const { cluster, failOver, sentinels, switched } = group()
      const outside = (announced: Address.Address) =>
        announced._tag === "Tcp" ? Address.tcp(`${announced.host}.outside`, announced.port) : announced
      const there = new Map<string, ReturnType<typeof cluster.node>>()
      for (const key of ["a:6379", "b:6379", "s2:26379", "s3:26379"]) {
        const own = outside(address(key)).key
        there.set(key, cluster.node(key))
        cluster.nodes.set(own, cluster.node(key))
        cluster.nodes.delete(key)
      }
      const a = there.get("a:6379")!
      const b = there.get("b:6379")!
      const { primaryKey, replicaKeys, run } = yield* clientOf(cluster, { source: { addressMap: outside } })
      assert.strictEqual(yield* primaryKey, "a.outside:6379")
      assert.deepStrictEqual(yield* replicaKeys, ["b.outside:6379"])
      yield* start(run(Effect.scoped(Effect.flatMap(PubSub.listen({ channels: ["news"] }), Stream.runDrain))))
      yield* settle
      assert.strictEqual(a.count("SUBSCRIBE news") + b.count("SUBSCRIBE news"), 1)
      failOver()
      switched(...sentinels)
      yield* advance("1 second")
      assert.strictEqual(yield* primaryKey, "b.outside:6379")
      yield* advance("1 second")
      assert.isTrue([...a.live, ...b.live].some(({ received }) => received.includes("SUBSCRIBE news")))
      for (const key of ["a:6379", "b:6379", "s2:26379", "s3:26379"]) assert.isFalse(cluster.nodes.has(key))
    }))
})
