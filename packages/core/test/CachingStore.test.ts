import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Command from "../src/Command.ts"
import { copied, Entry, Store } from "../src/internal/caching/store.ts"
import * as Redis from "../src/Redis.ts"
import type * as Resp from "../src/Resp.ts"
import { collectGarbage } from "./support/garbage.ts"
import { randomFrom, traces } from "./support/traces.ts"

const bytes = (...items: ReadonlyArray<number>) => Uint8Array.from(items)

const textOf = (key: Command.Arg): string => typeof key === "string" ? key : `bytes ${key.join()}`

const entry = (command: Command.Any, value: Resp.Value = "value"): Entry =>
  new Entry(Command.keys(command).map(textOf), command, value)

const open = (maxBytes = 1_000_000) => {
  const evicted: Array<Entry> = []
  const store = new Store<Entry>(maxBytes, (entry) => void evicted.push(entry))
  const find = (command: Command.Any) => store.find(textOf(Command.keys(command)[0]), command)
  /** Asks for a reply as a cache does: it is kept if it was not. */
  const ask = (key: string): boolean => {
    const command = Redis.get(key)
    if (find(command) !== undefined) return true
    store.add(entry(command))
    return false
  }
  return { store, evicted, find, ask }
}

/** Room for so many replies to a GET of a key of up to 16 characters. */
const roomFor = (count: number): number => entry(Redis.get("key of 16 chars.")).size * count

const below = (count: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: count - 1 })))

/** What is done to a store: which of the things it can do, to which key, with which command about it. */
const steps = Arbitrary.array(Arbitrary.all({ what: below(20), key: below(6), other: below(6), field: below(12) }), {
  maxLength: 200
})

const commandOf = (field: number, key: string, other: string): Command.Any => {
  if (field === 0) return Redis.get(key)
  if (field === 1) return Redis.sinter([key, other])
  if (field === 2) return Redis.mget([key, other, key])
  return field % 2 === 0 ? Redis.hget(key, `${field}`) : Redis.hget(key, bytes(field))
}

