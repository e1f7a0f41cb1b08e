import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Geo from "../../src/commands/geo.ts"
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

const palermo = { longitude: 13.361389, latitude: 38.115556 }
const circle = { frommember: "a", byradius: { radius: 200, unit: "KM" } } as const
const box = { fromlonlat: palermo, bybox: { width: 400.5, height: 300, unit: "MI" } } as const

describe("geo", () => {
  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Geo.geoadd("k", [{ member: "a", ...palermo }]), ["GEOADD", "k", "13.361389", "38.115556", "a"]],
    [
      Geo.geoadd("k", [{ member: bytes("a"), longitude: -180, latitude: 0 }, { member: "b", ...palermo }], {
        nx: true
      }),
      ["GEOADD", "k", "NX", "-180", "0", bytes("a"), "13.361389", "38.115556", "b"]
    ],
    [
      Geo.geoadd("k", [{ member: "a", ...palermo }], { xx: true, ch: true }),
      ["GEOADD", "k", "XX", "CH", "13.361389", "38.115556", "a"]
    ],
    [Geo.geodist("k", "a", bytes("b")), ["GEODIST", "k", "a", bytes("b")]],
    [Geo.geodist("k", "a", "b", { unit: "FT" }), ["GEODIST", "k", "a", "b", "FT"]],
    [Geo.geohash("k", ["a", "b"]), ["GEOHASH", "k", "a", "b"]],
    [Geo.geopos("k", ["a", bytes("b")]), ["GEOPOS", "k", "a", bytes("b")]],
    [Geo.geosearch("k", circle), ["GEOSEARCH", "k", "FROMMEMBER", "a", "BYRADIUS", "200", "KM"]],
    [
      Geo.geosearch("k", {
        ...box,
        order: "DESC",
        count: 3,
        any: true,
        withcoord: true,
        withdist: true,
        withhash: true
      }),
      "GEOSEARCH k FROMLONLAT 13.361389 38.115556 BYBOX 400.5 300 MI DESC COUNT 3 ANY WITHCOORD WITHDIST WITHHASH"
        .split(" ")
    ],
    [
      Geo.geosearch("k", { frommember: bytes("a"), byradius: { radius: 0, unit: "M" }, order: "ASC", count: 1 }),
      ["GEOSEARCH", "k", "FROMMEMBER", bytes("a"), "BYRADIUS", "0", "M", "ASC", "COUNT", "1"]
    ],
    [
      Geo.geosearchstore("d", "k", circle),
      ["GEOSEARCHSTORE", "d", "k", "FROMMEMBER", "a", "BYRADIUS", "200", "KM"]
    ],
    [
      Geo.geosearchstore("d", "k", { ...circle, order: "ASC", count: 2, any: false, storedist: true }),
      ["GEOSEARCHSTORE", "d", "k", "FROMMEMBER", "a", "BYRADIUS", "200", "KM", "ASC", "COUNT", "2", "STOREDIST"]
    ]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it("finds the keys of commands with several", () => {
    assert.deepStrictEqual(Command.keys(Geo.geoadd("k", [{ member: "a", ...palermo }])), ["k"])
    assert.deepStrictEqual(Command.keys(Geo.geosearch("k", circle)), ["k"])
    assert.deepStrictEqual(Command.keys(Geo.geosearchstore("d", "k", circle)), ["d", "k"])
  })

  it.each<[Command.Any, string]>([
    [Geo.geoadd("k", []), "give at least one member"],
    [Geo.geoadd("k", [{ member: "a", longitude: NaN, latitude: 0 }]), "a longitude has to be a finite number"],
    [
      Geo.geoadd("k", [{ member: "a", longitude: 0, latitude: Infinity }]),
      "a latitude has to be a finite number"
    ],
    [Geo.geohash("k", []), "give at least one member"],
    [Geo.geopos("k", []), "give at least one member"],
    [
      Geo.geosearch("k", { ...circle, byradius: { radius: NaN, unit: "M" } }),
      "the radius has to be a finite number"
    ],
    [
      Geo.geosearch("k", { ...box, bybox: { width: NaN, height: 1, unit: "M" } }),
      "the width has to be a finite number"
    ],
    [
      Geo.geosearchstore("d", "k", { ...box, bybox: { width: 1, height: Infinity, unit: "M" } }),
      "the height has to be a finite number"
    ],
    [Geo.geosearch("k", { ...circle, count: 1.5 }), "the count has to be a whole number within 2^53"]
  ])("%# says what to do instead", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [Geo.geoadd("k", [{ member: "a", ...palermo }]), [1], 1],
    [Geo.geodist("k", "a", "b"), ["166274.1516", 166274.1516], 166274.1516],
    [Geo.geodist("k", "a", "b"), [null], null],
    [Geo.geohash("k", ["a", "b"]), [["sqc8b49rny0", null]], ["sqc8b49rny0", null]],
    [
      Geo.geopos("k", ["a", "b"]),
      [[["13.5", "38.25"], null], [[13.5, 38.25], null]],
      [{ longitude: 13.5, latitude: 38.25 }, null]
    ],
    [Geo.geosearch("k", circle), [["a", "b"]], ["a", "b"]],
    [Geo.geosearch("k", circle), [[]], []],
    [
      Geo.geosearch("k", { ...circle, withdist: true }),
      [[["a", "0.0000"], ["b", "166.2742"]], [["a", 0], ["b", 166.2742]]],
      [{ member: "a", distance: 0 }, { member: "b", distance: 166.2742 }]
    ],
    [
      Geo.geosearch("k", { ...circle, withhash: true }),
      [[["a", 3479099956230698]]],
      [{ member: "a", hash: 3479099956230698 }]
    ],
    [
      Geo.geosearch("k", { ...circle, withcoord: true }),
      [[["a", ["13.5", "38.25"]]], [["a", [13.5, 38.25]]]],
      [{ member: "a", longitude: 13.5, latitude: 38.25 }]
    ],
    [
      Geo.geosearch("k", { ...circle, withcoord: true, withdist: true, withhash: true }),
      [[["a", "1.5", 7, ["13.5", "38.25"]]], [["a", 1.5, 7, [13.5, 38.25]]]],
      [{ member: "a", distance: 1.5, hash: 7, longitude: 13.5, latitude: 38.25 }]
    ],
    [Geo.geosearchstore("d", "k", circle), [3], 3]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [Geo.geodist("k", "a", "b"), ["far", []]],
    [Geo.geohash("k", ["a"]), [null, [1]]],
    [Geo.geopos("k", ["a"]), [null, [["1"]], [["1", "x"]], ["1"]]],
    [Geo.geosearch("k", circle), [null, [["a"]], [null]]],
    [Geo.geosearch("k", { ...circle, withdist: true }), [["a"], [["a"]], [["a", "1", 2]], [["a", "x"]]]],
    [Geo.geosearch("k", { ...circle, withcoord: true }), [[["a", "1"]], [["a", null]]]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("keeps members as bytes under Command.bytes", () => {
    const plain = Command.bytes(Geo.geosearch("k", circle))
    assert.deepStrictEqual(plain.decode([bytes("a")]), [bytes("a")])
    expectTypeOf(plain).toEqualTypeOf<Command.Command<ReadonlyArray<Uint8Array>>>()

    const found = Command.bytes(Geo.geosearch("k", { ...circle, withdist: true, withcoord: true }))
    assert.deepStrictEqual(found.decode([[bytes("a"), bytes("1.5"), [bytes("2"), bytes("3")]]]), [
      { member: bytes("a"), distance: 1.5, longitude: 2, latitude: 3 }
    ])
    expectTypeOf(found).toEqualTypeOf<
      Command.Command<
        ReadonlyArray<{
          readonly member: Uint8Array
          readonly distance: number
          readonly longitude: number
          readonly latitude: number
        }>
      >
    >()
    assert.deepStrictEqual(Command.bytes(Geo.geopos("k", ["a"])).decode([[bytes("1"), bytes("2")]]), [
      { longitude: 1, latitude: 2 }
    ])
    assert.strictEqual(Command.bytes(Geo.geodist("k", "a", "b")).decode(bytes("1.5")), 1.5)
  })

  it("types follow the options", () => {
    expectTypeOf(Geo.geosearch("k", circle)).toEqualTypeOf<Command.Command<ReadonlyArray<string>>>()
    expectTypeOf(Geo.geosearch("k", { ...circle, withhash: true })).toEqualTypeOf<
      Command.Command<ReadonlyArray<{ readonly member: string; readonly hash: number }>>
    >()
    expectTypeOf(Geo.geosearch("k", { ...circle, withdist: true, withhash: undefined })).toEqualTypeOf<
      Command.Command<ReadonlyArray<Geo.GeoFound<"distance">>>
    >()
    expectTypeOf(Geo.geosearch("k", { ...box, withcoord: true })).toEqualTypeOf<
      Command.Command<ReadonlyArray<Geo.GeoMember>>
    >()
    const far: boolean = circle.byradius.radius > 100
    expectTypeOf(Geo.geosearch("k", { ...circle, withdist: far })).toEqualTypeOf<
      Command.Command<ReadonlyArray<string | Geo.GeoFound<"distance">>>
    >()
    // @ts-expect-error one place to search around
    sent(Geo.geosearch("k", { ...circle, fromlonlat: palermo }))
    // @ts-expect-error one area to search in
    sent(Geo.geosearch("k", { ...box, byradius: { radius: 1, unit: "M" } }))
    // @ts-expect-error any of how many?
    sent(Geo.geosearch("k", { ...circle, any: true }))
    // @ts-expect-error there is no such option
    sent(Geo.geosearch("k", { ...circle, storedist: true }))
    // @ts-expect-error one condition at most
    sent(Geo.geoadd("k", [{ member: "a", ...palermo }], { nx: true, xx: true }))
  })
})
