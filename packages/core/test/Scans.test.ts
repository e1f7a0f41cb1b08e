import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Address from "../src/Address.ts"
import * as CommandSpec from "../src/CommandSpec.ts"
import * as Nodes from "../src/Nodes.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as Redis from "../src/Redis.ts"
import * as Session from "../src/Session.ts"
import { connected, onNodesOf } from "./support/client.ts"
import { shard } from "./support/replicas.ts"
import { keyOfA, keyOfB } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const key = keyOfA

/** A page on which stands which node it comes from. */
const page = (node: string) => Reply.array([Reply.bulk("0"), Reply.array([Reply.bulk(node), Reply.bulk("1")])])

const scans = ["SCAN", "HSCAN", "SSCAN", "ZSCAN", "OBJECT FREQ", "OBJECT IDLETIME", "BF.SCANDUMP", "CLUSTERSCAN"]

/** Nodes that answer with their addresses, and replicas that have told that they are fit. */
const pages = Effect.fnUntraced(function*(readFrom: ReadFrom.ReadFrom) {
  const nodes = yield* shard({ readFrom })
  for (const node of [nodes.a, nodes.b, nodes.c]) for (const name of scans) node.on(name, page(node.key))
  yield* nodes.warm("any")
  yield* nodes.answers(3)
  const pagesOf = (command: string) =>
    [nodes.a, nodes.b, nodes.c].map(({ commands }) => commands.filter((line) => line.startsWith(command)).length)
  return { ...nodes, pagesOf }
})

const choices = ["primary", "preferReplica", "any", "nearest", "replica"] as const

describe("pages behind a cursor", () => {
  it.effect.each(choices)(
    "of one key all come from its primary, where reads come from %s",
    (readFrom) =>
      Effect.gen(function*() {
        const { pagesOf, run } = yield* pages(readFrom)
        for (let i = 0; i < 4; i++) {
          yield* run(Redis.hscan(key, "0"))
          yield* run(Redis.hscan(key, "0", { novalues: true }))
          yield* run(Redis.sscan(key, "0"))
          yield* run(Redis.zscan(key, "0"))
        }
        assert.deepStrictEqual(["HSCAN", "SSCAN", "ZSCAN"].map(pagesOf), [[8, 0, 0], [4, 0, 0], [4, 0, 0]])
      })
  )

  it.effect("come from there through every door", () =>
    Effect.gen(function*() {
      const { pagesOf, run } = yield* pages("replica")
      for (let i = 0; i < 4; i++) {
        yield* run(Redis.command("hscan", [key, "0"], i % 2 === 0 ? { keys: [0] } : {}))
        yield* run(Redis.pipeline([Redis.hscan(key, "0"), Redis.command("SSCAN", [key, 0])]))
        yield* run(ReadFrom.provide(Redis.hscan(key, "0"), "any"))
        yield* run(Redis.ensureReplication(Redis.hscan(key, "0"), { replicas: 1, within: "1 second" }))
      }
      assert.deepStrictEqual([pagesOf("HSCAN"), pagesOf("SSCAN")], [[16, 0, 0], [4, 0, 0]])
    }))

  it.effect("of filters, and counts that each node keeps for itself, are the primary's too", () =>
    Effect.gen(function*() {
      const { pagesOf, run } = yield* pages("replica")
      for (let i = 0; i < 3; i++) {
        yield* run(Redis.command("BF.SCANDUMP", [key, 0]))
        yield* run(Redis.command("OBJECT", ["FREQ", key]))
        yield* run(Redis.command("OBJECT IDLETIME", [key]))
      }
      assert.deepStrictEqual(["BF.SCANDUMP", "OBJECT FREQ", "OBJECT IDLETIME"].map(pagesOf), [
        [3, 0, 0],
        [3, 0, 0],
        [3, 0, 0]
      ])
    }))

  it.effect("stay where a session is bound, at a replica too", () =>
    Effect.gen(function*() {
      const { b, pagesOf, run } = yield* pages("primary")
      const scan = Effect.all([Redis.hscan(key, "0"), Redis.hscan(key, "1"), Redis.command("SCAN", [0])])
      yield* run(Session.use({ node: b.key }, scan))
      assert.deepStrictEqual([pagesOf("HSCAN"), pagesOf("SCAN")], [[0, 2, 0], [0, 1, 0]])
      yield* run(Session.use({ keys: key, readFrom: "replica" }, scan))
      assert.strictEqual(pagesOf("HSCAN")[0], 0)
      assert.deepStrictEqual(pagesOf("SCAN").map((count) => 2 * count), pagesOf("HSCAN"))
    }))
})

