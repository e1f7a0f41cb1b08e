import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Bitmaps from "../../src/commands/bitmaps.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const sent: ReadonlyArray<readonly [Command.Any, ReadonlyArray<Command.Arg>]> = [
  [Bitmaps.bitcount("k"), ["BITCOUNT", "k"]],
  [Bitmaps.bitcount("k", { start: 0, end: -1 }), ["BITCOUNT", "k", "0", "-1"]],
  [Bitmaps.bitcount("k", { start: 5, end: 30, unit: "BIT" }), ["BITCOUNT", "k", "5", "30", "BIT"]],
  [Bitmaps.bitpos("k", 0), ["BITPOS", "k", "0"]],
  [Bitmaps.bitpos("k", 1, { start: 2 }), ["BITPOS", "k", "1", "2"]],
  [Bitmaps.bitpos("k", 1, { start: 2, end: -1 }), ["BITPOS", "k", "1", "2", "-1"]],
  [Bitmaps.bitpos("k", 1, { start: 2, end: 9, unit: "BYTE" }), ["BITPOS", "k", "1", "2", "9", "BYTE"]],
  [Bitmaps.bitop("AND", "d", ["a", "b"]), ["BITOP", "AND", "d", "a", "b"]],
  [Bitmaps.bitop("NOT", "d", ["a"]), ["BITOP", "NOT", "d", "a"]],
  [Bitmaps.getbit("k", 7), ["GETBIT", "k", "7"]],
  [Bitmaps.setbit("k", 7, 1), ["SETBIT", "k", "7", "1"]],
  [Bitmaps.setbit("k", 4294967295, 0), ["SETBIT", "k", "4294967295", "0"]],
  [Bitmaps.bitfieldRo("k", [{ get: "u8", offset: "#1" }, { get: "i5", offset: 100 }]), [
    "BITFIELD_RO",
    "k",
    "GET",
    "u8",
    "#1",
    "GET",
    "i5",
    "100"
  ]],
  [Bitmaps.bitfield("k", [{ get: "u4", offset: 0 }, { set: "i8", offset: "#2", value: -5 }]), [
    "BITFIELD",
    "k",
    "GET",
    "u4",
    "0",
    "SET",
    "i8",
    "#2",
    "-5"
  ]]
]

const refused: ReadonlyArray<readonly [Command.Any, string]> = [
  [Bitmaps.bitcount("k", { start: 0.5, end: 1 }), "the start has to be a whole number within 2^53"],
  [Bitmaps.bitpos("k", 1, { start: 0, end: NaN }), "the end has to be a whole number within 2^53"],
  [Bitmaps.bitop("AND", "d", []), "give at least one key"],
  [Bitmaps.getbit("k", 0.5), "the offset has to be a whole number within 2^53"],
  [Bitmaps.setbit("k", Infinity, 1), "the offset has to be a whole number within 2^53"],
  [Bitmaps.bitfield("k", []), "give at least one operation"],
  [Bitmaps.bitfieldRo("k", []), "give at least one operation"],
  [Bitmaps.bitfield("k", [{ get: "u8", offset: 0.5 }]), "the offset has to be a whole number within 2^53"],
  [
    Bitmaps.bitfield("k", [{ set: "u8", offset: 0, value: 0.5 }]),
    "the value has to be a whole number within 2^53"
  ],
  [
    Bitmaps.bitfield("k", [{ incrby: "u8", offset: 0, increment: NaN }]),
    "the increment has to be a whole number within 2^53"
  ]
]

const decoded: ReadonlyArray<readonly [Command.Any, Resp.Value, unknown]> = [
  [Bitmaps.getbit("k", 0), 1, 1],
  [Bitmaps.setbit("k", 0, 1), 0, 0],
  [Bitmaps.bitpos("k", 1), -1, -1],
  [Bitmaps.bitcount("k"), 26, 26],
  [Bitmaps.bitfield("k", [{ get: "u8", offset: 0 }]), [255, null], [255, null]],
  [Bitmaps.bitfieldRo("k", [{ get: "u8", offset: 0 }]), [255], [255]]
]

const mismatched: ReadonlyArray<readonly [Command.Any, Resp.Value]> = [
  [Bitmaps.getbit("k", 0), 2],
  [Bitmaps.bitcount("k"), null],
  [Bitmaps.bitfield("k", [{ get: "i64", offset: 0 }]), [2n ** 60n]],
  [Bitmaps.bitfieldRo("k", [{ get: "u8", offset: 0 }]), [null]]
]

describe("commands/bitmaps", () => {
  it.each(sent)("sends %j as %j", (command, args) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual([command.spec.name, ...command.args], args)
  })

  it("says OVERFLOW where it changes, and takes it back", () => {
    const add = (overflow?: Bitmaps.BitfieldOverflow) => ({ incrby: "u2", offset: 0, increment: 1, overflow }) as const
    const { args } = Bitmaps.bitfield("k", [
      add(),
      add("SAT"),
      add("SAT"),
      { get: "u2", offset: 0 },
      add("FAIL"),
      add(),
      add("WRAP")
    ])
    const incrby = ["INCRBY", "u2", "0", "1"]
    assert.deepStrictEqual(args, [
      "k",
      ...incrby,
      "OVERFLOW",
      "SAT",
      ...incrby,
      ...incrby,
      "GET",
      "u2",
      "0",
      "OVERFLOW",
      "FAIL",
      ...incrby,
      "OVERFLOW",
      "WRAP",
      ...incrby,
      ...incrby
    ])
  })

  it.each(refused)("refuses %j: %s", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each(decoded)("%j decodes %j", (command, reply, expected) => {
    assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each(mismatched)("%j does not take %o for a reply", (command, reply) => {
    assert.throws(() => command.decode(reply), Mismatch as unknown as new() => Error)
  })

  it("types say what is replied", () => {
    expectTypeOf(Bitmaps.getbit("k", 0)).toEqualTypeOf<Command.Command<0 | 1>>()
    expectTypeOf(Bitmaps.bitfield("k", [])).toEqualTypeOf<Command.Command<ReadonlyArray<number | null>>>()
    expectTypeOf(Bitmaps.bitfieldRo("k", [])).toEqualTypeOf<Command.Command<ReadonlyArray<number>>>()
    expectTypeOf(Command.bytes(Bitmaps.getbit("k", 0))).toEqualTypeOf<Command.Command<0 | 1>>()
  })

  it("types keep apart what excludes each other", () => {
    // @ts-expect-error a unit needs both ends
    void Bitmaps.bitpos("k", 1, { start: 0, unit: "BIT" })
    // @ts-expect-error a bit is 0 or 1
    void Bitmaps.setbit("k", 0, 2)
    // @ts-expect-error an operation that writes is not for replicas
    void Bitmaps.bitfieldRo("k", [{ set: "u8", offset: 0, value: 1 }])
  })
})
