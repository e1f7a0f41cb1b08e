/** How a client of sentinels begins, or says why it can't. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Topology from "../src/Topology.ts"
import { start } from "./support/client.ts"
import { advance } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import { clientOf, failureOf, group, instance, primary, replica } from "./support/sentinels.ts"

const all = ["s1:26379", "s2:26379", "s3:26379"]

describe("a start", () => {
  it.effect("without any sentinel says so, and with which problem each of them failed", () =>
    Effect.gen(function*() {
      const { cluster, sentinels } = group()
      sentinels[0].accepts = "none"
      sentinels[1].on("SENTINEL GET-MASTER-ADDR-BY-NAME", Reply.error("ERR unknown command 'SENTINEL'"))
      sentinels[2].on("SENTINEL GET-MASTER-ADDR-BY-NAME", Reply.bulk("nonsense"))
      const { message, wanted } = yield* failureOf(cluster, { given: all })
      assert.strictEqual(wanted, "sentinel")
      assert.include(message, "no sentinel answered")
      assert.include(message, "s1:26379 refused the connection")
      assert.include(message, "it is no Sentinel; give the address of a sentinel")
      assert.include(message, "the address that it tells can't be read")
    }))

  it.effect("by a name that no sentinel knows says which names they do know", () =>
    Effect.gen(function*() {
      const { cluster, sentinels } = group()
      const listed = Array.from({ length: 12 }, (_, n) => instance("a:6379", { name: `db${n}` }))
      sentinels[1].on("SENTINEL MASTERS", Reply.array(listed))
      sentinels[2].on("SENTINEL MASTERS", Reply.error("NOPERM"))
      const { message, wanted } = yield* failureOf(cluster, { given: all, source: { name: "yours" } })
      assert.strictEqual(wanted, "name")
      assert.include(message, `s1:26379: it does not know the name "yours", but "mymaster"`)
      assert.include(message, `but "db0", "db1", "db2", "db3", "db4", "db5", "db6", "db7", "db8", "db9", ...`)
      assert.include(message, `s3:26379: it does not know the name "yours"`)
    }))

  it.effect("by a name that one sentinel does not know, and another one does, is no problem", () =>
    Effect.gen(function*() {
      const { cluster, knowledge } = group()
      knowledge[0].primary = null
      knowledge[1].primary = null
      const { primaryKey } = yield* clientOf(cluster, { given: all })
      assert.strictEqual(yield* primaryKey, "a:6379")
    }))

  it.effect("in the middle of a failover waits for the new primary to say that it is one", () =>
    Effect.gen(function*() {
      const { a, cluster } = group()
      a.on("ROLE", replica)
      const started = yield* start(clientOf(cluster))
      yield* advance("600 millis")
      assert.isUndefined(started.pollUnsafe())
      a.on("ROLE", primary)
      yield* advance("300 millis")
      yield* Fiber.join(started)
    }))

  it.effect("does not begin at the old primary, which still believes in itself, once most sentinels name another one", () =>
    Effect.gen(function*() {
      const { b, cluster, elect, knowledge } = group()
      elect("b:6379")
      Object.assign(knowledge[2], { primary: "a:6379", epoch: 1 })
      const client = yield* start(clientOf(cluster, { given: all }))
      yield* advance("500 millis")
      assert.isUndefined(client.pollUnsafe())
      b.on("ROLE", primary)
      yield* advance("1 second")
      assert.strictEqual(yield* (yield* Fiber.join(client)).primaryKey, "b:6379")
    }))

  it.effect("with a primary that never says that it is one, or can't be reached, fails and says which", () =>
    Effect.gen(function*() {
      const { a, cluster } = group()
      a.on("ROLE", replica)
      const failing = yield* start(failureOf(cluster))
      yield* advance("3 seconds")
      const denied = yield* Fiber.join(failing)
      assert.strictEqual(denied.wanted, "primary")
      assert.include(denied.message, "a:6379: the sentinels name it as the primary, but it is a replica")
      a.accepts = "none"
      a.drop()
      const again = yield* start(failureOf(cluster))
      yield* advance("3 seconds")
      assert.include((yield* Fiber.join(again)).message, "a:6379 refused the connection")
    }))

  it.effect.each<readonly [string, object, string]>([
    ["no name", { name: undefined }, "name has to be"],
    ["a name with a blank", { name: "my master" }, "name has to be"],
    ["no sentinels", { sentinels: [] }, "sentinels is empty"],
    ["sentinels as text", { sentinels: ["s1:26379"] }, "read text with Address.parse"],
    ["a password in the open", { credentials: { password: "secret" } }, "must be Redacted"],
    ["a connector that is none", { connector: {} }, "a Connector"],
    ["a timeout of nothing", { timeout: 0 }, "timeout"],
    ["an option of another name", { master: "mymaster" }, "master is not an option"]
  ])("with %s fails before anybody is asked", ([, source, problem]) =>
    Effect.gen(function*() {
      const { cluster } = group()
      const { message, wanted } = yield* failureOf(cluster, { source })
      assert.strictEqual(wanted, "InvalidArgument")
      assert.include(message, problem)
      assert.notInclude(message, "secret")
      assert.strictEqual(cluster.nodes.get("s1:26379")?.dialed.length, 0)
    }))

  it.effect("with options that are none, or can't be read, fails in the same way", () =>
    Effect.gen(function*() {
      const { cluster } = group()
      const hostile = {
        get name(): string {
          throw new Error("no")
        }
      }
      for (const options of [undefined, null, 7, [], {}, hostile]) {
        const source = Topology.sentinel(options as never)
        const layer = RedisCluster.layerFromSource(source)
        const { reason } = yield* cluster.provide(Effect.flip(Effect.scoped(Layer.build(layer))))
        assert.strictEqual(reason._tag, "InvalidArgument")
      }
    }))
})