describe("a scan of all keys", () => {
  it.effect("is refused where any node would be asked, with what to do instead", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      for (
        const scan of [
          Redis.command("SCAN", [0]),
          Redis.command("scan", ["0", "COUNT", 5]),
          Redis.command("Scan", ["0"], { keys: [] })
        ]
      ) {
        const error = yield* Effect.flip(run(scan))
        assert.deepStrictEqual([error.reason._tag, error.delivery, error.attempts], ["InvalidArgument", "NotSent", 0])
        for (const way of ["Scan.keys", "Session.use({ node }", "Nodes.executeOn"]) {
          assert.include(error.message, way)
        }
      }
      const [first, second] = yield* run(
        Redis.pipeline([Redis.get(keyOfA), Redis.command("SCAN", [0])], { mode: "result" })
      )
      assert.isTrue(Result.isSuccess(first) && Result.isFailure(second))
      const inside = yield* Effect.flip(run(Redis.transaction([Redis.get(keyOfB), Redis.command("SCAN", [0])])))
      assert.include(inside.message, "the cursor of SCAN")
      const held = yield* Effect.flip(
        run(Redis.ensureReplication(Redis.command("SCAN", [0]), { replicas: 1, within: "1 second" }))
      )
      assert.include(held.message, "the cursor of SCAN")
      const cursor = yield* Effect.flip(run(Redis.command("FT.CURSOR", ["READ", "index", 7])))
      assert.include(cursor.message, "the cursor of FT.CURSOR READ")
      assert.deepStrictEqual([a, b, c].flatMap(({ commands }) => commands), [`GET ${keyOfA}`])
    }))

  it.effect("goes to the node that is named", () =>
    Effect.gen(function*() {
      const { a, b, c, run, service } = yield* connected()
      for (const node of [a, b, c]) node.on("SCAN", page(node.key))
      const scan = Redis.command("SCAN", ["0"])
      const from = (node: string) => ["0", [node, "1"]]
      assert.deepStrictEqual(yield* onNodesOf(service).executeOn(Address.tcp("b", 7000), scan), from(b.key))
      const each = yield* onNodesOf(service).executeEach(scan, "all")
      assert.deepStrictEqual(each.map(({ result }) => Result.getOrThrow(result)), [a, b, c].map(({ key }) => from(key)))
      const visited = yield* run(Nodes.collect("primaries", scan))
      assert.deepStrictEqual(Object.values(visited).map(Result.getOrThrow), [a, b, c].map(({ key }) => from(key)))
    }))

  it.effect("of Valkey goes by its cursor, as by a key", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      for (const node of [a, b, c]) node.on("CLUSTERSCAN", page(node.key))
      for (const tag of [keyOfA, keyOfB]) yield* run(Redis.command("CLUSTERSCAN", [`fp-{${tag}}-0`]))
      assert.deepStrictEqual([a, b, c].map(({ commands }) => commands.length), [1, 1, 0])
    }))
})

describe("a command whose replies belong together", () => {
  it("is known as one", () => {
    const sticky = ["SCAN", "HSCAN", "SSCAN", "ZSCAN", "CLUSTERSCAN", "FT.CURSOR READ", "FT.CURSOR DEL"]
    for (const name of sticky) assert.isTrue(CommandSpec.find(name)?.sticky, name)
    for (const name of ["GET", "XREAD", "XAUTOCLAIM", "RANDOMKEY", "KEYS"]) {
      assert.isFalse(CommandSpec.find(name)?.sticky, name)
    }
  })
})
