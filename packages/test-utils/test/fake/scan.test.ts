/** Scans of the whole cluster in memory: what comes, what it costs, and how they end. */
import { assert, describe, it } from "@effect/vitest"
import { RedirectPolicy, Redis, RedisCluster, Scan, Slot } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { inTime } from "./time.ts"

const live = (options: FakeCluster.LayerOptions = {}) => Effect.provide(FakeCluster.layer({ primaries: 3, ...options }))

const names = (count: number, prefix = "key:") => Array.from({ length: count }, (_, n) => `${prefix}${n}`)

const seeded = (keys: ReadonlyArray<string>) =>
  Effect.flatMap(FakeCluster.FakeCluster, (fake) => fake.seed(Object.fromEntries(keys.map((key) => [key, "1"]))))

const sorted = (keys: ReadonlyArray<string>) => keys.toSorted()

/** The commands that a node was sent, without those of the client itself. */
const sentTo = (node: FakeCluster.NodeRef) =>
  Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    return (yield* fake.journal(node)).map(({ command }) => command.join(" "))
  })

describe("a scan of the whole cluster", () => {
  it.effect("delivers every key once while nothing moves", () =>
    Effect.gen(function*() {
      const keys = names(2000)
      yield* seeded(keys)
      const found = yield* Stream.runCollect(Scan.keys({ count: 100 }))
      assert.deepStrictEqual(sorted(found), sorted(keys))
    }).pipe(live()))

  it.effect("delivers nothing of an empty cluster, and tells that it is done", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys()), [])
      const last = Option.getOrThrow(yield* Stream.runLast(Scan.pages()))
      assert.strictEqual(last.done, Slot.count)
      assert.deepStrictEqual(last.checkpoint.done, [[0, Slot.count - 1]])
      assert.deepStrictEqual(last.checkpoint.rounds, [])
    }).pipe(live()))

  it.effect("tells its progress, which only rises", () =>
    Effect.gen(function*() {
      yield* seeded(names(500))
      const done = (yield* Stream.runCollect(Scan.pages({ count: 10 }))).map((page) => page.done)
      assert.deepStrictEqual(done, done.toSorted((a, b) => a - b))
      assert.strictEqual(done.at(-1), Slot.count)
    }).pipe(live()))

  it.effect("takes only what matches, and only the type", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* fake.seed({ "a:1": "1", "a:2": ["x"], "b:1": "1", "a:3": new Set(["x"]) })
      assert.deepStrictEqual(sorted(yield* Stream.runCollect(Scan.keys({ match: "a:*" }))), ["a:1", "a:2", "a:3"])
      assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys({ match: "a:*", type: "list" })), ["a:2"])
      assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys({ type: "nosuch" })), [])
    }).pipe(live()))

  it.effect("asks only one node where the pattern names a slot", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const keys = names(50, "{user:1}:")
      yield* fake.seed({ ...Object.fromEntries(keys.map((key) => [key, "1"])), "{user:1}.other": ["x"], "user:1": "1" })
      const found = yield* Stream.runCollect(Scan.keys({ match: "\\{user:1}:*", type: "string" }))
      assert.deepStrictEqual(sorted(found), sorted(keys))
      const owner = yield* fake.ownerOf(Slot.fromKey("{user:1}"))
      for (const node of yield* fake.primaries) {
        const scans = (yield* sentTo(node)).filter((line) => /^(SCAN|CLUSTER NODES|CLUSTER GETKEYSINSLOT)/.test(line))
        if (node.name === owner.name) assert.isAbove(scans.length, 0)
        else assert.deepStrictEqual(scans, [])
      }
    }).pipe(live()))

  it.effect("delivers keys that are not UTF-8, as bytes or with U+FFFD", () =>
    Effect.gen(function*() {
      const key = Uint8Array.of(0xff, 0x00, 0xfe)
      yield* Redis.set(key, "1")
      assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys({ keys: "bytes" })), [key])
      assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys()), ["\ufffd\0\ufffd"])
      const match = Uint8Array.of(0xff, 0x2a)
      assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys({ match, keys: "bytes" })), [key])
    }).pipe(live()))

  it.effect("leaves out keys of slots that their node no longer owns", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* seeded(names(50))
      const [first, second] = yield* fake.primaries
      const key = names(50).find((name) =>
        first.slots.some(([a, b]) => Slot.fromKey(name) >= a && Slot.fromKey(name) <= b)
      )
      assert.isDefined(key)
      const slot = Slot.fromKey(key)
      // Taken by force: the keys stay behind, and are never seen again.
      yield* fake.command(second, "CLUSTER", ["SETSLOT", slot, "IMPORTING", first.id])
      yield* fake.command(second, "CLUSTER", ["SETSLOT", slot, "NODE", second.id])
      const found = yield* Stream.runCollect(Scan.keys())
      assert.deepStrictEqual(sorted(found), sorted(names(50).filter((name) => Slot.fromKey(name) !== slot)))
    }).pipe(live()))
})