describe("Store", () => {
  it("finds the reply to the same command", () => {
    const { find, store } = open()
    const kept = entry(Redis.get("a"))
    assert.isTrue(store.add(kept))
    assert.strictEqual(find(Redis.get("a")), kept)
    assert.strictEqual(store.size, 1)
    assert.strictEqual(store.bytes, kept.size)
    assert.isUndefined(find(Redis.get("b")))
  })

  it("tells commands about one key apart by name, arguments and whether bytes were asked for", () => {
    const { find, store } = open()
    const commands = [
      Redis.get("k"),
      Redis.get("k").pipe(Command.bytes),
      Redis.strlen("k"),
      Redis.hget("k", "f"),
      Redis.hget("k", "g"),
      Redis.hmget("k", ["f", "g"]),
      Redis.hget("k", bytes(102)),
      Redis.hget("k", bytes(102, 0))
    ]
    const entries = commands.map((command) => entry(command))
    for (const kept of entries) store.add(kept)
    assert.deepStrictEqual(commands.map(find), entries)
    assert.isUndefined(find(Redis.hget("k", "h")))
    assert.isUndefined(find(Redis.hget("k", bytes(103))))
    assert.sameMembers([...store.take("k")], entries)
    assert.strictEqual(store.size, 0)
    assert.strictEqual(store.bytes, 0)
  })

  it("finds each of very many replies about one key", () => {
    const { find, store } = open()
    const commands = Array.from({ length: 500 }, (_, i) => Redis.hget("k", `field ${i}`))
    const entries = commands.map((command) => entry(command))
    for (const kept of entries) store.add(kept)
    assert.deepStrictEqual(commands.map(find), entries)
    for (const kept of entries.slice(3)) store.remove(kept)
    assert.deepStrictEqual(commands.map(find), [...entries.slice(0, 3), ...entries.slice(3).map(() => undefined)])
    assert.deepStrictEqual(store.take("k"), entries.slice(0, 3))
  })

  it("puts a new reply in the place of an old one to the same command", () => {
    const { evicted, find, store } = open()
    const old = entry(Redis.get("a"), "old")
    const renewed = entry(Redis.get("a"), "new and longer")
    store.add(old)
    store.add(renewed)
    assert.strictEqual(find(Redis.get("a")), renewed)
    assert.strictEqual(store.size, 1)
    assert.strictEqual(store.bytes, renewed.size)
    store.remove(old)
    assert.strictEqual(find(Redis.get("a")), renewed)
    assert.deepStrictEqual(evicted, [])
  })

  it("finds a reply about several keys by the first, and takes it out by any", () => {
    for (const key of ["a", "b", "c"]) {
      const { find, store } = open()
      const command = Redis.sinter(["a", "b", "c"])
      const kept = entry(command)
      const other = entry(Redis.smembers("b"))
      store.add(kept)
      store.add(other)
      assert.strictEqual(find(command), kept)
      assert.isUndefined(find(Redis.sinter(["b", "a", "c"])))
      assert.include(store.take(key), kept)
      assert.isUndefined(find(command))
      for (const rest of ["a", "b", "c"]) assert.notInclude(store.take(rest), kept)
      assert.strictEqual(store.size, 0)
    }
  })

  it("has a reply once though its command names a key twice", () => {
    const { find, store } = open()
    const command = Redis.mget(["a", "b", "a"])
    const kept = entry(command)
    store.add(kept)
    store.add(entry(Redis.get("a")))
    assert.strictEqual(find(command), kept)
    assert.strictEqual(store.take("a").length, 2)
    assert.strictEqual(store.size, 0)
    assert.deepStrictEqual(store.take("b"), [])
  })

  it("removes an entry once, and knows none after clear", () => {
    const { evicted, find, store } = open()
    const [a, b] = [entry(Redis.get("a")), entry(Redis.get("b"))]
    store.add(a)
    store.add(b)
    store.remove(a)
    store.remove(a)
    assert.strictEqual(store.size, 1)
    store.clear()
    store.remove(b)
    assert.isUndefined(find(Redis.get("b")))
    assert.strictEqual(store.size, 0)
    assert.strictEqual(store.bytes, 0)
    assert.deepStrictEqual(evicted, [])
  })

  it("does not keep what takes more than an eighth of it, nor the older reply to that command", () => {
    const { evicted, find, store } = open(8000)
    assert.isTrue(store.add(entry(Redis.get("a"), "x".repeat(100))))
    assert.isTrue(store.add(entry(Redis.get("b"))))
    assert.isFalse(store.add(entry(Redis.get("a"), "x".repeat(1000))))
    assert.isUndefined(find(Redis.get("a")))
    assert.isDefined(find(Redis.get("b")))
    assert.deepStrictEqual(evicted, [])
  })

  it("stays within its bound, and names each entry that it drops", () => {
    const { ask, evicted, store } = open(roomFor(50))
    for (let i = 0; i < 1000; i++) {
      ask(`key ${i}`)
      assert.isAtMost(store.bytes, roomFor(50))
    }
    assert.isAtLeast(store.size, 50)
    assert.strictEqual(evicted.length + store.size, 1000)
    assert.strictEqual(new Set(evicted).size, evicted.length)
  })

  it("makes room for a large reply by dropping several small ones", () => {
    const { ask, evicted, find, store } = open(roomFor(100))
    for (let i = 0; evicted.length === 0; i++) ask(`key ${i}`)
    const before = evicted.length
    const large = Redis.get("large")
    assert.isTrue(store.add(entry(large, "x".repeat(roomFor(10)))))
    assert.isAtLeast(evicted.length - before, 9)
    assert.isAtMost(store.bytes, roomFor(100))
    assert.isDefined(find(large))
  })

  it("keeps what is used while any number of keys come that are asked for once", () => {
    const { ask } = open(roomFor(200))
    const hot = Array.from({ length: 100 }, (_, i) => `hot ${i}`)
    for (let round = 0; round < 3; round++) hot.forEach(ask)
    for (let i = 0; i < 20_000; i++) {
      ask(`once ${i}`)
      if (i % 100 === 0) assert.isTrue(ask(hot[(i / 100) % 100]))
    }
    assert.isTrue(hot.every(ask))
  })

  it("keeps what was used for as long as nothing else is", () => {
    const { ask } = open(roomFor(200))
    for (let round = 0; round < 2; round++) for (let i = 0; i < 100; i++) ask(`hot ${i}`)
    for (let i = 0; i < 20_000; i++) ask(`once ${i}`)
    for (let i = 0; i < 100; i++) assert.isTrue(ask(`hot ${i}`))
  })

  it("lets go of what is not used any more", () => {
    const { ask, find } = open(roomFor(200))
    for (let round = 0; round < 5; round++) for (let i = 0; i < 150; i++) ask(`old ${i}`)
    for (let n = 0; n < 20; n++) for (let i = 0; i < 170; i++) ask(`new ${i}`)
    let left = 0
    for (let i = 0; i < 150; i++) if (find(Redis.get(`old ${i}`)) !== undefined) left++
    assert.isAtMost(left, 40)
    for (let i = 0; i < 170; i++) assert.isTrue(ask(`new ${i}`))
  })

  it("keeps what comes back soon after it was dropped longer than what is new", () => {
    const { ask, evicted, find } = open(roomFor(100))
    for (let i = 0; evicted.length < 50; i++) ask(`first ${i}`)
    const back = evicted.slice(-10).map(({ keys }) => keys[0])
    back.forEach(ask)
    for (let i = 0; i < 1000; i++) ask(`once ${i}`)
    for (const key of back) assert.isDefined(find(Redis.get(key)))
  })

  it("keeps what is asked for again after it was written as it did before", () => {
    const { ask, store } = open(roomFor(200))
    for (let i = 0; i < 300; i++) ask(`first ${i}`)
    for (let i = 0; i < 50; i++) ask(`hot ${i}`)
    for (let i = 0; i < 50; i++) assert.strictEqual(store.take(`hot ${i}`).length, 1)
    for (let i = 0; i < 50; i++) ask(`hot ${i}`)
    for (let i = 0; i < 2000; i++) ask(`once ${i}`)
    // Which were dropped is remembered well, but not perfectly.
    const left = Array.from({ length: 50 }, (_, i) => ask(`hot ${i}`)).filter((isKept) => isKept)
    assert.isAtLeast(left.length, 40)
  })

  it("has more hits than a least-recently-used one, whatever the trace", () => {
    const room = 500
    for (const { keys, name } of traces(room, 60_000)) {
      const { ask } = open(roomFor(room))
      const recent = new Map<string, true>()
      let hits = 0
      let hitsOfRecent = 0
      for (const key of keys) {
        if (ask(key)) hits++
        if (recent.delete(key)) hitsOfRecent++
        else if (recent.size === room) recent.delete(recent.keys().next().value!)
        recent.set(key, true)
      }
      assert.isAbove(hits, hitsOfRecent, name)
    }
  })

  it("takes no more memory after very many keys than after some", () => {
    const { ask, evicted, store } = open(roomFor(5000))
    const random = randomFrom(1)
    const churn = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        ask(`key ${i}`)
        if (i % 5 === 0) store.take(`key ${i - Math.floor(random() * 6000)}`)
        if (i % 1000 === 0) store.add(entry(Redis.mget([`key ${i}`, `key ${i - 1}`, `key ${i + 1}`])))
      }
      evicted.length = 0
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const before = churn(0, 30_000)
    const after = churn(30_000, 330_000)
    // If each of the 300,000 left but 30 bytes, this would be 9 MB.
    assert.isBelow(after - before, 2_000_000)
    assert.isAtMost(store.bytes, roomFor(5000))
  })

  it.prop(
    "has what was added and neither dropped, taken nor replaced, whatever is done to it",
    { steps },
    ({ steps }) => {
      for (const room of [20, 1000]) {
        const model = new Set<Entry>()
        const store = new Store<Entry>(roomFor(room), (entry) => assert.isTrue(model.delete(entry)))
        const modelled = (command: Command.Any) =>
          Array.from(model).find(({ args, name }) => name === command.spec.name && `${args}` === `${command.args}`)
        for (const { field, key, other, what } of steps) {
          const command = commandOf(field, `key ${key}`, `key ${other}`)
          const first = `key ${key}`
          if (what < 10) {
            const old = modelled(command)
            if (old !== undefined) model.delete(old)
            const kept = entry(command, "x".repeat(what * 10))
            // The store may drop others first, but not this one.
            assert.isTrue(store.add(kept))
            model.add(kept)
          } else if (what < 17) {
            assert.strictEqual(store.find(first, command), modelled(command))
          } else if (what === 17) {
            const about = Array.from(model).filter(({ keys }) => keys.includes(first))
            assert.sameMembers([...store.take(first)], about)
            for (const each of about) model.delete(each)
          } else if (what === 18) {
            const kept = modelled(command)
            if (kept !== undefined) {
              store.remove(kept)
              model.delete(kept)
            }
          } else if (key === 0) {
            store.clear()
            model.clear()
          }
          assert.strictEqual(store.size, model.size)
          assert.strictEqual(store.bytes, Array.from(model).reduce((sum, { size }) => sum + size, 0))
          assert.isAtMost(store.bytes, roomFor(room))
        }
        for (let key = 0; key < 6; key++) {
          const about = Array.from(model).filter(({ keys }) => keys.includes(`key ${key}`))
          assert.sameMembers([...store.take(`key ${key}`)], about)
          for (const each of about) model.delete(each)
        }
        assert.strictEqual(store.size, 0)
      }
    },
    { arbitrary: { runs: 300 } }
  )
})

