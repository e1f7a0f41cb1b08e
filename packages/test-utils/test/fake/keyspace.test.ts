import { assert, describe, it } from "@effect/vitest"
import { Keyspace, slotOf } from "../../src/fake/data/keyspace.ts"
import type { Listener } from "../../src/fake/data/keyspace.ts"
import { page } from "../../src/fake/data/pages.ts"
import { SortedSet } from "../../src/fake/data/sortedSet.ts"
import { byDefault } from "../../src/fake/facts/version.ts"
import { fromBytes, fromText, toBytes, toText } from "../../src/fake/values/binary.ts"
import * as Format from "../../src/fake/values/format.ts"
import * as Glob from "../../src/fake/values/glob.ts"

const make = () => {
  const clock = { now: 0 }
  const keys = new Keyspace(() => clock.now)
  const events: Array<string> = []
  const listener: Listener = {
    onChange: () => {},
    onFlush: () => {},
    onEvent: (key, event) => events.push(`${event} ${key}`)
  }
  keys.listeners.add(listener)
  const put = (key: string, value = "v") => keys.set(key, { type: "string", value })
  return { clock, keys, events, put }
}

describe("Keyspace", () => {
  it("forgets what has expired, and says so once", () => {
    const { clock, events, keys, put } = make()
    put("a")
    keys.setExpiry("a", 10)
    clock.now = 9
    assert.isTrue(keys.has("a"))
    clock.now = 10
    assert.isFalse(keys.has("a"))
    assert.isFalse(keys.has("a"))
    assert.deepStrictEqual(events, ["new a", "expired a"])
  })

  it("counts no key that has expired, though nobody looked at it", () => {
    const { clock, keys, put } = make()
    for (let i = 0; i < 10; i++) {
      put(`k${i}`)
      keys.setExpiry(`k${i}`, i)
    }
    clock.now = 4
    assert.strictEqual(keys.size, 5)
    assert.deepStrictEqual([...keys.keys()], ["k5", "k6", "k7", "k8", "k9"])
    assert.strictEqual(keys.nextExpiry, 5)
  })

  it("ends the time to live when a key is set, unless told to keep it", () => {
    const { keys, put } = make()
    put("a")
    keys.setExpiry("a", 10)
    keys.set("a", { type: "string", value: "w" }, { keepTtl: true })
    assert.strictEqual(keys.expireAt("a"), 10)
    put("a")
    assert.strictEqual(keys.expireAt("a"), undefined)
  })

  it("scans every key that stays, however much is written in between", () => {
    const { keys, put } = make()
    for (let i = 0; i < 500; i++) put(`stays${i}`)
    for (let i = 0; i < 500; i++) put(`goes${i}`)
    const seen: Array<string> = []
    let cursor = 0
    let round = 0
    do {
      const found = page(keys, cursor, 10, 1)
      seen.push(...found.members)
      cursor = found.cursor
      for (let i = 0; i < 10; i++) keys.delete(`goes${round * 10 + i}`)
      put(`new${round++}`)
    } while (cursor !== 0)
    const stayed = seen.filter((key) => key.startsWith("stays"))
    assert.strictEqual(stayed.length, 500)
    assert.strictEqual(new Set(stayed).size, 500)
  })

  it("marks those who watch", () => {
    const { keys, put } = make()
    const watcher = { dirty: false }
    keys.watch("a", watcher)
    put("b")
    keys.touch("b", "set", "$")
    assert.isFalse(watcher.dirty)
    put("a")
    keys.touch("a", "set", "$")
    assert.isTrue(watcher.dirty)
  })

  it("finds the keys of a slot", () => {
    const { keys, put } = make()
    put("{t}1")
    put("{t}2")
    put("other")
    assert.deepStrictEqual(keys.slotKeys(slotOf("t")), ["{t}1", "{t}2"])
    keys.delete("{t}1")
    assert.strictEqual(keys.slotSize(slotOf("t")), 1)
  })

  it("copies, sharing nothing", () => {
    const { keys } = make()
    keys.set("h", { type: "hash", fields: new Map([["f", "1"]]), expiry: new Map() })
    keys.setExpiry("h", 50)
    const copy = keys.clone()
    copy.typed("h", "hash")?.fields.set("f", "2")
    assert.strictEqual(keys.typed("h", "hash")?.fields.get("f"), "1")
    assert.strictEqual(copy.expireAt("h"), 50)
  })
})

describe("SortedSet", () => {
  it("orders by score and then by bytes", () => {
    const zset = new SortedSet()
    for (const [member, score] of [["b", 1], ["a", 1], ["c", 0], ["d", 2]] as const) zset.add(member, score)
    assert.deepStrictEqual(Array.from(zset.entries(), ({ member }) => member), ["c", "a", "b", "d"])
    assert.strictEqual(zset.add("c", 3), "updated")
    assert.strictEqual(zset.rank("c"), 3)
    assert.deepStrictEqual(
      zset.byScore({ min: 1, minExclusive: false, max: 2, maxExclusive: true }),
      { start: 0, end: 2 }
    )
  })

  it("finds ranges of members", () => {
    const zset = new SortedSet()
    for (const member of ["a", "b", "c", "d"]) zset.add(member, 0)
    const at = (member: string, exclusive: boolean) => ({ member, exclusive })
    assert.deepStrictEqual(zset.byLex({ min: at("b", false), max: at("c", false) }), { start: 1, end: 3 })
    assert.deepStrictEqual(zset.byLex({ min: at("b", true), max: at("d", true) }), { start: 2, end: 3 })
    assert.deepStrictEqual(zset.byLex({ min: "-", max: "+" }), { start: 0, end: 4 })
  })
})

describe("text", () => {
  it("is bytes, one a character", () => {
    const bytes = new Uint8Array([0, 255, 128, 10])
    assert.deepStrictEqual(Array.from(toBytes(fromBytes(bytes))), [0, 255, 128, 10])
    assert.strictEqual(toText(fromText("grüße 🌍")), "grüße 🌍")
  })

  it("prints numbers as C does", () => {
    const printed = [0.1, 3, -0, 1e17, 1e16, 1e-7, 1.5e300, -2.5, 123456789.123].map((value) =>
      Format.double(value, byDefault)
    )
    assert.deepStrictEqual(printed, [
      "0.10000000000000001",
      "3",
      "-0",
      "1e+17",
      "10000000000000000",
      "9.9999999999999995e-08",
      "1.5000000000000001e+300",
      "-2.5",
      "123456789.123"
    ])
    assert.strictEqual(Format.addDecimals("0.1", "0.2"), "0.3")
    assert.strictEqual(Format.addDecimals("10.50", "-10.5"), "0")
    assert.strictEqual(Format.addDecimals("5.0e3", "2.0e2"), "5200")
  })

  it("matches globs", () => {
    const yes = [["*", ""], ["h?llo", "hello"], ["h[ae]llo", "hallo"], ["h[^e]llo", "hallo"], ["h[a-b]llo", "hbllo"]]
    const no = [["h?llo", "hllo"], ["h[^e]llo", "hello"], ["abc", "abcd"], ["a\\*c", "abc"]]
    for (const [pattern, text] of yes) assert.isTrue(Glob.matches(pattern, text), pattern)
    for (const [pattern, text] of no) assert.isFalse(Glob.matches(pattern, text), pattern)
    assert.isTrue(Glob.matches("a\\*c", "a*c"))
    assert.isTrue(Glob.matches("*a*b*c*", "xxaxxbxxcxx"))
  })
})