describe("a scan that ends early", () => {
  it.effect("asks no more, and gives its connections back", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* seeded(names(3000))
      const cluster = yield* RedisCluster.RedisCluster
      assert.lengthOf(yield* Stream.runCollect(Stream.take(Scan.keys({ count: 10 }), 1)), 1)
      for (const { leased } of (yield* cluster.stats).nodes.values()) assert.strictEqual(leased, 0)
      const pages = (yield* Effect.forEach(yield* fake.primaries, sentTo)).flat().filter((line) =>
        line.startsWith("SCAN")
      )
      assert.isBelow(pages.length, 30)
    }).pipe(live()))

  it.effect("asks for pages only as they are taken", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* seeded(names(3000))
      yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(Scan.pages({ count: 10 }))
        yield* pull
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
        const pages = (yield* Effect.forEach(yield* fake.primaries, sentTo)).flat().filter((line) =>
          line.startsWith("SCAN")
        )
        assert.isBelow(pages.length, 12)
      }))
    }).pipe(live()))
})

describe("a scan that is given", () => {
  it.effect.each(
    [
      ["count 0", { count: 0 }],
      ["count as text", { count: "10" }],
      ["NaN", { count: Number.NaN }],
      ["a number as match", { match: 5 }],
      ["an array as match", { match: ["a"] }],
      ["an empty type", { type: "" }],
      ["concurrency 0", { concurrency: 0 }],
      ["an unknown option", { mach: "*" }],
      ["a form that is none", { keys: "buffer" }],
      ["text as its checkpoint", { checkpoint: "{}" }],
      ["null as its checkpoint", { checkpoint: null }],
      ["a checkpoint of another version", { checkpoint: { version: 2, of: "", done: [], rounds: [] } }],
      ["a checkpoint of another scan", { checkpoint: { version: 1, of: "", done: [], rounds: [] } }],
      ["null", null],
      ["text", "session:*"]
    ] as ReadonlyArray<readonly [string, unknown]>
  )("%s fails, and sends nothing", ([, options]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(Scan.pages(options as never)))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
    }).pipe(live({ primaries: 1 })))
})

describe("a scan that goes on", () => {
  it.effect("from any page, also of JSON, misses nothing and repeats little", () =>
    Effect.gen(function*() {
      const keys = names(1000)
      yield* seeded(keys)
      const pages = yield* Stream.runCollect(Scan.pages({ count: 50, concurrency: 2 }))
      for (let at = 0; at < pages.length; at += 5) {
        const before = pages.slice(0, at + 1).flatMap((page) => page.keys)
        const checkpoint = JSON.parse(JSON.stringify(pages[at].checkpoint))
        const after = yield* Stream.runCollect(Scan.keys({ count: 50, checkpoint }))
        assert.deepStrictEqual(sorted([...new Set([...before, ...after])]), sorted(keys))
        assert.isAtMost(before.length + after.length, keys.length + 3 * 60)
      }
    }).pipe(live()))

  it.effect("reads a node again that is another process by then", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const keys = names(1000)
      yield* seeded(keys)
      const [first] = yield* Stream.runCollect(Stream.take(Scan.pages({ count: 50, concurrency: 1 }), 1))
      const [round] = first.checkpoint.rounds
      const node = (yield* fake.nodes).find(({ id }) => id === round.node)
      assert.isDefined(node)
      const held = yield* fake.keys(node)
      yield* fake.restart(node)
      yield* seeded(held)
      const after = yield* Stream.runCollect(Scan.keys({ checkpoint: first.checkpoint }))
      assert.deepStrictEqual(sorted(after), sorted(keys))
    }).pipe(live()))
})

