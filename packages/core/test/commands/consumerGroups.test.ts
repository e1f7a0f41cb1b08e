import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Command from "../../src/Command.ts"
import * as Groups from "../../src/commands/consumerGroups.ts"
import type * as Streams from "../../src/commands/streams.ts"
import * as CommandSpec from "../../src/CommandSpec.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const sent = (command: Command.Any) => [command.spec.name, ...command.args]
const refuses = (command: Command.Any, reply: Resp.Value): boolean => {
  try {
    command.decode(reply)
    return false
  } catch (error) {
    return error instanceof Mismatch
  }
}

/** What RESP2 says of a map. */
const flat = (map: ReadonlyMap<Resp.Value, Resp.Value>): ReadonlyArray<Resp.Value> => [...map].flat()

const forEver = "the timeout has to be positive; \"Infinity\" waits for ever"
const wholeCount = "the count has to be a whole number of at least 1"

const blockMillis = ({ args, spec }: Command.Any) => CommandSpec.blockMillis(spec, args)

describe("consumer groups", () => {
  const moment = DateTime.makeUnsafe(1700000000000)

  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Groups.xack("k", "g", ["1-1", "2-1"]), ["XACK", "k", "g", "1-1", "2-1"]],
    [Groups.xautoclaim("k", "g", "c", "1 minute", "0-0"), ["XAUTOCLAIM", "k", "g", "c", "60000", "0-0"]],
    [
      Groups.xautoclaim("k", "g", bytes("c"), 0, "5", { count: 3, justid: true }),
      ["XAUTOCLAIM", "k", "g", bytes("c"), "0", "5", "COUNT", "3", "JUSTID"]
    ],
    [Groups.xclaim("k", "g", "c", "100 micros", ["1-1"]), ["XCLAIM", "k", "g", "c", "1", "1-1"]],
    [
      Groups.xclaim("k", "g", "c", 0, ["1-1", "2-1"], { idle: "1 second", retrycount: 0, force: true, lastid: "9-1" }),
      ["XCLAIM", "k", "g", "c", "0", "1-1", "2-1", "IDLE", "1000", "RETRYCOUNT", "0", "FORCE", "LASTID", "9-1"]
    ],
    [
      Groups.xclaim("k", "g", "c", 5, ["1-1"], { time: moment, justid: true }),
      ["XCLAIM", "k", "g", "c", "5", "1-1", "TIME", "1700000000000", "JUSTID"]
    ],
    [Groups.xgroupCreate("k", "g", "$"), ["XGROUP CREATE", "k", "g", "$"]],
    [
      Groups.xgroupCreate("k", bytes("g"), "0", { mkstream: true, entriesread: -1 }),
      ["XGROUP CREATE", "k", bytes("g"), "0", "MKSTREAM", "ENTRIESREAD", "-1"]
    ],
    [Groups.xgroupCreateconsumer("k", "g", "c"), ["XGROUP CREATECONSUMER", "k", "g", "c"]],
    [Groups.xgroupDelconsumer("k", "g", "c"), ["XGROUP DELCONSUMER", "k", "g", "c"]],
    [Groups.xgroupDestroy("k", "g"), ["XGROUP DESTROY", "k", "g"]],
    [Groups.xgroupSetid("k", "g", "0"), ["XGROUP SETID", "k", "g", "0"]],
    [Groups.xgroupSetid("k", "g", "5-1", { entriesread: 7 }), ["XGROUP SETID", "k", "g", "5-1", "ENTRIESREAD", "7"]],
    [Groups.xinfoConsumers("k", "g"), ["XINFO CONSUMERS", "k", "g"]],
    [Groups.xinfoGroups("k"), ["XINFO GROUPS", "k"]],
    [Groups.xpending("k", "g"), ["XPENDING", "k", "g"]],
    [Groups.xpendingRange("k", "g", "-", "+", { count: 5 }), ["XPENDING", "k", "g", "-", "+", "5"]],
    [
      Groups.xpendingRange("k", "g", "(1-1", "9", { count: 5, consumer: bytes("c"), idle: "1 minute" }),
      ["XPENDING", "k", "g", "IDLE", "60000", "(1-1", "9", "5", bytes("c")]
    ],
    [Groups.xreadgroup("g", "c", { k: ">" }), ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">"]],
    [
      Groups.xreadgroup(bytes("g"), bytes("c"), [[bytes("k"), "0"], ["l", ">"]], { noack: true }),
      ["XREADGROUP", "GROUP", bytes("g"), bytes("c"), "NOACK", "STREAMS", bytes("k"), "l", "0", ">"]
    ],
    [
      Groups.xreadgroup("g", "c", { k: ">" }, { count: 2, block: "Infinity" }),
      ["XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "BLOCK", "0", "STREAMS", "k", ">"]
    ],
    [
      Groups.xreadgroup("g", "c", { k: ">" }, { block: "2 seconds" }),
      ["XREADGROUP", "GROUP", "g", "c", "BLOCK", "2000", "STREAMS", "k", ">"]
    ]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it("finds the keys of a read, whatever the group and the consumer are called", () => {
    const command = Groups.xreadgroup("STREAMS", "streams", { k: ">", l: ">" }, { count: 1, block: 1, noack: true })
    assert.deepStrictEqual(Command.keys(command), ["k", "l"])
    assert.deepStrictEqual(Command.keys(Groups.xpendingRange("k", "g", "-", "+", { count: 1 })), ["k"])
  })

  it("waits only when it is told to", () => {
    assert.strictEqual(blockMillis(Groups.xreadgroup("g", "c", { k: ">" }, { block: "1 second" })), 1000)
    assert.isUndefined(blockMillis(Groups.xreadgroup("g", "c", { k: ">" })))
    assert.isTrue(Groups.xreadgroup("g", "c", { k: ">" }).spec.write)
  })

  it.each<[Command.Any, string]>([
    [Groups.xack("k", "g", []), "give at least one ID"],
    [Groups.xautoclaim("k", "g", "c", -1, "0"), "an idle time is finite and not negative"],
    [Groups.xautoclaim("k", "g", "c", 1, "0", { count: 0 }), `${wholeCount}`],
    [Groups.xclaim("k", "g", "c", 1, []), "give at least one ID"],
    [Groups.xclaim("k", "g", "c", "Infinity", ["1-1"]), "an idle time is finite and not negative"],
    [Groups.xclaim("k", "g", "c", 1, ["1-1"], { idle: -1 }), "an idle time is finite and not negative"],
    [
      Groups.xclaim("k", "g", "c", 1, ["1-1"], { time: new Date(NaN) }),
      "the point in time is an invalid date"
    ],
    [
      Groups.xclaim("k", "g", "c", 1, ["1-1"], { retrycount: -1 }),
      "retrycount has to be a whole number of at least 0"
    ],
    [
      Groups.xgroupCreate("k", "g", "0", { entriesread: 0.5 }),
      "entriesread has to be a whole number within 2^53"
    ],
    [
      Groups.xgroupSetid("k", "g", "0", { entriesread: NaN }),
      "entriesread has to be a whole number within 2^53"
    ],
    [Groups.xpendingRange("k", "g", "-", "+", { count: -1 }), `${wholeCount}`],
    [
      Groups.xpendingRange("k", "g", "-", "+", { count: 1, idle: "Infinity" }),
      "an idle time is finite and not negative"
    ],
    [Groups.xreadgroup("g", "c", {}), "give at least one stream"],
    [Groups.xreadgroup("g", "c", [["k", ">"], ["k", ">"]]), "name each stream once"],
    [Groups.xreadgroup("g", "c", { k: ">" }, { count: -1 }), `${wholeCount}`],
    [Groups.xreadgroup("g", "c", { k: ">" }, { block: 0 }), `${forEver}`]
  ])("%# says what to do instead", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  const entry: Resp.Value = ["1-1", ["a", "1"]]
  const decoded = { id: "1-1", fields: [["a", "1"]] }
  const consumer = new Map<string, Resp.Value>([["name", "ada"], ["pending", 2], ["idle", 5], ["inactive", -1]])
  const oldConsumer = new Map<string, Resp.Value>([["name", "bob"], ["pending", 0], ["idle", 7]])
  const group = new Map<string, Resp.Value>([
    ["name", "g"],
    ["consumers", 1],
    ["pending", 2],
    ["last-delivered-id", "1-1"],
    ["entries-read", 3],
    ["lag", 4]
  ])
  const oldGroup = new Map<string, Resp.Value>([
    ["name", "h"],
    ["consumers", 0],
    ["pending", 0],
    ["last-delivered-id", "0-0"]
  ])

  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [Groups.xack("k", "g", ["1-1"]), [1], 1],
    [
      Groups.xautoclaim("k", "g", "c", 0, "0"),
      [["5-1", [entry], ["2-1"]]],
      { cursor: "5-1", entries: [decoded], deleted: ["2-1"] }
    ],
    // Redis 6.2 has nil in the place of a deleted entry.
    [
      Groups.xautoclaim("k", "g", "c", 0, "0"),
      [["0-0", [entry, null]]],
      { cursor: "0-0", entries: [decoded], deleted: [] }
    ],
    [
      Groups.xautoclaim("k", "g", "c", 0, "0", { justid: true }),
      [["0-0", ["1-1", "3-1"], []]],
      { cursor: "0-0", entries: ["1-1", "3-1"], deleted: [] }
    ],
    [Groups.xclaim("k", "g", "c", 0, ["1-1", "2-1"]), [[entry], [entry, null]], [decoded]],
    [Groups.xclaim("k", "g", "c", 0, ["1-1"], { justid: true }), [["1-1"]], ["1-1"]],
    [Groups.xgroupCreate("k", "g", "0"), ["OK"], "OK"],
    [Groups.xgroupCreateconsumer("k", "g", "c"), [1, true], true],
    [Groups.xgroupDelconsumer("k", "g", "c"), [2], 2],
    [Groups.xgroupDestroy("k", "g"), [0, false], false],
    [Groups.xgroupSetid("k", "g", "0"), ["OK"], "OK"],
    [
      Groups.xinfoConsumers("k", "g"),
      [[consumer, oldConsumer], [flat(consumer), flat(oldConsumer)]],
      [{ name: "ada", pending: 2, idle: 5, inactive: -1 }, { name: "bob", pending: 0, idle: 7, inactive: null }]
    ],
    [
      Groups.xinfoGroups("k"),
      [[group, oldGroup], [flat(group), flat(oldGroup)]],
      [
        { name: "g", consumers: 1, pending: 2, lastDeliveredId: "1-1", entriesRead: 3, lag: 4 },
        { name: "h", consumers: 0, pending: 0, lastDeliveredId: "0-0", entriesRead: null, lag: null }
      ]
    ],
    [
      Groups.xpending("k", "g"),
      [[3, "1-1", "9-1", [["ada", "2"], ["bob", "1"]]]],
      { count: 3, first: "1-1", last: "9-1", consumers: [{ name: "ada", count: 2 }, { name: "bob", count: 1 }] }
    ],
    [Groups.xpending("k", "g"), [[0, null, null, null]], { count: 0, first: null, last: null, consumers: [] }],
    [
      Groups.xpendingRange("k", "g", "-", "+", { count: 1 }),
      [[["1-1", "ada", 1500, 2]]],
      [{ id: "1-1", consumer: "ada", idle: 1500, deliveries: 2 }]
    ],
    [
      Groups.xreadgroup("g", "c", { k: ">" }),
      [[["k", [entry]]], new Map([["k", [entry]]])],
      [{ key: "k", entries: [decoded] }]
    ],
    [
      Groups.xreadgroup("g", "c", { k: "0" }),
      [[["k", [entry, ["2-1", null]]]], new Map([["k", [entry, ["2-1", null]]]])],
      [{ key: "k", entries: [decoded, { id: "2-1", fields: null }] }]
    ],
    [Groups.xreadgroup("g", "c", { k: ">" }), [null], null]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [Groups.xautoclaim("k", "g", "c", 0, "0"), [null, ["0-0"], ["0", [], []], ["0-0", [], "x"], ["0-0", ["1-1"], []]]],
    [Groups.xclaim("k", "g", "c", 0, ["1-1"]), [null, ["1-1"]]],
    [Groups.xclaim("k", "g", "c", 0, ["1-1"], { justid: true }), [[entry], [null]]],
    [Groups.xgroupCreateconsumer("k", "g", "c"), [2, null]],
    [Groups.xinfoConsumers("k", "g"), [null, [["name", "ada"]], ["ada"]]],
    [Groups.xinfoGroups("k"), [null, [["name", "g", "consumers", "x"]]]],
    [Groups.xpending("k", "g"), [null, [0, null, null], [1, "x", "1-1", []], [1, "1-1", "1-1", [["ada"]]]]],
    [Groups.xpendingRange("k", "g", "-", "+", { count: 1 }), [null, [["1-1", "ada", 1]], [["1-1", null, 1, 1]]]],
    [Groups.xreadgroup("g", "c", { k: ">" }), [[["k"]], [["k", [["1-1", "a"]]]], 0]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("keeps names and fields as bytes under Command.bytes, but no IDs", () => {
    const read = Command.bytes(Groups.xreadgroup("g", "c", { k: "0" }))
    assert.deepStrictEqual<unknown>(
      read.decode([[bytes("k"), [[bytes("1-1"), [bytes("a"), bytes("1")]], [bytes("2-1"), null]]]]),
      [{ key: bytes("k"), entries: [{ id: "1-1", fields: [[bytes("a"), bytes("1")]] }, { id: "2-1", fields: null }] }]
    )
    const pending = Command.bytes(Groups.xpendingRange("k", "g", "-", "+", { count: 1 }))
    assert.deepStrictEqual<unknown>(pending.decode([[bytes("1-1"), bytes("ada"), 5, 1]]), [
      { id: "1-1", consumer: bytes("ada"), idle: 5, deliveries: 1 }
    ])
    expectTypeOf(pending).toEqualTypeOf<
      Command.Command<
        ReadonlyArray<{
          readonly id: Streams.StreamId
          readonly consumer: Uint8Array
          readonly idle: number
          readonly deliveries: number
        }>
      >
    >()
    const summary = Command.bytes(Groups.xpending("k", "g"))
    assert.deepStrictEqual<unknown>(summary.decode([1, bytes("1-1"), bytes("1-1"), [[bytes("ada"), bytes("1")]]]), {
      count: 1,
      first: "1-1",
      last: "1-1",
      consumers: [{ name: bytes("ada"), count: 1 }]
    })
    const groups = Command.bytes(Groups.xinfoGroups("k"))
    const asBytes = flat(oldGroup).map((part) => typeof part === "string" ? bytes(part) : part)
    assert.deepStrictEqual<unknown>(groups.decode([asBytes]), [
      { name: bytes("h"), consumers: 0, pending: 0, lastDeliveredId: "0-0", entriesRead: null, lag: null }
    ])
    const ids = Command.bytes(Groups.xclaim("k", "g", "c", 0, ["1-1"], { justid: true }))
    expectTypeOf(ids).toEqualTypeOf<Command.Command<ReadonlyArray<Streams.StreamId>>>()
  })

  it("types follow the options", () => {
    type Read<Entry> = Command.Command<ReadonlyArray<Streams.StreamRead<Entry>> | null>
    expectTypeOf(Groups.xreadgroup("g", "c", { k: ">" })).toEqualTypeOf<Read<Streams.StreamEntry>>()
    expectTypeOf(Groups.xreadgroup("g", "c", [[bytes("k"), ">"]])).toEqualTypeOf<Read<Streams.StreamEntry>>()
    expectTypeOf(Groups.xreadgroup("g", "c", { k: ">", l: "0" })).toEqualTypeOf<Read<Groups.DeliveredEntry>>()
    expectTypeOf(Groups.xautoclaim("k", "g", "c", 0, "0")).toEqualTypeOf<Command.Command<Groups.Autoclaimed>>()
    expectTypeOf(Groups.xautoclaim("k", "g", "c", 0, "0", { justid: true })).toEqualTypeOf<
      Command.Command<Groups.Autoclaimed<Streams.StreamId>>
    >()
    // @ts-expect-error one idle time at most
    sent(Groups.xclaim("k", "g", "c", 0, ["1-1"], { idle: 1, time: new Date(0) }))
    // @ts-expect-error how many has to be said
    sent(Groups.xpendingRange("k", "g", "-", "+", {}))
  })
})
