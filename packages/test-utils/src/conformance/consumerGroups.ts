/**
 * Cases for consumer groups.
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

const keyOf = (name: string) => freshKeys(`consumerGroups:${name}`)

const entry = (n: number): Redis.StreamEntry => ({ id: `${BigInt(n)}-1`, fields: [["n", `${n}`]] })

const entries = (...ns: ReadonlyArray<number>) => ns.map(entry)

/** Makes a stream of `size` entries, with a group that has read none of them. */
const fill = Effect.fnUntraced(function*(key: string, size: number) {
  yield* Redis.xgroupCreate(key, "group", "0", { mkstream: true })
  for (let n = 1; n <= size; n++) yield* Redis.xadd(key, { n: `${n}` }, { id: `${n}-1` })
})

const readNew = (key: string, consumer: string, count?: number) =>
  Redis.xreadgroup("group", consumer, { [key]: ">" }, { count })

/** The pending entries without their times, which differ from server to server. */
const pendingOf = (key: string, options: { readonly consumer?: string; readonly count?: number } = {}) =>
  Effect.map(
    Redis.xpendingRange(key, "group", "-", "+", { count: 100, ...options }),
    (all) => all.map(({ consumer, deliveries, id }) => `${id} ${consumer} ${deliveries}`)
  )

const isRecent = (millis: number) => assert.ok(millis >= 0 && millis < 60_000, `${millis}`)

/**
 * @category suites
 * @since 0.1.0
 */
