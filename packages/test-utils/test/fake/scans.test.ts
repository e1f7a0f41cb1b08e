/** The order of a scan is that of a node, as on real servers: a cursor of one is worth nothing at another. */
import { assert, describe, it } from "@effect/vitest"
import { Connection, Connector, Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"

const members = Array.from({ length: 1000 }, (_, index) => `m${index}`)

/** A primary with two replicas, and how to scan by pages of 50, each from the next of some nodes. */
const setUp = Effect.fnUntraced(function*(version?: FakeCluster.VersionName) {
  const { connector, service: fake } = yield* FakeCluster.make({ primaries: 1, replicas: 2, version })
  const connections = yield* Effect.forEach(
    fake.addresses,
    (address) =>
      Connection.make(address, { readOnly: true }).pipe(Effect.provideService(Connector.Connector, connector))
  )
  yield* fake.seed({ set: new Set(members), hash: new Map(members.map((member) => [member, "1"])) })
  yield* fake.command("fake-0", "ZADD", ["zset", ...members.flatMap((member) => ["1", member])])
  yield* fake.seed(Object.fromEntries(members.map((member) => [`key:${member}`, "1"])))
  const scan = ([name, ...key]: ReadonlyArray<string>, nodes: ReadonlyArray<number>) =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      let cursor = "0"
      let page = 0
      do {
        const { execute } = connections[nodes[page++ % nodes.length]]
        const reply = yield* execute(
          Redis.command(name, [...key, cursor, "COUNT", "50"], { keys: key.map((_, at) => at) })
        )
        const [next, items] = reply as [string, ReadonlyArray<string>]
        seen.push(...items.filter((item) => item.includes("m")))
        cursor = next
      } while (cursor !== "0")
      return seen
    })
  return { fake, scan }
})

const kinds = [["SSCAN", "set"], ["HSCAN", "hash"], ["ZSCAN", "zset"], ["SCAN"]]

describe("scans", () => {
  for (const kind of kinds) {
    const all = members.map((member) => kind.length === 1 ? `key:${member}` : member).sort()

    it.effect(`${kind[0]} at one node answers everything once, in an order of its own`, () =>
      Effect.gen(function*() {
        const { scan } = yield* setUp()
        const orders = yield* Effect.forEach([0, 1, 2], (node) => scan(kind, [node]))
        for (const order of orders) assert.deepStrictEqual([...order].sort(), all)
        assert.strictEqual(new Set(orders.map(String)).size, 3)
      }))

    it.effect(`${kind[0]} in pages from several nodes loses some`, () =>
      Effect.gen(function*() {
        const { scan } = yield* setUp()
        assert.isBelow(new Set(yield* scan(kind, [0, 1, 2])).size, members.length)
      }))
  }

  it.effect("SCAN goes slot by slot since 7.4, and in no order of slots before", () =>
    Effect.gen(function*() {
      for (const version of ["7.0", "8.0"] as const) {
        const { scan, fake } = yield* setUp(version)
        const slots = (yield* scan(["SCAN"], [0])).map((key) => fake.slotOf(key))
        assert.strictEqual(String(slots) === String([...slots].sort((a, b) => a - b)), version === "8.0")
      }
    }))

  it.effect("a process that starts again has another order", () =>
    Effect.gen(function*() {
      const { fake } = yield* setUp()
      const some = Object.fromEntries(members.map((member) => [member, "1"]))
      const order = Effect.map(fake.command("fake-0", "SCAN", ["0", "COUNT", "50"]), String)
      yield* fake.restart("fake-0")
      yield* fake.seed(some)
      const before = yield* order
      assert.strictEqual(yield* order, before)
      yield* fake.restart("fake-0")
      yield* fake.seed(some)
      assert.notStrictEqual(yield* order, before)
    }))

  it.effect("the same seed of the cluster gives the same order", () =>
    Effect.gen(function*() {
      const orderOf = (seed: number) =>
        Effect.gen(function*() {
          const { service: fake } = yield* FakeCluster.make({ primaries: 1, seed })
          yield* fake.seed(Object.fromEntries(members.map((member) => [member, "1"])))
          return String(yield* fake.command("fake-0", "SCAN", ["0", "COUNT", "50"]))
        })
      assert.strictEqual(yield* orderOf(5), yield* orderOf(5))
      assert.notStrictEqual(yield* orderOf(5), yield* orderOf(6))
    }))
})
