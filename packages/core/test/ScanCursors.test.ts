/** Cursors of scans that go in the order of slots, and cursors that would never end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Cursors from "../src/internal/scan/cursors.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Scan from "../src/Scan.ts"
import * as Slot from "../src/Slot.ts"
import { connectedTo } from "./support/client.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Script } from "./support/ScriptedCluster.ts"

describe("cursors in a circle", () => {
  /** After how many steps a circle is noticed, behind a beginning; undefined if it is not. */
  const noticedAfter = (beginning: number, length: number, mostReturns: number): number | undefined => {
    const circle = new Cursors.Circle(mostReturns)
    for (let step = 0; step < 100_000; step++) {
      const at = step < beginning ? step : beginning + (step - beginning) % length
      if (circle.closes(`${at}`)) return step
    }
    return undefined
  }

  it.each([[0, 1], [0, 2], [7, 3], [1000, 40]])(
    "are noticed: %i cursors, then %i again and again",
    (beginning, length) => {
      const strict = noticedAfter(beginning, length, 0)
      const lenient = noticedAfter(beginning, length, 16)
      assert.isDefined(strict)
      assert.isDefined(lenient)
      assert.isBelow(strict, 4 * (beginning + length) + 8)
      assert.isBelow(lenient, 4 * (beginning + 20 * length) + 64)
    }
  )

  it("are none while every cursor is new", () => {
    assert.isUndefined(noticedAfter(100_000, 1, 0))
  })

  it("are none when a cursor comes again a few times", () => {
    const circle = new Cursors.Circle(16)
    for (let step = 0; step < 5000; step++) assert.isFalse(circle.closes(`${Math.floor(step / 4)}`))
  })
})

describe("the cursor with which a slot begins", () => {
  it("leads to the slot, for each of them", () => {
    for (let slot = 0; slot < Slot.count; slot++) assert.strictEqual(Cursors.slotOf(Cursors.beginningOf(slot)), slot)
  })

  it("is behind all slots at the end", () => {
    assert.strictEqual(Cursors.slotOf("0"), Slot.count)
  })
})

/** One node with all slots, which says so. */
const oneNode = Effect.fnUntraced(function*(version: string) {
  const { cluster, run } = yield* connectedTo([[0, Slot.count - 1, "a:7000"]], { redirects: RedirectPolicy.none })
  const node = cluster.node("a:7000")
  node.on("INFO", ([section]) => Reply.bulk(section === "server" ? `run_id:r\r\n${version}\r\n` : ""))
  node.on("CLUSTER NODES", Reply.bulk(`p a:7000@17000 myself,master - 0 0 1 connected 0-${Slot.count - 1}\n`))
  const scanned = (name: string) => node.commands.filter((line) => line.startsWith(`${name} `))
  return { node, run, scanned }
})

const valkey = "redis_version:7.2.4\r\nvalkey_version:9.1.2"

const page = (cursor: string, ...keys: ReadonlyArray<string>) =>
  Reply.array([Reply.bulk(cursor), Reply.array(keys.map((key) => Reply.bulk(key)))])

/** Keys in the order of their slots. */
const keys = Array.from({ length: 200 }, (_, n) => `key:${n}`).toSorted((a, b) => Slot.fromKey(a) - Slot.fromKey(b))

/** Answers CLUSTERSCAN with one key a page. */
const oneByOne: Script = ([cursor]) => {
  const from = Cursors.slotOf(cursor)
  const at = keys.findIndex((key) => Slot.fromKey(key) >= from)
  if (at === -1) return page("0")
  const next = keys.slice(at).find((key) => Slot.fromKey(key) > Slot.fromKey(keys[at]))
  const same = keys.filter((key) => Slot.fromKey(key) === Slot.fromKey(keys[at]))
  return page(next === undefined ? "0" : `fp-{${next}}-7`, ...same)
}

