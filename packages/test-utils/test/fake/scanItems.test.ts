/** The items of one key, page by page, while the key moves and nodes change; and clean-ups. */
import { assert, describe, it } from "@effect/vitest"
import { Command, Redis, Scan, Slot } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { inTime } from "./time.ts"

const live = (options: FakeCluster.LayerOptions = {}) =>
  Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1, ...options }))

const members = Array.from({ length: 1000 }, (_, n) => `m${n}`)

const slot = Slot.fromKey("k")

const paged = (cursor: string) => Redis.sscan("k", cursor, { count: 50 })

const kinds = {
  set: [["SADD", "k", ...members], (cursor: string) => Redis.sscan("k", cursor)],
  hash: [
    ["HSET", "k", ...members.flatMap((member) => [member, "1"])],
    (cursor: string) =>
      Redis.hscan("k", cursor).pipe(
        Command.map(({ cursor, items }) => ({ cursor, items: items.map(({ field }) => field) }))
      )
  ],
  "sorted set": [
    ["ZADD", "k", ...members.flatMap((member) => ["1", member])],
    (cursor: string) =>
      Redis.zscan("k", cursor).pipe(
        Command.map(({ cursor, items }) => ({ cursor, items: items.map(({ member }) => member) }))
      )
  ]
} as const

const stranger = Effect.gen(function*() {
  const fake = yield* FakeCluster.FakeCluster
  const owner = yield* fake.ownerOf(slot)
  const other = (yield* fake.primaries).find(({ name }) => name !== owner.name)
  assert.isDefined(other)
  return other
})

const changes = {
  "its slot moves": Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    yield* fake.migrateSlot(slot, yield* stranger)
  }),
  "it has gone ahead of its slot": Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    yield* fake.beginMigration(slot, yield* stranger)
    yield* fake.migrateKeys(slot, 1)
  }),
  "its node hands over to a replica": Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const [replica] = yield* fake.replicasOf(yield* fake.ownerOf(slot))
    yield* fake.failover(replica)
  }),
  "its node dies": Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    yield* fake.kill(yield* fake.ownerOf(slot))
  })
}

describe("the items of a key", () => {
  it.effect.each(Object.entries(kinds))("come once: %s", ([, [[name, ...args], command]]) =>
    Effect.gen(function*() {
      yield* Redis.command(name, args)
      const found = yield* Stream.runCollect(Scan.items(command))
      assert.deepStrictEqual(found.toSorted(), members.toSorted())
    }).pipe(live()))

  it.effect.each(Object.entries(changes))(
    "are all there when in the middle %s",
    ([, change]) =>
      Effect.gen(function*() {
        yield* Redis.sadd("k", members)
        let seen = 0
        const found = yield* inTime(Stream.runCollect(Stream.tap(
          Scan.items(paged),
          () => ++seen === 200 ? Effect.orDie(change) : Effect.void
        )))
        assert.deepStrictEqual([...new Set(found)].toSorted(), members.toSorted())
        assert.isBelow(found.length, 2 * members.length)
      }).pipe(live())
  )

  it.effect("come in single pages that carry their node, as plain data", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.sadd("k", members)
      const found: Array<string> = []
      let next: Scan.Next | undefined
      do {
        const page: Scan.ItemPage<string> = yield* Scan.itemPage(paged, next)
        found.push(...page.items)
        next = page.next && JSON.parse(JSON.stringify(page.next))
        if (next !== undefined) assert.strictEqual(next.node, `${(yield* fake.ownerOf(slot)).name}:6379`)
      } while (next !== undefined)
      assert.deepStrictEqual(found.toSorted(), members.toSorted())
    }).pipe(live()))

  it.effect("of a key that is not there are none, and of another type fail", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Stream.runCollect(Scan.items(paged)), [])
      yield* Redis.set("k", "1")
      const error = yield* Effect.flip(Stream.runDrain(Scan.items(paged)))
      assert.deepInclude(error.reason, { code: "WRONGTYPE" })
    }).pipe(live()))

  it.effect.each(
    [
      ["SCAN", () => Redis.command("SCAN", ["0"]), undefined],
      ["another command", () => Redis.get("k"), undefined],
      ["no command", () => 5, undefined],
      ["no function", Redis.sscan("k", "0"), undefined],
      ["a function that throws", () => {
        throw new Error("no")
      }, undefined],
      ["a page that is none", paged, { node: "fake-0:6379" }],
      ["a cursor that is none", paged, { node: "fake-0:6379", cursor: "x", asking: false }],
      ["a node that is none", paged, { node: "", cursor: "1", asking: false }],
      ["text as a page", paged, "0"],
      ["null as a page", paged, null]
    ] as ReadonlyArray<readonly [string, unknown, unknown]>
  )("are refused to %s", ([, command, next]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Scan.itemPage(command as never, next as never))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
    }).pipe(live({ primaries: 1 })))
})

describe("unlinking what matches", () => {
  const seeded = Effect.flatMap(FakeCluster.FakeCluster, (fake) =>
    fake.seed({
      ...Object.fromEntries(members.map((member) => [`session:${member}`, "1"])),
      "session:list": ["a"],
      other: "1"
    }))

  it.effect("only counts in a dry run", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* seeded
      const last = Option.getOrThrow(yield* Stream.runLast(Scan.unlinkMatching("session:*", { dryRun: true })))
      assert.deepInclude(last, { found: 1001, unlinked: 0, done: Slot.count })
      assert.lengthOf(yield* fake.keys(), 1002)
    }).pipe(live()))

  it.effect("leaves all others, and tells how far it has come", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* seeded
      const steps = yield* Stream.runCollect(Scan.unlinkMatching("session:*", { type: "string", count: 100 }))
      assert.isAbove(steps.length, 10)
      assert.deepInclude(steps.at(-1), { found: 1000, unlinked: 1000, done: Slot.count })
      assert.deepStrictEqual(yield* fake.keys(), ["other", "session:list"])
    }).pipe(live()))

  it.effect("misses none while slots move, and goes on from a checkpoint", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* seeded
      const some = yield* Stream.runCollect(Stream.take(Scan.unlinkMatching("session:*", { count: 20 }), 5))
      for (const member of members.slice(0, 20)) {
        const moving = Slot.fromKey(`session:${member}`)
        const owner = yield* fake.ownerOf(moving)
        const other = (yield* fake.primaries).find(({ name }) => name !== owner.name)
        assert.isDefined(other)
        yield* fake.migrateSlot(moving, other)
      }
      const checkpoint = some.at(-1)?.checkpoint
      yield* inTime(Stream.runDrain(Scan.unlinkMatching("session:*", { checkpoint })))
      assert.deepStrictEqual(yield* fake.keys(), ["other"])
    }).pipe(live()))

  it.effect.each([undefined, "", 5, null, ["a"]] as ReadonlyArray<unknown>)(
    "wants a pattern: %s",
    (match) =>
      Effect.gen(function*() {
        const result = yield* Effect.result(Stream.runDrain(Scan.unlinkMatching(match as never)))
        assert.strictEqual(result._tag, match === "" ? "Success" : "Failure")
      }).pipe(live({ primaries: 1 }))
  )
})
