import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Streams from "../../src/commands/streams.ts"
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

describe("streams", () => {
  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Streams.xadd("k", { a: "1", b: bytes("2") }), ["XADD", "k", "*", "a", "1", "b", bytes("2")]],
    [Streams.xadd("k", [["a", "1"], [bytes("a"), "2"]]), ["XADD", "k", "*", "a", "1", bytes("a"), "2"]],
    [Streams.xadd("k", { a: "1" }, { id: "5-*" }), ["XADD", "k", "5-*", "a", "1"]],
    [
      Streams.xadd("k", { a: "1" }, { nomkstream: true, trim: { maxlen: 10 }, id: "5-1" }),
      ["XADD", "k", "NOMKSTREAM", "MAXLEN", "10", "5-1", "a", "1"]
    ],
    [
      Streams.xadd("k", { a: "1" }, { trim: { minid: "5", approximate: true, limit: 100 } }),
      ["XADD", "k", "MINID", "~", "5", "LIMIT", "100", "*", "a", "1"]
    ],
    [Streams.xdel("k", ["1-1", "2-1"]), ["XDEL", "k", "1-1", "2-1"]],
    [Streams.xinfoStream("k"), ["XINFO STREAM", "k"]],
    [Streams.xinfoStreamFull("k"), ["XINFO STREAM", "k", "FULL"]],
    [Streams.xinfoStreamFull("k", { count: 0 }), ["XINFO STREAM", "k", "FULL", "COUNT", "0"]],
    [Streams.xlen("k"), ["XLEN", "k"]],
    [Streams.xrange("k", "-", "+"), ["XRANGE", "k", "-", "+"]],
    [Streams.xrange("k", "(1-1", "2", { count: 3 }), ["XRANGE", "k", "(1-1", "2", "COUNT", "3"]],
    [Streams.xread({ k: "0", l: "$" }), ["XREAD", "STREAMS", "k", "l", "0", "$"]],
    [
      Streams.xread([[bytes("k"), "1-1"]], { count: 2, block: "1 second" }),
      ["XREAD", "COUNT", "2", "BLOCK", "1000", "STREAMS", bytes("k"), "1-1"]
    ],
    [Streams.xread({ k: "$" }, { block: "Infinity" }), ["XREAD", "BLOCK", "0", "STREAMS", "k", "$"]],
    [Streams.xread({ k: "$" }, { block: "100 micros" }), ["XREAD", "BLOCK", "1", "STREAMS", "k", "$"]],
    [Streams.xrevrange("k", "+", "-"), ["XREVRANGE", "k", "+", "-"]],
    [Streams.xrevrange("k", "9", "(1", { count: 1 }), ["XREVRANGE", "k", "9", "(1", "COUNT", "1"]],
    [Streams.xsetid("k", "5-1"), ["XSETID", "k", "5-1"]],
    [
      Streams.xsetid("k", "5-1", { entriesadded: 7, maxdeletedid: "4-1" }),
      ["XSETID", "k", "5-1", "ENTRIESADDED", "7", "MAXDELETEDID", "4-1"]
    ],
    [Streams.xtrim("k", { maxlen: 0 }), ["XTRIM", "k", "MAXLEN", "0"]],
    [Streams.xtrim("k", { minid: "5-1", approximate: true }), ["XTRIM", "k", "MINID", "~", "5-1"]],
    [
      Streams.xtrim("k", { maxlen: 5, approximate: true, limit: 0 }),
      ["XTRIM", "k", "MAXLEN", "~", "5", "LIMIT", "0"]
    ]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it("finds the keys of a read, whatever comes before them", () => {
    assert.deepStrictEqual(Command.keys(Streams.xread({ k: "0", l: "0" }, { count: 1, block: 1 })), ["k", "l"])
    assert.deepStrictEqual(Command.keys(Streams.xinfoStreamFull("k", { count: 1 })), ["k"])
  })

  it("waits only when it is told to", () => {
    assert.strictEqual(blockMillis(Streams.xread({ k: "$" }, { block: "1 second" })), 1000)
    assert.isUndefined(blockMillis(Streams.xread({ k: "0" }, { count: 1 })))
    assert.isTrue(Streams.xread({ k: "0" }).spec.readOnly)
  })

  it.each<[Command.Any, string]>([
    [Streams.xadd("k", {}), "give at least one field"],
    [Streams.xadd("k", { a: "1" }, { trim: { maxlen: 0.5 } }), "maxlen has to be a whole number within 2^53"],
    [Streams.xdel("k", []), "give at least one ID"],
    [
      Streams.xinfoStreamFull("k", { count: -1 }),
      "the count has to be a whole number of at least 0"
    ],
    [Streams.xrange("k", "-", "+", { count: 0 }), `${wholeCount}`],
    [Streams.xrevrange("k", "-", "+", { count: -1 }), `${wholeCount}`],
    [Streams.xread({}), "give at least one stream"],
    [Streams.xread({ k: "0" }, { count: 0 }), `${wholeCount}`],
    [Streams.xread({ k: "0" }, { block: 0 }), `${forEver}`],
    [Streams.xread({ k: "0" }, { block: NaN }), `${forEver}`],
    [Streams.xread([["k", "0"], [bytes("k"), "5"]]), "name each stream once"],
    [
      Streams.xsetid("k", "1-1", { entriesadded: NaN }),
      "entriesadded has to be a whole number within 2^53"
    ],
    [
      Streams.xtrim("k", { maxlen: 1, approximate: true, limit: 1.5 }),
      "the limit has to be a whole number within 2^53"
    ]
  ])("%# says what to do instead", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  const entries: Resp.Value = [["1-1", ["a", "1", "a", "2"]], ["18446744073709551615-0", ["b", "3"]]]
  const decoded = [
    { id: "1-1", fields: [["a", "1"], ["a", "2"]] },
    { id: "18446744073709551615-0", fields: [["b", "3"]] }
  ]

  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [Streams.xadd("k", { a: "1" }), ["1-1"], "1-1"],
    [Streams.xadd("k", { a: "1" }, { nomkstream: true }), [null], null],
    [Streams.xdel("k", ["1-1"]), [1], 1],
    [Streams.xlen("k"), [3], 3],
    [Streams.xrange("k", "-", "+"), [entries], decoded],
    [Streams.xrange("k", "-", "+"), [[]], []],
    [Streams.xrevrange("k", "+", "-"), [entries], decoded],
    [Streams.xread({ k: "0" }), [[["k", entries]], new Map([["k", entries]])], [{ key: "k", entries: decoded }]],
    [
      Streams.xread({ k: "0", l: "0" }),
      [[["k", entries], ["l", []]], new Map([["k", entries], ["l", []]])],
      [{ key: "k", entries: decoded }, { key: "l", entries: [] }]
    ],
    [Streams.xread({ k: "0" }), [null], null],
    [Streams.xsetid("k", "1-1"), ["OK"], "OK"],
    [Streams.xtrim("k", { maxlen: 1 }), [0], 0]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.deepStrictEqual(command.decode(reply), expected)
  })

  const old = new Map<string, Resp.Value>([
    ["length", 2],
    ["radix-tree-keys", 1],
    ["radix-tree-nodes", 2],
    ["last-generated-id", "2-0"]
  ])
  const full = new Map<string, Resp.Value>([
    ...old,
    ["max-deleted-entry-id", "0-0"],
    ["entries-added", 2],
    ["recorded-first-entry-id", "1-1"]
  ])
  const summary = {
    length: 2,
    radixTreeKeys: 1,
    radixTreeNodes: 2,
    lastGeneratedId: "2-0",
    maxDeletedEntryId: "0-0",
    entriesAdded: 2,
    recordedFirstEntryId: "1-1"
  }

  it("decodes XINFO STREAM, of old servers too", () => {
    const { decode } = Streams.xinfoStream("k")
    const more = [["groups", 1], ["first-entry", ["1-1", ["a", "1"]]], ["last-entry", null]] as const
    const reply = new Map<string, Resp.Value>([...full, ...more])
    const expected = { ...summary, groups: 1, firstEntry: { id: "1-1", fields: [["a", "1"]] }, lastEntry: null }
    assert.deepStrictEqual<unknown>(decode(reply), expected)
    assert.deepStrictEqual<unknown>(decode(flat(reply)), expected)
    assert.deepStrictEqual<unknown>(decode(flat(new Map<string, Resp.Value>([...old, ...more]))), {
      ...expected,
      maxDeletedEntryId: null,
      entriesAdded: null,
      recordedFirstEntryId: null
    })
  })

  it("decodes XINFO STREAM FULL, of old servers too", () => {
    const { decode } = Streams.xinfoStreamFull("k")
    const consumer = new Map<string, Resp.Value>([
      ["name", "ada"],
      ["seen-time", 1700000000001],
      ["active-time", 1700000000000],
      ["pel-count", 1],
      ["pending", [["1-1", 1700000000000, 3]]]
    ])
    const idle = new Map<string, Resp.Value>([
      ["name", "bob"],
      ["seen-time", 1700000000002],
      ["pel-count", 0],
      ["pending", []]
    ])
    const group = (consumers: ReadonlyArray<Resp.Value>) =>
      new Map<string, Resp.Value>([
        ["name", "g"],
        ["last-delivered-id", "1-1"],
        ["entries-read", 1],
        ["lag", null],
        ["pel-count", 1],
        ["pending", [["1-1", "ada", 1700000000000, 3]]],
        ["consumers", consumers]
      ])
    const reply = (groups: ReadonlyArray<Resp.Value>) =>
      new Map<string, Resp.Value>([...full, ["entries", entries], ["groups", groups]])
    const expected = {
      ...summary,
      entries: decoded,
      groups: [{
        name: "g",
        lastDeliveredId: "1-1",
        entriesRead: 1,
        lag: null,
        pelCount: 1,
        pending: [{ id: "1-1", consumer: "ada", deliveryTime: 1700000000000, deliveries: 3 }],
        consumers: [
          {
            name: "ada",
            seenTime: 1700000000001,
            activeTime: 1700000000000,
            pelCount: 1,
            pending: [{ id: "1-1", deliveryTime: 1700000000000, deliveries: 3 }]
          },
          { name: "bob", seenTime: 1700000000002, activeTime: null, pelCount: 0, pending: [] }
        ]
      }]
    }
    assert.deepStrictEqual<unknown>(decode(reply([group([consumer, idle])])), expected)
    assert.deepStrictEqual<unknown>(decode(flat(reply([flat(group([flat(consumer), flat(idle)]))]))), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [Streams.xadd("k", { a: "1" }), [null, "1", "QUEUED", 1]],
    [
      Streams.xrange("k", "-", "+"),
      [null, [["1-1"]], [["1-1", ["a"]]], [["1-1", null]], [["x", ["a", "1"]]], [[1, []]]]
    ],
    [Streams.xread({ k: "0" }), [[["k"]], [["k", null]], [["k", [["1-1", null]]]], "k", 1]],
    [Streams.xinfoStream("k"), [null, [], ["length", 1], new Map([["length", "x"]])]],
    [Streams.xinfoStreamFull("k"), [null, [...flat(full), "entries", [], "groups", [["name", "g"]]]]],
    [Streams.xlen("k"), [null]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("keeps bytes under Command.bytes, but for IDs", () => {
    interface BytesEntry {
      readonly id: Streams.StreamId
      readonly fields: ReadonlyArray<readonly [field: Uint8Array, value: Uint8Array]>
    }
    const entry: Resp.Value = [bytes("1-1"), [bytes("a"), bytes("1")]]
    const expected = { id: "1-1", fields: [[bytes("a"), bytes("1")]] }

    const range = Command.bytes(Streams.xrange("k", "-", "+"))
    assert.deepStrictEqual<unknown>(range.decode([entry]), [expected])
    expectTypeOf(range).toEqualTypeOf<Command.Command<ReadonlyArray<BytesEntry>>>()

    const read = Command.bytes(Streams.xread({ k: "0" }))
    for (const reply of [[[bytes("k"), [entry]]], new Map([[bytes("k"), [entry]]])]) {
      assert.deepStrictEqual<unknown>(read.decode(reply), [{ key: bytes("k"), entries: [expected] }])
    }
    expectTypeOf(read).toEqualTypeOf<
      Command.Command<
        ReadonlyArray<{ readonly key: Uint8Array; readonly entries: ReadonlyArray<BytesEntry> }> | null
      >
    >()

    const info = Command.bytes(Streams.xinfoStream("k"))
    const reply = new Map([...full, ["groups", 0] as const, ["first-entry", entry] as const].map(([key, value]) => [
      bytes(key),
      typeof value === "string" ? bytes(value) : value
    ]))
    assert.deepStrictEqual<unknown>(info.decode(new Map([...reply, [bytes("last-entry"), null]])), {
      ...summary,
      groups: 0,
      firstEntry: expected,
      lastEntry: null
    })

    const added = Command.bytes(Streams.xadd("k", { a: "1" }))
    assert.strictEqual(added.decode(bytes("1-1")), "1-1")
    expectTypeOf(added).toEqualTypeOf<Command.Command<Streams.StreamId>>()
  })

  it("gives fields in a form that XADD takes", () => {
    const [entry] = Streams.xrange("k", "-", "+").decode(entries)
    assert.deepStrictEqual(
      sent(Streams.xadd("copy", entry.fields, { id: entry.id })),
      "XADD copy 1-1 a 1 a 2".split(" ")
    )
    const asBytes = Command.bytes(Streams.xrange("k", "-", "+")).decode([["2-1", [bytes("a"), bytes("1")]]])
    assert.deepStrictEqual(sent(Streams.xadd("copy", asBytes[0].fields)), ["XADD", "copy", "*", bytes("a"), bytes("1")])
    expectTypeOf(Object.fromEntries(entry.fields)).toEqualTypeOf<{ [k: string]: string }>()
  })

  it("types follow the options", () => {
    expectTypeOf(Streams.xadd("k", { a: "1" }, { trim: { maxlen: 1 } })).toEqualTypeOf<
      Command.Command<Streams.StreamId>
    >()
    expectTypeOf(Streams.xadd("k", { a: "1" }, { nomkstream: true })).toEqualTypeOf<
      Command.Command<Streams.StreamId | null>
    >()
    // @ts-expect-error one way to trim at most
    sent(Streams.xtrim("k", { maxlen: 1, minid: "1" }))
    // @ts-expect-error something to trim by
    sent(Streams.xtrim("k", { approximate: true }))
    // @ts-expect-error only an approximate trim has a limit
    sent(Streams.xtrim("k", { maxlen: 1, limit: 10 }))
  })
})