describe("while slots move", () => {
  it.effect("a slot that is open all the time is read at both of its nodes", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const keys = names(40, "{t}:")
      yield* seeded([...keys, ...names(200)])
      const slot = Slot.fromKey("{t}")
      const owner = yield* fake.ownerOf(slot)
      const other = (yield* fake.primaries).find(({ name }) => name !== owner.name)
      assert.isDefined(other)
      yield* fake.beginMigration(slot, other)
      yield* fake.migrateKeys(slot, 15)
      const found = yield* inTime(Stream.runCollect(Scan.keys()))
      assert.deepStrictEqual(sorted([...new Set(found)]), sorted([...keys, ...names(200)]))
      const typed = yield* inTime(Stream.runCollect(Scan.keys({ type: "string", match: "{t}:*" })))
      assert.deepStrictEqual(sorted([...new Set(typed)]), sorted(keys))
    }).pipe(live()))

  it.effect("a slot of very many keys is read with SCAN, also while it is open", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const keys = names(10_400, "{t}:")
      yield* seeded(keys)
      const slot = Slot.fromKey("{t}")
      const options = { match: "{t}:*", count: 4000 }
      assert.deepStrictEqual(sorted(yield* Stream.runCollect(Scan.keys(options))), sorted(keys))
      const owner = yield* fake.ownerOf(slot)
      const other = (yield* fake.primaries).find(({ name }) => name !== owner.name)
      assert.isDefined(other)
      yield* fake.beginMigration(slot, other)
      yield* fake.migrateKeys(slot, 100)
      const found = yield* inTime(Stream.runCollect(Scan.keys(options)))
      assert.strictEqual(new Set(found).size, keys.length)
    }).pipe(live()))

  it.effect("many slots that are open at once take two connections", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { stats } = yield* RedisCluster.RedisCluster
      const keys = names(150)
      yield* seeded(keys)
      const [to] = yield* fake.primaries
      for (const slot of new Set(keys.map(Slot.fromKey))) {
        if ((yield* fake.ownerOf(slot)).name === to.name) continue
        yield* fake.beginMigration(slot, to)
        yield* fake.migrateKeys(slot, 1)
      }
      let most = 0
      const found = yield* inTime(Stream.runCollect(Stream.tap(Scan.keys({ concurrency: 1 }), () =>
        Effect.map(stats, ({ nodes }) => {
          most = Math.max(most, ...Array.from(nodes.values(), ({ leased }) => leased))
        }))))
      assert.deepStrictEqual(sorted([...new Set(found)]), sorted(keys))
      assert.isAtMost(most, 2)
    }).pipe(live()))

  it.effect("a slot that nobody has is waited for, not for ever, with few requests", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* seeded(names(100))
      for (const node of yield* fake.nodes) yield* fake.command(node, "CLUSTER", ["DELSLOTS", 5])
      const before = (yield* Effect.forEach(yield* fake.primaries, sentTo)).flat().length
      const error = yield* inTime(Effect.flip(Stream.runDrain(Scan.keys())))
      assert.deepInclude(error.reason, { _tag: "NoNodeForSlot", slot: 5 })
      const lines = (yield* Effect.forEach(yield* fake.primaries, sentTo)).flat().slice(before)
      assert.isBelow(lines.filter((line) => /SCAN|CLUSTER/.test(line)).length, 10 * 26)
      const impatient = yield* inTime(Effect.flip(
        Stream.runDrain(Scan.keys()).pipe(
          RedirectPolicy.provide(RedirectPolicy.none)
        )
      ))
      assert.deepInclude(impatient.reason, { _tag: "NoNodeForSlot", slot: 5 })
    }).pipe(live({ requireFullCoverage: false })))
})
