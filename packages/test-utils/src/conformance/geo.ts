/**
 * Cases for positions on earth.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`geo:${name}`)

const palermo = { member: "Palermo", longitude: 13.361389, latitude: 38.115556 }
const catania = { member: "Catania", longitude: 15.087269, latitude: 37.502669 }
const rome = { member: "Rome", longitude: 12.496366, latitude: 41.902782 }
const cities = [palermo, catania, rome]

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-5, `${actual}`)

const around = { frommember: "Palermo", byradius: { radius: 1000, unit: "KM" } } as const

/**
 * @category suites
 * @since 0.1.0
 */
export const geo: ReadonlyArray<Case> = [
  test(
    "members have positions",
    Effect.gen(function*() {
      const key = (yield* keyOf("positions"))("cities")
      assert.equal(yield* Redis.geoadd(key, [palermo, catania]), 2)
      assert.equal(yield* Redis.geoadd(key, [palermo, rome]), 1)
      const [first, none, third] = yield* Redis.geopos(key, ["Palermo", "Atlantis", "Rome"])
      assert.ok(first !== null && third !== null)
      assert.equal(none, null)
      near(first.longitude, palermo.longitude)
      near(first.latitude, palermo.latitude)
      near(third.longitude, rome.longitude)
      near(third.latitude, rome.latitude)
      assert.deepEqual(yield* Redis.geohash(key, ["Palermo", "Atlantis", "Catania"]), [
        "sqc8b49rny0",
        null,
        "sqdtr74hyu0"
      ])
      assert.equal(yield* Redis.zscore(key, "Palermo"), 3479099956230698)
      assert.equal(yield* Redis.zrem(key, ["Palermo"]), 1)
      assert.deepEqual(yield* Redis.geopos(key, ["Palermo"]), [null])
    })
  ),
  test(
    "conditions say which members are added and moved",
    Effect.gen(function*() {
      const key = (yield* keyOf("conditions"))("cities")
      const moved = { ...palermo, longitude: 14 }
      assert.equal(yield* Redis.geoadd(key, [palermo], { xx: true }), 0)
      assert.equal(yield* Redis.command("EXISTS", [key]), 0)
      assert.equal(yield* Redis.geoadd(key, [palermo], { nx: true }), 1)
      assert.equal(yield* Redis.geoadd(key, [moved, catania], { nx: true, ch: true }), 1)
      assert.equal(yield* Redis.geodist(key, "Palermo", "Catania"), 166274.1516)
      assert.equal(yield* Redis.geoadd(key, [moved, rome], { xx: true, ch: true }), 1)
      assert.equal(yield* Redis.geoadd(key, [moved, rome], { ch: true }), 1)
      assert.equal(yield* Redis.zcard(key), 3)
    })
  ),
  test(
    "distances have units",
    Effect.gen(function*() {
      const key = yield* keyOf("distances")
      yield* Redis.geoadd(key("cities"), cities)
      assert.equal(yield* Redis.geodist(key("cities"), "Palermo", "Catania"), 166274.1516)
      assert.equal(yield* Redis.geodist(key("cities"), "Palermo", "Catania", { unit: "M" }), 166274.1516)
      assert.equal(yield* Redis.geodist(key("cities"), "Palermo", "Catania", { unit: "KM" }), 166.2742)
      assert.equal(yield* Redis.geodist(key("cities"), "Palermo", "Catania", { unit: "MI" }), 103.3182)
      assert.equal(yield* Redis.geodist(key("cities"), "Palermo", "Catania", { unit: "FT" }), 545518.8700)
      assert.equal(yield* Redis.geodist(key("cities"), "Rome", "Rome"), 0)
      assert.equal(yield* Redis.geodist(key("cities"), "Rome", "Atlantis"), null)
      assert.equal(yield* Redis.geodist(key("none"), "Rome", "Palermo"), null)
    })
  ),
  test(
    "positions on the edge of the world are taken, others are not",
    Effect.gen(function*() {
      const key = (yield* keyOf("edges"))("points")
      const edges = [
        { member: "ne", longitude: 180, latitude: 85.05112878 },
        { member: "sw", longitude: -180, latitude: -85.05112878 },
        { member: "zero", longitude: 0, latitude: 0 }
      ]
      assert.equal(yield* Redis.geoadd(key, edges), 3)
      const positions = yield* Redis.geopos(key, ["ne", "sw", "zero"])
      positions.forEach((position, index) => {
        assert.ok(position !== null)
        near(position.longitude, edges[index].longitude)
        near(position.latitude, edges[index].latitude)
      })
      assert.equal(yield* failure(Redis.geoadd(key, [{ member: "a", longitude: 180.1, latitude: 0 }])), "ERR")
      assert.equal(yield* failure(Redis.geoadd(key, [{ member: "a", longitude: 0, latitude: -86 }])), "ERR")
      assert.equal(yield* failure(Redis.geoadd(key, [{ member: "a", longitude: NaN, latitude: 0 }])), "InvalidArgument")
    })
  ),
  test(
    "circles and boxes are searched",
    Effect.gen(function*() {
      const key = yield* keyOf("search")
      yield* Redis.geoadd(key("cities"), cities)
      const search = (options: Redis.GeoArea & Redis.GeoSelection) => Redis.geosearch(key("cities"), options)
      assert.deepEqual(yield* search({ ...around, order: "ASC" }), ["Palermo", "Catania", "Rome"])
      assert.deepEqual(yield* search({ ...around, order: "DESC" }), ["Rome", "Catania", "Palermo"])
      assert.deepEqual(yield* search({ ...around, count: 2 }), ["Palermo", "Catania"])
      assert.deepEqual(yield* search({ ...around, count: 1, order: "DESC" }), ["Rome"])
      assert.equal((yield* search({ ...around, count: 2, any: true })).length, 2)
      assert.deepEqual(yield* search({ ...around, byradius: { radius: 166, unit: "KM" } }), ["Palermo"])
      const fromlonlat = { longitude: 15, latitude: 37 }
      assert.deepEqual(yield* search({ fromlonlat, byradius: { radius: 60_000, unit: "M" } }), ["Catania"])
      const box = { width: 400, height: 400, unit: "KM" } as const
      assert.deepEqual(yield* search({ fromlonlat, bybox: box, order: "ASC" }), ["Catania", "Palermo"])
      assert.deepEqual(yield* search({ fromlonlat, bybox: { ...box, height: 200 } }), ["Catania"])
      assert.deepEqual(yield* search({ fromlonlat, byradius: { radius: 1, unit: "FT" } }), [])
      assert.deepEqual(yield* Redis.geosearch(key("none"), around), [])
    })
  ),
  test(
    "a search tells what it is asked for",
    Effect.gen(function*() {
      const key = (yield* keyOf("details"))("cities")
      yield* Redis.geoadd(key, [palermo, catania])
      const options = { ...around, order: "ASC" } as const
      assert.deepEqual(yield* Redis.geosearch(key, { ...options, withdist: true }), [
        { member: "Palermo", distance: 0 },
        { member: "Catania", distance: 166.2742 }
      ])
      assert.deepEqual(yield* Redis.geosearch(key, { ...options, withhash: true }), [
        { member: "Palermo", hash: 3479099956230698 },
        { member: "Catania", hash: 3479447370796909 }
      ])
      const positions = yield* Redis.geopos(key, ["Palermo", "Catania"])
      assert.deepEqual(yield* Redis.geosearch(key, { ...options, withcoord: true }), [
        { member: "Palermo", ...positions[0] },
        { member: "Catania", ...positions[1] }
      ])
      const all = { withcoord: true, withdist: true, withhash: true } as const
      assert.deepEqual(yield* Redis.geosearch(key, { ...options, ...all, count: 1 }), [
        { member: "Palermo", distance: 0, hash: 3479099956230698, ...positions[0] }
      ])
    })
  ),
  test(
    "members are bytes",
    Effect.gen(function*() {
      const key = (yield* keyOf("bytes"))("points")
      const member = Uint8Array.of(255, 0, 13, 10)
      assert.equal(yield* Redis.geoadd(key, [{ ...rome, member }, { ...rome, member: "ü" }]), 2)
      assert.equal(yield* Redis.geodist(key, member, "ü"), 0)
      const area = { frommember: member, byradius: { radius: 1, unit: "M" } } as const
      assert.deepEqual(
        new Set(yield* Command.bytes(Redis.geosearch(key, area))),
        new Set([member, new TextEncoder().encode("ü")])
      )
      const [found] = yield* Command.bytes(Redis.geosearch(key, { ...area, withdist: true, count: 1 }))
      assert.equal(found.distance, 0)
      assert.ok(found.member instanceof Uint8Array)
    })
  ),
  test(
    "what a search finds is stored",
    Effect.gen(function*() {
      const key = yield* keyOf("store")
      const [source, destination] = [key("cities"), key("near")]
      yield* Redis.geoadd(source, cities)
      yield* Redis.set(destination, "something else")
      const area = { ...around, byradius: { radius: 200, unit: "KM" } } as const
      assert.equal(yield* Redis.geosearchstore(destination, source, area), 2)
      assert.equal(yield* Redis.geodist(destination, "Palermo", "Catania", { unit: "KM" }), 166.2742)
      assert.equal(yield* Redis.geosearchstore(destination, source, { ...around, count: 1, order: "DESC" }), 1)
      assert.deepEqual(yield* Redis.zrange(destination, 0, -1), ["Rome"])
      assert.equal(yield* Redis.geosearchstore(destination, source, { ...area, storedist: true }), 2)
      const scores = yield* Redis.zrange(destination, 0, -1, { withscores: true })
      assert.deepEqual(scores.map(({ member }) => member), ["Palermo", "Catania"])
      assert.equal(scores[0].score, 0)
      assert.ok(Math.abs(scores[1].score - 166.2742) < 1e-4)
      const nowhere = { fromlonlat: { longitude: 0, latitude: 0 }, byradius: { radius: 1, unit: "M" } } as const
      assert.equal(yield* Redis.geosearchstore(destination, source, nowhere), 0)
      assert.equal(yield* Redis.command("EXISTS", [destination]), 0)
    })
  ),
  test(
    "commands on positions refuse other types and missing members",
    Effect.gen(function*() {
      const key = yield* keyOf("types")
      const [text, points] = [key("text"), key("points")]
      yield* Redis.set(text, "x")
      yield* Redis.geoadd(points, [rome])
      assert.equal(yield* failure(Redis.geoadd(text, [rome])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.geodist(text, "a", "b")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.geohash(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.geopos(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.geosearch(text, around)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.geosearchstore(points, text, around)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.geosearch(points, around)), "ERR")
      assert.equal(yield* failure(Redis.geosearchstore(points, points, around)), "ERR")
      const negative = { frommember: "Rome", byradius: { radius: -1, unit: "M" } } as const
      assert.equal(yield* failure(Redis.geosearch(points, negative)), "ERR")
      assert.equal(yield* failure(Redis.geosearch(points, { ...negative, ...around, count: 0 })), "ERR")
      assert.equal(yield* Redis.zcard(points), 1)
    })
  )
]
