import { assert, describe, it } from "@effect/vitest"
import { transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const near = "GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "positions": [
    ["GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2"],
    ["GEOADD s NX 1 1 Palermo", ":0"],
    ["GEOADD s XX CH 13.361389 38.115556 Palermo", ":0"],
    ["GEOADD s CH 13.361389 38.2 Palermo", ":1"],
    ["GEOADD s CH 13.361389 38.115556 Palermo", ":1"],
    ["ZSCORE s Palermo", "3479099956230698", ",3479099956230698"],
    ["GEODIST s Palermo Catania", "166274.1516"],
    ["GEODIST s Palermo Catania km", "166.2742"],
    ["GEODIST s Palermo Catania mi", "103.3182"],
    ["GEODIST s Palermo none", "nil"],
    ["GEODIST s Palermo Catania yd", "-ERR unsupported unit provided. please use M, KM, FT, MI"],
    ["GEOHASH s Palermo none Catania", "[sqc8b49rny0 nil sqdtr74hyu0]"],
    ["GEOPOS s none", "[nil*]", "[nil]"],
    ["GEOADD s 181 1 x", "-ERR invalid longitude,latitude pair 181.000000,1.000000"],
    ["GEOADD s x 1 x", "-ERR value is not a valid float"],
    ["GEOADD s NX XX 1 1 x", "-ERR syntax error"],
    ["SET text value", "+OK"],
    ["GEOADD text 1 1 x", "-WRONGTYPE Operation against a key holding the wrong kind of value"]
  ],
  "searches": [
    ["GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2"],
    [`${near} ASC`, "[Catania Palermo]"],
    [`${near} WITHDIST WITHHASH DESC`, "[[Palermo 190.4424 :3479099956230698] [Catania 56.4413 :3479447370796909]]"],
    [`${near} COUNT 1`, "[Catania]"],
    [`${near} ANY`, "-ERR the ANY argument requires COUNT argument"],
    [`${near} COUNT 0`, "-ERR COUNT must be > 0"],
    [`${near} FROMMEMBER Palermo`, "-ERR syntax error"],
    ["GEOSEARCH s FROMLONLAT 15 37 BYBOX 400 400 km ASC", "[Catania Palermo]"],
    ["GEOSEARCH s FROMMEMBER Catania BYRADIUS 1 m", "[Catania]"],
    ["GEOSEARCH s FROMMEMBER none BYRADIUS 1 m", "-ERR could not decode requested zset member"],
    ["GEOSEARCH none FROMMEMBER none BYRADIUS 1 m", "[]"],
    ["GEOSEARCH s FROMLONLAT 15 37 ASC ASC", "-ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH"],
    ["GEOSEARCH s BYRADIUS 1 m ASC ASC", "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH"],
    ["GEOSEARCH s FROMLONLAT 15 37 BYRADIUS -1 m", "-ERR radius cannot be negative"],
    ["GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km", ":2"],
    ["ZRANGE d 0 -1", "[Palermo Catania]"],
    ["GEOSEARCHSTORE d none FROMLONLAT 15 37 BYRADIUS 200 km", ":0"],
    ["EXISTS d", ":0"],
    ["GEORADIUS s 15 37 200 km ASC", "[Catania Palermo]"],
    ["GEORADIUS s 15 37 200 km STOREDIST d", ":2"],
    ["GEORADIUS_RO s 15 37 200 km STORE d", "-ERR syntax error"],
    [
      "GEORADIUS s 15 37 200 km STORE d WITHDIST",
      "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
    ],
    ["GEORADIUSBYMEMBER s Palermo 200 km DESC", "[Catania Palermo]"],
    ["GEORADIUSBYMEMBER_RO none Palermo 200 km", "[]"]
  ]
}

describe("geo", () => {
  for (const [name, rows] of Object.entries(tables)) {
    for (const protocol of [2, 3] as const) {
      it(`${name}, RESP${protocol}`, () => {
        const { actual, expected } = transcript(rows, protocol)
        assert.deepStrictEqual(actual, expected)
      })
    }
  }

  it("answers coordinates with 17 decimals", () => {
    const rows: ReadonlyArray<Row> = [
      ["GEOADD s 13.361389 38.115556 Palermo", ":1"],
      ["GEOPOS s Palermo", "[[13.36138933897018433 38.11555639549629859]]"]
    ]
    const { actual, expected } = transcript(rows, 2)
    assert.deepStrictEqual(actual, expected)
  })
})
