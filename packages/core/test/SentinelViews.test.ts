/** What of all that sentinels say is believed. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { start } from "./support/client.ts"
import { advance } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import { clientOf, group, instance, primary, say } from "./support/sentinels.ts"

const all = ["s1:26379", "s2:26379", "s3:26379"]

describe("what sentinels say", () => {
  it.effect("of replicas counts for those that are up and linked to their primary", () =>
    Effect.gen(function*() {
      const { cluster, knowledge } = group()
      const replicas = [
        "b:6379",
        { key: "c:6379", flags: "s_down,slave" },
        { key: "d:6379", flags: "slave,disconnected" },
        { key: "e:6379", link: "err" },
        { key: "f:6379", flags: "o_down,slave" },
        "a:6379",
        "g:6379"
      ]
      for (const own of knowledge) own.replicas = replicas
      const { replicaKeys } = yield* clientOf(cluster)
      assert.deepStrictEqual(yield* replicaKeys, ["b:6379", "g:6379"])
    }))

  it.effect("of a replica counts if at least half of them find it fit", () =>
    Effect.gen(function*() {
      const { cluster, knowledge } = group()
      const down = (key: string) => ({ key, flags: "s_down,slave" })
      knowledge[0].replicas = ["b:6379", "c:6379"]
      knowledge[1].replicas = [down("b:6379"), "c:6379"]
      knowledge[2].replicas = [down("b:6379"), down("c:6379")]
      const { replicaKeys } = yield* clientOf(cluster, { given: all })
      assert.deepStrictEqual(yield* replicaKeys, ["c:6379"])
    }))

  it.effect("of a replica that comes back is heard within seconds, and of one that goes at once", () =>
    Effect.gen(function*() {
      const { cluster, knowledge, sentinels } = group()
      const { replicaKeys } = yield* clientOf(cluster)
      for (const own of knowledge) own.replicas = [{ key: "b:6379", flags: "s_down,slave" }]
      say(sentinels[0], "+sdown", "slave b:6379 b 6379 @ mymaster a 6379")
      yield* advance("1 second")
      assert.deepStrictEqual(yield* replicaKeys, [])
      for (const own of knowledge) own.replicas = ["b:6379"]
      yield* advance("7 seconds")
      assert.deepStrictEqual(yield* replicaKeys, ["b:6379"])
    }))

  it.effect("in the newest epoch counts, if the server that it names says that it is the primary", () =>
    Effect.gen(function*() {
      const { b, cluster, knowledge } = group()
      b.on("ROLE", primary)
      Object.assign(knowledge[2], { primary: "b:6379", epoch: 2 })
      const { primaryKey } = yield* clientOf(cluster, { given: all })
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("by one alone, in whatever epoch, does not count while the server denies it, or can't be reached", () =>
    Effect.gen(function*() {
      const { cluster, knowledge } = group()
      Object.assign(knowledge[1], { primary: "b:6379", epoch: 9 })
      const { primaryKey, run } = yield* clientOf(cluster, { given: all })
      assert.strictEqual(yield* primaryKey, "a:6379")
      cluster.node("nowhere:6379").accepts = "none"
      Object.assign(knowledge[1], { primary: "nowhere:6379" })
      yield* advance("10 seconds")
      assert.strictEqual(yield* primaryKey, "a:6379")
      assert.strictEqual(yield* run(Redis.get("k")), "a:6379")
    }))

  it.effect("by one that has slept through a failover does not lead back", () =>
    Effect.gen(function*() {
      const { a, cluster, failOver, knowledge, sentinels, switched } = group()
      const { primaryKey, refresh } = yield* clientOf(cluster, { given: all })
      failOver()
      switched(...sentinels)
      yield* advance("1 second")
      assert.strictEqual(yield* primaryKey, "b:6379")
      // It was cut off with the old primary, which still believes in itself; the others can't be reached.
      a.on("ROLE", primary)
      Object.assign(knowledge[0], { primary: "a:6379", epoch: 1 })
      for (const node of sentinels.slice(1)) {
        node.accepts = "none"
        node.drop()
      }
      yield* Effect.ignore(refresh)
      yield* advance("10 seconds")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("by most of them counts even if it is older, as when they were set up anew", () =>
    Effect.gen(function*() {
      const { b, cluster, knowledge } = group()
      for (const own of knowledge) own.epoch = 7
      const { primaryKey, refresh } = yield* clientOf(cluster, { given: all })
      b.on("ROLE", primary)
      for (const own of knowledge) Object.assign(own, { primary: "b:6379", epoch: 0, replicas: [] })
      yield* refresh
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("is not believed if it is nonsense", () =>
    Effect.gen(function*() {
      const { cluster, knowledge, sentinels } = group()
      const huge = Array.from({ length: 1000 }, (_, n) => instance(`h${n}:6379`, { flags: "sentinel", runid: `${n}` }))
      sentinels[0].on("SENTINEL GET-MASTER-ADDR-BY-NAME", Reply.array([Reply.bulk("evil\r\nhost"), Reply.bulk("6379")]))
      sentinels[1].on("SENTINEL GET-MASTER-ADDR-BY-NAME", Reply.array([Reply.bulk("a"), Reply.bulk("0")]))
        .on("SENTINEL MASTER", Reply.array([Reply.array([Reply.integer(1)]), Reply.null]))
      sentinels[2].on(
        "SENTINEL REPLICAS",
        Reply.array([Reply.integer(3), Reply.null, Reply.map([]), instance("b:6379", {})])
      )
        .on("SENTINEL SENTINELS", Reply.array(huge)).on("SENTINEL MYID", Reply.integer(1))
      const { primaryKey, replicaKeys, refresh } = yield* clientOf(cluster, { given: all })
      assert.strictEqual(yield* primaryKey, "a:6379")
      assert.deepStrictEqual(yield* replicaKeys, [])
      for (const own of knowledge) own.epoch++
      yield* refresh
      yield* advance("10 seconds")
      assert.isBelow(cluster.nodes.size, 20)
    }))

  it.effect("after a while that none of them answers is heard again; until then commands go on, and it is told", () =>
    Effect.gen(function*() {
      const { cluster, failOver, sentinels } = group()
      const { primaryKey, run } = yield* clientOf(cluster, { given: all })
      const told: Array<string> = []
      yield* start(
        run(
          Effect.flatMap(
            RedisCluster.RedisCluster,
            ({ failures }) =>
              Stream.runForEach(
                failures,
                ({ error, source }) => Effect.sync(() => told.push(`${source} ${error.message}`))
              )
          )
        )
      )
      for (const node of sentinels) {
        node.accepts = "none"
        node.drop()
      }
      yield* advance("30 seconds")
      assert.strictEqual(yield* primaryKey, "a:6379")
      assert.strictEqual(yield* run(Redis.set("k", "v")), "OK")
      assert.include(told[0], "Refresh no sentinel answered")
      failOver()
      for (const node of sentinels) node.accepts = "all"
      yield* advance("10 seconds")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))
})