describe("a kept reply", () => {
  it("is changed by nobody: not by whom it came from, nor by the reader of a copy", () => {
    const { find, store } = open()
    const command = Redis.hgetall("k")
    const value: Array<Resp.Value> = [
      bytes(1, 2),
      [bytes(3)],
      new Map<Resp.Value, Resp.Value>([["a", [bytes(4)]]]),
      "text",
      5,
      null
    ]
    const same = copied(value)
    store.add(entry(command, value))
    ;(value[0] as Uint8Array)[0] = 9
    value.push("more")
    const read = copied(find(command)!.value) as Array<Resp.Value>
    assert.deepStrictEqual(read, same)
    const [, list, map] = read
    ;(list as Array<Uint8Array>)[0][0] = 9
    ;(map as Map<string, Array<Uint8Array>>).get("a")![0][0] = 9
    read.length = 1
    assert.deepStrictEqual(find(command)!.value, same)
  })

  it("has arguments of its own", () => {
    const { find, store } = open()
    const field = bytes(1, 2)
    store.add(entry(Redis.hget("k", field)))
    field[0] = 9
    assert.isDefined(find(Redis.hget("k", bytes(1, 2))))
    assert.isUndefined(find(Redis.hget("k", field)))
  })

  it("does not hold on to the buffer that its bytes are a part of", () => {
    const { find, store } = open()
    const parts = [new Uint8Array(100_000).subarray(10, 20), Buffer.alloc(100_000).subarray(10, 20)]
    store.add(entry(Redis.mget(["a", "b"]), parts))
    const kept = find(Redis.mget(["a", "b"]))!.value as ReadonlyArray<Uint8Array>
    assert.deepStrictEqual(kept.map(({ buffer }) => buffer.byteLength), [10, 10])
  })
})