describe("a scan of a server that has CLUSTERSCAN", () => {
  it.effect("goes in the order of slots, which are done a few at a time", () =>
    Effect.gen(function*() {
      const { node, run, scanned } = yield* oneNode(valkey)
      node.on("CLUSTERSCAN", oneByOne)
      const pages = yield* run(Stream.runCollect(Scan.pages()))
      assert.deepStrictEqual(pages.flatMap((page) => page.keys), keys)
      const done = [...new Set(pages.map((page) => page.done))]
      assert.isAbove(done.length, 5)
      assert.strictEqual(done.at(-1), Slot.count)
      assert.strictEqual(scanned("CLUSTERSCAN")[0], `CLUSTERSCAN ${Cursors.beginningOf(0)} COUNT 1000`)
      assert.deepStrictEqual(scanned("SCAN"), [])
      for (const at of [60, 120, 180]) {
        const after = yield* run(Stream.runCollect(Scan.keys({ checkpoint: pages[at].checkpoint })))
        const both = new Set([...pages.slice(0, at + 1).flatMap((page) => page.keys), ...after])
        assert.strictEqual(both.size, keys.length)
        assert.isAtMost(at + after.length, keys.length + 40)
      }
    }))

  it.effect("leaves slots that move while they are read for later", () =>
    Effect.gen(function*() {
      const { node, run } = yield* oneNode(valkey)
      let pages = 0
      node.on("CLUSTERSCAN", (args, connection) =>
        ++pages === 50
          ? Reply.error("CLUSTERDOWN Hash slot not served")
          : typeof oneByOne === "function"
          ? oneByOne(args, connection)
          : "drop")
      const found = yield* run(Stream.runCollect(Scan.keys()))
      assert.deepStrictEqual([...new Set(found)].toSorted(), keys.toSorted())
    }))

  it.effect("uses SCAN where a user may not run it", () =>
    Effect.gen(function*() {
      const { node, run, scanned } = yield* oneNode(valkey)
      node.on("CLUSTERSCAN", Reply.error("NOPERM User u has no permissions to run the 'clusterscan' command"))
      node.on("SCAN", page("0", ...keys))
      assert.deepStrictEqual(yield* run(Stream.runCollect(Scan.keys())), keys)
      assert.lengthOf(scanned("CLUSTERSCAN"), 1)
    }))

  it.effect.each([["a circle", "fp-{a}-1"], ["no hash tag", "17"]])(
    "fails when its cursor makes %s",
    ([, cursor]) =>
      Effect.gen(function*() {
        const { node, run } = yield* oneNode(valkey)
        node.on("CLUSTERSCAN", page(cursor))
        const error = yield* run(Effect.flip(Stream.runDrain(Scan.keys())))
        assert.strictEqual(error.reason._tag, "DecodeFailed")
      })
  )
})

describe("a scan of a server that has not", () => {
  it.effect.each(["redis_version:8.8.0", "valkey_version:9.0.3", "valkey_version:8.1.1"])(
    "uses SCAN: %s",
    (version) =>
      Effect.gen(function*() {
        const { node, run, scanned } = yield* oneNode(version)
        node.on("SCAN", page("0", ...keys))
        assert.deepStrictEqual(yield* run(Stream.runCollect(Scan.keys())), keys)
        assert.deepStrictEqual(scanned("CLUSTERSCAN"), [])
      })
  )

  it.effect("fails when cursors go in a circle, of one or of several", () =>
    Effect.gen(function*() {
      const { node, run, scanned } = yield* oneNode("redis_version:7.0.15")
      for (const length of [1, 2, 5]) {
        node.on("SCAN", ([cursor]) => page(`${Number(cursor) % length + 1}`, "key:1"))
        const error = yield* run(Effect.flip(Stream.runDrain(Scan.keys())))
        assert.strictEqual(error.reason._tag, "DecodeFailed")
        assert.include(error.message, "circle")
      }
      assert.isBelow(scanned("SCAN").length, 60)
    }))
})