export const consumerGroups: ReadonlyArray<Case> = [
  test(
    "groups are made, moved and removed",
    Effect.gen(function*() {
      const key = yield* keyOf("groups")
      const [stream, none] = [key("stream"), key("none")]
      assert.equal(yield* failure(Redis.xgroupCreate(stream, "a", "0")), "ERR")
      assert.equal(yield* Redis.xgroupCreate(stream, "a", "0", { mkstream: true }), "OK")
      assert.equal(yield* failure(Redis.xgroupCreate(stream, "a", "0")), "BUSYGROUP")
      yield* Redis.xadd(stream, { a: "1" }, { id: "1-1" })
      yield* Redis.xadd(stream, { a: "2" }, { id: "2-1" })
      assert.equal(yield* Redis.xgroupCreate(stream, "b", "$"), "OK")
      assert.equal(yield* Redis.xgroupCreate(stream, "c", "1-1", { entriesread: 1 }), "OK")
      assert.deepEqual(yield* Redis.xinfoGroups(stream), [
        { name: "a", consumers: 0, pending: 0, lastDeliveredId: "0-0", entriesRead: null, lag: 2 },
        { name: "b", consumers: 0, pending: 0, lastDeliveredId: "2-1", entriesRead: null, lag: 0 },
        { name: "c", consumers: 0, pending: 0, lastDeliveredId: "1-1", entriesRead: 1, lag: 1 }
      ])
      assert.equal(yield* Redis.xgroupSetid(stream, "b", "0"), "OK")
      assert.equal(yield* Redis.xgroupSetid(stream, "c", "2-1", { entriesread: 2 }), "OK")
      assert.equal(yield* Redis.xgroupDestroy(stream, "a"), true)
      assert.equal(yield* Redis.xgroupDestroy(stream, "a"), false)
      const groups = yield* Redis.xinfoGroups(stream)
      assert.deepEqual(groups.map(({ lag, lastDeliveredId }) => [lastDeliveredId, lag]), [["0-0", 2], ["2-1", 0]])
      assert.equal(yield* failure(Redis.xgroupSetid(stream, "x", "0")), "NOGROUP")
      assert.equal(yield* failure(Redis.xgroupSetid(none, "x", "0")), "ERR")
      assert.equal(yield* failure(Redis.xgroupDestroy(none, "x")), "ERR")
      assert.equal(yield* failure(Redis.xgroupCreate(stream, "x", "nonsense")), "ERR")
    })
  ),
  test(
    "consumers are added by themselves, or when they read",
    Effect.gen(function*() {
      const key = yield* keyOf("consumers")
      const stream = key("stream")
      yield* fill(stream, 3)
      assert.deepEqual(yield* Redis.xinfoConsumers(stream, "group"), [])
      assert.equal(yield* Redis.xgroupCreateconsumer(stream, "group", "ada"), true)
      assert.equal(yield* Redis.xgroupCreateconsumer(stream, "group", "ada"), false)
      yield* readNew(stream, "bob", 2)
      const consumers = yield* Redis.xinfoConsumers(stream, "group")
      assert.deepEqual(consumers.map(({ name, pending }) => [name, pending]), [["ada", 0], ["bob", 2]])
      for (const { idle } of consumers) isRecent(idle)
      assert.equal(yield* Redis.xgroupDelconsumer(stream, "group", "bob"), 2)
      assert.equal(yield* Redis.xgroupDelconsumer(stream, "group", "bob"), 0)
      assert.equal((yield* Redis.xpending(stream, "group")).count, 0)
      assert.equal(yield* failure(Redis.xgroupCreateconsumer(stream, "x", "ada")), "NOGROUP")
      assert.equal(yield* failure(Redis.xgroupDelconsumer(stream, "x", "ada")), "NOGROUP")
      assert.equal(yield* failure(Redis.xinfoConsumers(stream, "x")), "NOGROUP")
      assert.equal(yield* failure(Redis.xinfoConsumers(key("none"), "group")), "ERR")
      assert.equal(yield* failure(Redis.xinfoGroups(key("none"))), "ERR")
    })
  ),
  test(
    "each entry goes to one consumer, and is pending until it is acknowledged",
    Effect.gen(function*() {
      const stream = (yield* keyOf("share"))("stream")
      yield* fill(stream, 5)
      assert.deepEqual(yield* Redis.xpending(stream, "group"), { count: 0, first: null, last: null, consumers: [] })
      assert.deepEqual(yield* readNew(stream, "ada", 2), [{ key: stream, entries: entries(1, 2) }])
      assert.deepEqual(yield* readNew(stream, "bob"), [{ key: stream, entries: entries(3, 4, 5) }])
      assert.equal(yield* readNew(stream, "ada"), null)
      assert.deepEqual(yield* Redis.xpending(stream, "group"), {
        count: 5,
        first: "1-1",
        last: "5-1",
        consumers: [{ name: "ada", count: 2 }, { name: "bob", count: 3 }]
      })
      assert.equal(yield* Redis.xack(stream, "group", ["1-1", "1-1", "9-9", "4-1"]), 2)
      assert.deepEqual(yield* pendingOf(stream), ["2-1 ada 1", "3-1 bob 1", "5-1 bob 1"])
      assert.equal(yield* Redis.xack(stream, "other", ["2-1"]), 0)
      assert.equal(yield* Redis.xack(`${stream}:none`, "group", ["2-1"]), 0)
      assert.equal(yield* failure(Redis.xack(stream, "group", ["nonsense"])), "ERR")
    })
  ),
  test(
    "a consumer reads again what it has pending",
    Effect.gen(function*() {
      const key = yield* keyOf("history")
      const [stream, other] = [key("stream"), key("other")]
      yield* fill(stream, 3)
      yield* fill(other, 0)
      yield* readNew(stream, "ada")
      yield* Redis.xack(stream, "group", ["1-1"])
      yield* Redis.xdel(stream, ["2-1"])
      const streams = { [stream]: "0", [other]: "0" }
      assert.deepEqual(yield* Redis.xreadgroup("group", "ada", streams, { block: "10 seconds" }), [
        { key: stream, entries: [{ id: "2-1", fields: null }, entry(3)] },
        { key: other, entries: [] }
      ])
      assert.deepEqual(yield* Redis.xreadgroup("group", "ada", { [stream]: "2-1" }), [
        { key: stream, entries: entries(3) }
      ])
      assert.deepEqual(yield* Redis.xreadgroup("group", "bob", { [stream]: "0" }), [{ key: stream, entries: [] }])
      assert.deepEqual(yield* pendingOf(stream), ["2-1 ada 1", "3-1 ada 3"])
    })
  ),
  test(
    "entries that need no acknowledgement are not pending",
    Effect.gen(function*() {
      const stream = (yield* keyOf("noack"))("stream")
      yield* fill(stream, 2)
      assert.deepEqual(yield* Redis.xreadgroup("group", "ada", { [stream]: ">" }, { noack: true }), [
        { key: stream, entries: entries(1, 2) }
      ])
      assert.deepEqual(yield* pendingOf(stream), [])
    })
  ),
  test(
    "a group is read at once in pipelines and transactions",
    Effect.gen(function*() {
      const stream = (yield* keyOf("together"))("stream")
      yield* fill(stream, 2)
      const [read, pending] = yield* Redis.transaction([
        readNew(stream, "ada", 1),
        Redis.xpending(stream, "group")
      ])
      assert.deepEqual(read, [{ key: stream, entries: entries(1) }])
      assert.equal(pending.count, 1)
      assert.deepEqual(yield* Redis.pipeline([readNew(stream, "ada"), Redis.xack(stream, "group", ["1-1"])]), [
        [{ key: stream, entries: entries(2) }],
        1
      ])
    })
  ),
  test(
    "names and fields are bytes",
    Effect.gen(function*() {
      const stream = (yield* keyOf("bytes"))("stream")
      const [group, consumer] = [Uint8Array.of(255, 1), Uint8Array.of(255, 2)]
      const [field, value] = [Uint8Array.of(255, 3), Uint8Array.of(255, 4)]
      yield* Redis.xgroupCreate(stream, group, "0", { mkstream: true })
      const id = yield* Redis.xadd(stream, [[field, value]])
      const read = yield* Command.bytes(Redis.xreadgroup(group, consumer, [[stream, ">"]]))
      assert.deepEqual(read?.map(({ entries }) => entries), [[{ id, fields: [[field, value]] }]])
      assert.deepEqual((yield* Command.bytes(Redis.xinfoGroups(stream))).map(({ name }) => name), [group])
      const consumers = yield* Command.bytes(Redis.xinfoConsumers(stream, group))
      assert.deepEqual(consumers.map(({ name }) => name), [consumer])
      const summary = yield* Command.bytes(Redis.xpending(stream, group))
      assert.deepEqual(summary, { count: 1, first: id, last: id, consumers: [{ name: consumer, count: 1 }] })
      const [pending] = yield* Command.bytes(Redis.xpendingRange(stream, group, "-", "+", { count: 1, consumer }))
      assert.deepEqual([pending.id, pending.consumer, pending.deliveries], [id, consumer, 1])
      const full = yield* Command.bytes(Redis.xinfoStreamFull(stream))
      assert.deepEqual(full.groups[0].pending[0].consumer, consumer)
    })
  ),
  test(
    "a reading consumer waits for new entries",
    Effect.gen(function*() {
      const key = yield* keyOf("wait")
      const [a, b] = [key("a"), key("b")]
      yield* fill(a, 0)
      yield* fill(b, 0)
      const streams = { [a]: ">", [b]: ">" } as const
      assert.equal(yield* Redis.xreadgroup("group", "ada", streams, { block: "20 millis" }), null)
      const reading = yield* Effect.forkChild(Redis.xreadgroup("group", "ada", streams, { block: "Infinity" }), {
        startImmediately: true
      })
      yield* Redis.xadd(b, { n: "1" }, { id: "1-1" })
      assert.deepEqual(yield* Fiber.join(reading), [{ key: b, entries: entries(1) }])
      assert.deepEqual(yield* pendingOf(b), ["1-1 ada 1"])
      const late = yield* Effect.forkChild(
        failure(Redis.xreadgroup("group", "ada", { [a]: ">" }, { block: "10 seconds" })),
        { startImmediately: true }
      )
      yield* Redis.xgroupDestroy(a, "group")
      assert.equal(yield* Fiber.join(late), "NOGROUP")
    })
  ),
  test(
    "pending entries are listed by ID, consumer and idle time",
    Effect.gen(function*() {
      const key = yield* keyOf("pending")
      const stream = key("stream")
      yield* fill(stream, 4)
      yield* readNew(stream, "ada", 2)
      yield* readNew(stream, "bob")
      yield* Redis.xclaim(stream, "group", "ada", 0, ["2-1"], { idle: "1 hour", retrycount: 5 })
      const list = (start: string, end: string, options: Parameters<typeof Redis.xpendingRange>[4]) =>
        Effect.map(Redis.xpendingRange(stream, "group", start, end, options), (all) => all.map(({ id }) => id))
      assert.deepEqual(yield* pendingOf(stream, { consumer: "ada" }), ["1-1 ada 1", "2-1 ada 5"])
      assert.deepEqual(yield* pendingOf(stream, { count: 3 }), ["1-1 ada 1", "2-1 ada 5", "3-1 bob 1"])
      assert.deepEqual(yield* pendingOf(stream, { consumer: "nobody" }), [])
      assert.deepEqual(yield* list("(1-1", "3", { count: 10 }), ["2-1", "3-1"])
      assert.deepEqual(yield* list("-", "+", { count: 10, idle: "30 minutes" }), ["2-1"])
      assert.deepEqual(yield* list("-", "+", { count: 10, idle: "30 minutes", consumer: "bob" }), [])
      const [first, second] = yield* Redis.xpendingRange(stream, "group", "-", "+", { count: 2 })
      isRecent(first.idle)
      isRecent(second.idle - 60 * 60 * 1000)
      assert.equal(yield* failure(Redis.xpending(stream, "other")), "NOGROUP")
      assert.equal(yield* failure(Redis.xpending(key("none"), "group")), "NOGROUP")
      assert.equal(yield* failure(list("nonsense", "+", { count: 1 })), "ERR")
    })
  ),
  test(
    "entries are claimed from other consumers",
    Effect.gen(function*() {
      const key = yield* keyOf("claim")
      const stream = key("stream")
      yield* fill(stream, 4)
      yield* readNew(stream, "ada", 3)
      const claim = (ids: ReadonlyArray<string>, options: Redis.XclaimOptions = {}) =>
        Redis.xclaim(stream, "group", "bob", 0, ids, options)
      assert.deepEqual(yield* Redis.xclaim(stream, "group", "bob", "1 hour", ["1-1"]), [])
      assert.deepEqual(yield* claim(["1-1", "9-9", "4-1"]), entries(1))
      assert.deepEqual(yield* Redis.xclaim(stream, "group", "bob", 0, ["2-1"], { justid: true }), ["2-1"])
      assert.deepEqual(yield* pendingOf(stream), ["1-1 bob 2", "2-1 bob 1", "3-1 ada 1"])
      assert.deepEqual(yield* claim(["4-1"], { force: true, retrycount: 7 }), entries(4))
      assert.deepEqual(yield* claim(["3-1"], { time: new Date(Date.now() - 60 * 60 * 1000) }), entries(3))
      assert.deepEqual(yield* Redis.xclaim(stream, "group", "ada", "30 minutes", ["3-1", "4-1"]), entries(3))
      assert.deepEqual(yield* pendingOf(stream), ["1-1 bob 2", "2-1 bob 1", "3-1 ada 3", "4-1 bob 7"])
      yield* Redis.xdel(stream, ["1-1"])
      assert.deepEqual(yield* claim(["1-1", "2-1"], { lastid: "8-1" }), entries(2))
      assert.deepEqual(yield* pendingOf(stream), ["2-1 bob 2", "3-1 ada 3", "4-1 bob 7"])
      assert.equal((yield* Redis.xinfoGroups(stream))[0].lastDeliveredId, "8-1")
      assert.equal(yield* failure(Redis.xclaim(stream, "other", "bob", 0, ["1-1"])), "NOGROUP")
      assert.equal(yield* failure(Redis.xclaim(key("none"), "group", "bob", 0, ["1-1"])), "NOGROUP")
      assert.equal(yield* failure(claim(["nonsense"])), "ERR")
    })
  ),
  test(
    "entries that were left lying are claimed page by page",
    Effect.gen(function*() {
      const key = yield* keyOf("autoclaim")
      const stream = key("stream")
      yield* fill(stream, 5)
      yield* readNew(stream, "ada")
      yield* Redis.xdel(stream, ["2-1"])
      assert.deepEqual(yield* Redis.xautoclaim(stream, "group", "bob", "1 hour", "0-0"), {
        cursor: "0-0",
        entries: [],
        deleted: ["2-1"]
      })
      assert.deepEqual(yield* Redis.xautoclaim(stream, "group", "bob", 0, "0-0", { count: 2 }), {
        cursor: "4-1",
        entries: entries(1, 3),
        deleted: []
      })
      assert.deepEqual(yield* Redis.xautoclaim(stream, "group", "bob", 0, "4-1", { justid: true }), {
        cursor: "0-0",
        entries: ["4-1", "5-1"],
        deleted: []
      })
      assert.deepEqual(yield* pendingOf(stream), ["1-1 bob 2", "3-1 bob 2", "4-1 bob 1", "5-1 bob 1"])
      assert.equal(yield* failure(Redis.xautoclaim(stream, "other", "bob", 0, "0-0")), "NOGROUP")
      assert.equal(yield* failure(Redis.xautoclaim(key("none"), "group", "bob", 0, "0-0")), "NOGROUP")
      assert.equal(yield* failure(Redis.xautoclaim(stream, "group", "bob", 0, "nonsense")), "ERR")
    })
  ),
  test(
    "a stream tells in full what is pending",
    Effect.gen(function*() {
      const stream = (yield* keyOf("full"))("stream")
      yield* fill(stream, 12)
      yield* readNew(stream, "ada", 11)
      yield* Redis.xgroupCreateconsumer(stream, "group", "bob")
      const few = yield* Redis.xinfoStreamFull(stream, { count: 2 })
      assert.deepEqual([few.length, few.lastGeneratedId, few.entries], [12, "12-1", entries(1, 2)])
      const [group] = few.groups
      const { consumers, pending, ...rest } = group
      assert.deepEqual(rest, { name: "group", lastDeliveredId: "11-1", entriesRead: 11, lag: 1, pelCount: 11 })
      assert.deepEqual(pending.map(({ consumer, deliveries, id }) => [id, consumer, deliveries]), [
        ["1-1", "ada", 1],
        ["2-1", "ada", 1]
      ])
      assert.deepEqual(consumers.map(({ name, pelCount }) => [name, pelCount]), [["ada", 11], ["bob", 0]])
      assert.deepEqual(consumers[0].pending.map(({ deliveries, id }) => [id, deliveries]), [["1-1", 1], ["2-1", 1]])
      isRecent(Date.now() - consumers[0].seenTime)
      isRecent(Date.now() - consumers[0].pending[0].deliveryTime)
      assert.equal((yield* Redis.xinfoStreamFull(stream)).entries.length, 10)
      assert.equal((yield* Redis.xinfoStreamFull(stream, { count: 0 })).groups[0].pending.length, 11)
    })
  ),
  test(
    "commands on consumer groups refuse other types and other groups",
    Effect.gen(function*() {
      const key = yield* keyOf("types")
      const [text, stream] = [key("text"), key("stream")]
      yield* Redis.set(text, "x")
      yield* fill(stream, 1)
      assert.equal(yield* failure(Redis.xack(text, "group", ["1-1"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xautoclaim(text, "group", "ada", 0, "0")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xclaim(text, "group", "ada", 0, ["1-1"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xgroupCreate(text, "group", "0")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xgroupCreateconsumer(text, "group", "ada")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xgroupDelconsumer(text, "group", "ada")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xgroupDestroy(text, "group")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xgroupSetid(text, "group", "0")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xinfoConsumers(text, "group")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xinfoGroups(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xpending(text, "group")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.xpendingRange(text, "group", "-", "+", { count: 1 })), "WRONGTYPE")
      assert.equal(yield* failure(readNew(text, "ada")), "WRONGTYPE")
      assert.equal(yield* failure(readNew(key("none"), "ada")), "NOGROUP")
      assert.equal(yield* failure(Redis.xreadgroup("other", "ada", { [stream]: ">" }, { block: 100 })), "NOGROUP")
      assert.equal((yield* Redis.xpending(stream, "group")).count, 0)
    })
  )
]
