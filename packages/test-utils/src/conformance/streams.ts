/**
 * Cases for streams, without consumer groups.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`streams:${name}`)

const entry = (id: Redis.StreamId, ...fields: Redis.StreamFields): Redis.StreamEntry => ({ id, fields })

/** Makes a stream with an entry for each ID, whose field `n` is its position, counted from 1. */
const fill = Effect.fnUntraced(function*(key: string, ids: ReadonlyArray<string>) {
  for (const [index, id] of ids.entries()) yield* Redis.xadd(key, { n: `${index + 1}` }, { id })
})

const idsOf = (entries: ReadonlyArray<Redis.StreamEntry>) => entries.map(({ id }) => id)

const all = (key: string) => Effect.map(Redis.xrange(key, "-", "+"), idsOf)

/**
 * @category suites
 * @since 0.1.0
 */
export const streams: ReadonlyArray<Case> = [
  test(
    "entries are added and read in their order",
    Effect.gen(function*() {
      const key = (yield* keyOf("add"))("stream")
      assert.equal(yield* Redis.xadd(key, { a: "1", b: "2" }, { id: "1-1" }), "1-1")
      assert.equal(yield* Redis.xadd(key, [["c", "3"]], { id: "1-*" }), "1-2")
      assert.equal(yield* Redis.xadd(key, { d: "" }, { id: "2" }), "2-0")
      const made = yield* Redis.xadd(key, { e: "ü" })
      assert.match(made, /^\d{13,}-0$/)
      assert.equal(yield* Redis.xlen(key), 4)
      const entries = [
        entry("1-1", ["a", "1"], ["b", "2"]),
        entry("1-2", ["c", "3"]),
        entry("2-0", ["d", ""]),
        entry(made, ["e", "ü"])
      ]
      assert.deepEqual(yield* Redis.xrange(key, "-", "+"), entries)
      assert.deepEqual(yield* Redis.xrevrange(key, "+", "-"), entries.toReversed())
    })
  ),
  test(
    "fields keep their order, also those that come twice",
    Effect.gen(function*() {
      const key = (yield* keyOf("fields"))("stream")
      const fields = [["b", "1"], ["a", "2"], ["b", "3"], ["__proto__", "4"], ["", ""]] as const
      const id = yield* Redis.xadd(key, fields)
      const entries = yield* Redis.xrange(key, "-", "+")
      assert.deepEqual(entries, [entry(id, ...fields)])
      const copied = yield* Redis.xadd(key, entries[0].fields)
      assert.deepEqual(yield* Redis.xrange(key, copied, "+"), [entry(copied, ...fields)])
      assert.deepEqual(yield* Redis.xread({ [key]: id }), [{ key, entries: [entry(copied, ...fields)] }])
    })
  ),
  test(
    "fields are bytes",
    Effect.gen(function*() {
      const key = (yield* keyOf("bytes"))("stream")
      const [field, value] = [Uint8Array.of(255, 0, 13, 10), Uint8Array.of(0, 254)]
      const id = yield* Redis.xadd(key, [[field, value]])
      const expected = [{ id, fields: [[field, value]] }]
      assert.deepEqual(yield* Command.bytes(Redis.xrange(key, "-", "+")), expected)
      assert.deepEqual(yield* Command.bytes(Redis.xread({ [key]: "0" })), [
        { key: new TextEncoder().encode(key), entries: expected }
      ])
      assert.deepEqual((yield* Command.bytes(Redis.xinfoStream(key))).lastEntry, expected[0])
    })
  ),
  test(
    "a missing key is an empty stream",
    Effect.gen(function*() {
      const none = (yield* keyOf("missing"))("none")
      assert.equal(yield* Redis.xlen(none), 0)
      assert.deepEqual(yield* Redis.xrange(none, "-", "+"), [])
      assert.deepEqual(yield* Redis.xrevrange(none, "+", "-", { count: 1 }), [])
      assert.equal(yield* Redis.xread({ [none]: "0" }), null)
      assert.equal(yield* Redis.xdel(none, ["1-1"]), 0)
      assert.equal(yield* Redis.xtrim(none, { maxlen: 1 }), 0)
      assert.equal(yield* Redis.xadd(none, { a: "1" }, { nomkstream: true }), null)
      assert.equal(yield* Redis.command("EXISTS", [none]), 0)
      yield* Redis.xadd(none, { a: "1" })
      assert.match((yield* Redis.xadd(none, { a: "1" }, { nomkstream: true })) ?? "", /-\d+$/)
    })
  ),
  test(
    "IDs only grow",
    Effect.gen(function*() {
      const key = (yield* keyOf("order"))("stream")
      yield* fill(key, ["5-5"])
      for (const id of ["5-5", "5-4", "4", "0-0", "nonsense"]) {
        assert.equal(yield* failure(Redis.xadd(key, { a: "1" }, { id })), "ERR")
      }
      assert.equal(yield* Redis.xdel(key, ["5-5"]), 1)
      assert.equal(yield* failure(Redis.xadd(key, { a: "1" }, { id: "5-5" })), "ERR")
      assert.equal(yield* Redis.xadd(key, { a: "1" }, { id: "5-*" }), "5-6")
      const future = "99999999999999-7"
      assert.equal(yield* Redis.xadd(key, { a: "1" }, { id: future }), future)
      assert.equal(yield* Redis.xadd(key, { a: "1" }), "99999999999999-8")
    })
  ),
  test(
    "ranges have ends that are included or not",
    Effect.gen(function*() {
      const key = (yield* keyOf("range"))("stream")
      yield* fill(key, ["1-1", "1-2", "2-1", "3-1"])
      const range = (start: string, end: string, count?: number) =>
        Effect.map(Redis.xrange(key, start, end, { count }), idsOf)
      assert.deepEqual(yield* range("1-2", "2-1"), ["1-2", "2-1"])
      assert.deepEqual(yield* range("(1-2", "(3-1"), ["2-1"])
      assert.deepEqual(yield* range("1", "1"), ["1-1", "1-2"])
      assert.deepEqual(yield* range("2", "+"), ["2-1", "3-1"])
      assert.deepEqual(yield* range("4", "+"), [])
      assert.deepEqual(yield* range("3", "2"), [])
      assert.deepEqual(yield* range("-", "+", 2), ["1-1", "1-2"])
      assert.deepEqual(idsOf(yield* Redis.xrevrange(key, "+", "-", { count: 2 })), ["3-1", "2-1"])
      assert.deepEqual(idsOf(yield* Redis.xrevrange(key, "(3-1", "1-2")), ["2-1", "1-2"])
      assert.equal(yield* failure(Redis.xrange(key, "a", "+")), "ERR")
      assert.equal(yield* failure(Redis.xrange(key, "-", "+", { count: 0 })), "InvalidArgument")
    })
  ),
  test(
    "streams are trimmed",
    Effect.gen(function*() {
      const key = (yield* keyOf("trim"))("stream")
      yield* fill(key, ["1-1", "2-1", "3-1", "4-1", "5-1"])
      assert.equal(yield* Redis.xtrim(key, { maxlen: 4 }), 1)
      assert.equal(yield* Redis.xtrim(key, { minid: "3" }), 1)
      assert.equal(yield* Redis.xtrim(key, { minid: "3-1" }), 0)
      assert.deepEqual(yield* all(key), ["3-1", "4-1", "5-1"])
      assert.equal(yield* Redis.xtrim(key, { maxlen: 1, approximate: true }), 0)
      assert.equal(yield* Redis.xtrim(key, { maxlen: 1, approximate: true, limit: 10 }), 0)
      yield* Redis.xadd(key, { a: "1" }, { id: "6-1", trim: { maxlen: 2 } })
      assert.deepEqual(yield* all(key), ["5-1", "6-1"])
      yield* Redis.xadd(key, { a: "1" }, { id: "7-1", trim: { minid: "7" } })
      assert.deepEqual(yield* all(key), ["7-1"])
      yield* Redis.xadd(key, { a: "1" }, { id: "8-1", trim: { maxlen: 0, approximate: true, limit: 0 } })
      assert.equal(yield* Redis.xlen(key), 0)
      assert.equal(yield* Redis.command("EXISTS", [key]), 1)
      assert.equal(yield* failure(Redis.xtrim(key, { maxlen: -1 })), "ERR")
      assert.equal(yield* failure(Redis.xtrim(key, { minid: "nonsense" })), "ERR")
    })
  ),
  test(
    "long streams are trimmed by whole blocks",
    Effect.gen(function*() {
      const key = (yield* keyOf("blocks"))("stream")
      yield* fill(key, Array.from({ length: 250 }, (_, index) => `${index + 1}-0`))
      assert.equal(yield* Redis.xtrim(key, { maxlen: 120, approximate: true }), 100)
      assert.equal(yield* Redis.xlen(key), 150)
      assert.equal(yield* Redis.xtrim(key, { minid: "240", approximate: true, limit: 50 }), 0)
      assert.equal(yield* Redis.xtrim(key, { minid: "240", approximate: true, limit: 100 }), 100)
      assert.equal((yield* all(key))[0], "201-0")
    })
  ),
  test(
    "entries are deleted",
    Effect.gen(function*() {
      const key = (yield* keyOf("delete"))("stream")
      yield* fill(key, ["1-1", "2-1", "3-1"])
      assert.equal(yield* Redis.xdel(key, ["2-1", "9-9", "2-1"]), 1)
      assert.deepEqual(yield* all(key), ["1-1", "3-1"])
      assert.equal(yield* Redis.xdel(key, ["1-1", "3-1"]), 2)
      assert.equal(yield* Redis.xlen(key), 0)
      assert.equal(yield* Redis.command("EXISTS", [key]), 1)
      assert.equal(yield* failure(Redis.xdel(key, ["nonsense"])), "ERR")
    })
  ),
  test(
    "several streams are read at once",
    Effect.gen(function*() {
      const key = yield* keyOf("read")
      const [a, b, none] = [key("a"), key("b"), key("none")]
      yield* fill(a, ["1-1", "2-1", "3-1"])
      yield* fill(b, ["5-1"])
      assert.deepEqual(yield* Redis.xread({ [a]: "1-1", [b]: "0", [none]: "0" }), [
        { key: a, entries: [entry("2-1", ["n", "2"]), entry("3-1", ["n", "3"])] },
        { key: b, entries: [entry("5-1", ["n", "1"])] }
      ])
      assert.deepEqual(yield* Redis.xread([[a, "0"], [b, "5-1"]], { count: 1 }), [
        { key: a, entries: [entry("1-1", ["n", "1"])] }
      ])
      assert.equal(yield* Redis.xread({ [a]: "3-1", [b]: "$" }), null)
      assert.deepEqual(yield* Redis.xread({ [a]: "2-1" }, { block: "10 seconds" }), [
        { key: a, entries: [entry("3-1", ["n", "3"])] }
      ])
      assert.equal(yield* failure(Redis.xread({ [a]: "nonsense" })), "ERR")
      assert.equal(yield* failure(Redis.xread({ [a]: ">" })), "ERR")
    })
  ),
  test(
    "a read that does not wait goes into pipelines and transactions",
    Effect.gen(function*() {
      const key = (yield* keyOf("together"))("stream")
      const commands = [Redis.xadd(key, { a: "1" }, { id: "1-1" }), Redis.xread({ [key]: "0" })] as const
      const read = [{ key, entries: [entry("1-1", ["a", "1"])] }]
      assert.deepEqual(yield* Redis.transaction(commands), ["1-1", read])
      const again = yield* Redis.pipeline([Redis.xread({ [key]: "0" }), Command.bytes(Redis.xread({ [key]: "9" }))])
      assert.deepEqual(again, [read, null])
      const waiting = Redis.xread({ [key]: "0" }, { block: "1 second" })
      assert.equal(yield* failure(Redis.transaction([waiting])), "InvalidArgument")
    })
  ),
  test(
    "a read replies null when the time is over",
    Effect.gen(function*() {
      const key = yield* keyOf("over")
      yield* fill(key("stream"), ["1-1"])
      assert.equal(yield* Redis.xread({ [key("none")]: "0", [key("stream")]: "$" }, { block: "20 millis" }), null)
      assert.equal(yield* Redis.xread({ [key("stream")]: "1-1" }, { block: "1 millis", count: 5 }), null)
      assert.equal(yield* failure(Redis.xread({ [key("none")]: "$" }, { block: 0 })), "InvalidArgument")
    })
  ),
  test(
    "a read wakes when an entry arrives",
    Effect.gen(function*() {
      const key = yield* keyOf("wake")
      const [a, b] = [key("a"), key("b")]
      const next = (streams: Record<string, string>, block: "10 seconds" | "Infinity") =>
        Effect.forkChild(Redis.xread(streams, { block }), { startImmediately: true })
      const first = yield* next({ [a]: "0", [b]: "0" }, "10 seconds")
      yield* Redis.xadd(b, { a: "1" }, { id: "1-1" })
      assert.deepEqual(yield* Fiber.join(first), [{ key: b, entries: [entry("1-1", ["a", "1"])] }])
      const second = yield* next({ [b]: "1-1" }, "Infinity")
      yield* Redis.xadd(b, { a: "2" }, { id: "2-1" })
      assert.deepEqual(yield* Fiber.join(second), [{ key: b, entries: [entry("2-1", ["a", "2"])] }])
    })
  ),
  test(
    "a stream tells what it is like",
    Effect.gen(function*() {
      const key = yield* keyOf("info")
      const stream = key("stream")
      yield* fill(stream, ["1-1", "2-1", "3-1"])
      const { radixTreeKeys, radixTreeNodes, ...info } = yield* Redis.xinfoStream(stream)
      assert.deepEqual([radixTreeKeys, radixTreeNodes], [1, 2])
      assert.deepEqual(info, {
        length: 3,
        lastGeneratedId: "3-1",
        maxDeletedEntryId: "0-0",
        entriesAdded: 3,
        recordedFirstEntryId: "1-1",
        groups: 0,
        firstEntry: entry("1-1", ["n", "1"]),
        lastEntry: entry("3-1", ["n", "3"])
      })
      yield* Redis.xdel(stream, ["1-1", "2-1", "3-1"])
      yield* Redis.xgroupCreate(stream, "group", "$")
      const empty = yield* Redis.xinfoStream(stream)
      assert.deepEqual([empty.length, empty.maxDeletedEntryId, empty.recordedFirstEntryId], [0, "3-1", "0-0"])
      assert.deepEqual([empty.groups, empty.firstEntry, empty.lastEntry], [1, null, null])
      assert.equal(yield* failure(Redis.xinfoStream(key("none"))), "ERR")
      assert.equal(yield* failure(Redis.xinfoStreamFull(key("none"))), "ERR")
    })
  ),
  test(
    "the last ID of a stream can be set",
    Effect.gen(function*() {
      const key = yield* keyOf("setid")
      const stream = key("stream")
      yield* fill(stream, ["1-1", "2-1"])
      assert.equal(yield* Redis.xsetid(stream, "9-1"), "OK")
      assert.equal(yield* failure(Redis.xadd(stream, { a: "1" }, { id: "9-1" })), "ERR")
      assert.equal(yield* Redis.xsetid(stream, "7-0", { entriesadded: 100, maxdeletedid: "6-0" }), "OK")
      const info = yield* Redis.xinfoStream(stream)
      assert.deepEqual([info.lastGeneratedId, info.entriesAdded, info.maxDeletedEntryId], ["7-0", 100, "6-0"])
      assert.equal(yield* failure(Redis.xsetid(stream, "2-0")), "ERR")
      assert.equal(yield* failure(Redis.xsetid(stream, "9-1", { entriesadded: 1 })), "ERR")
      assert.equal(yield* failure(Redis.xsetid(stream, "9-1", { maxdeletedid: "9-2" })), "ERR")
      assert.equal(yield* failure(Redis.xsetid(key("none"), "1-1")), "ERR")
    })
  ),
  test(
    "commands on streams refuse other types",
    Effect.gen(function*() {
      const key = yield* keyOf("types")
      const text = key("text")
      yield* Redis.set(text, "x")
      assert.equal(yield* failure(Redis.xadd(text, { a: "1" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xadd(text, { a: "1" }, { nomkstream: true })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xdel(text, ["1-1"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xinfoStream(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xinfoStreamFull(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xlen(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xrange(text, "-", "+")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xread({ [text]: "0" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xread({ [key("none")]: "0", [text]: "0" }, { block: 100 })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xrevrange(text, "+", "-")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xsetid(text, "1-1")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xtrim(text, { maxlen: 1 })), "WRONGTYPE")
    })
  )
]
