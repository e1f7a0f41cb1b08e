/**
 * Searches for nearby positions: GEOSEARCH, and the older GEORADIUS.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import * as Geohash from "../../data/geohash.ts"
import { SortedSet } from "../../data/sortedSet.ts"
import type { Definition, Group, Invocation, Session } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import { double, integer, syntaxError, word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Format from "../../values/format.ts"

const { array, bulk, integer: int } = Resp.Reply

const units: Readonly<Record<string, number>> = { M: 1, KM: 1000, FT: 0.3048, MI: 1609.34 }

/** The length of a unit in metres, by its name. */
export const metersPer = (unit: Bin): number => {
  const name = word(unit)
  if (!Object.hasOwn(units, name)) throw new CommandError("ERR unsupported unit provided. please use M, KM, FT, MI")
  return units[name]
}

/** A position given as two numbers. */
export const positionOf = (first: Bin, second: Bin): Geohash.Position => {
  const longitude = double(first)
  const latitude = double(second)
  if (Math.abs(longitude) > Geohash.maxLongitude || Math.abs(latitude) > Geohash.maxLatitude) {
    const [x, y] = [longitude, latitude].map((degrees) => Number.isFinite(degrees) ? degrees.toFixed(6) : `${degrees}`)
    throw new CommandError(`ERR invalid longitude,latitude pair ${x},${y}`.replaceAll("Infinity", "inf"))
  }
  return { longitude, latitude }
}

/**
 * A position as two numbers: doubles since 8.0, with 17 decimals before. In RESP3 they are doubles too, and the server writes
 * them in the same way, so a client reads the rounded number.
 */
export const pair = ({ latitude, longitude }: Geohash.Position, { node, protocol }: Session): Resp.Reply =>
  array([longitude, latitude].map((degrees) => {
    if (since(node.version, 8)) return Resp.Reply.double(degrees)
    const text = Format.human(degrees)
    return protocol === 3 ? Resp.Reply.double(Number(text)) : bulk(text)
  }))

interface Place extends Geohash.Position {
  readonly member: Bin
  readonly score: number
  /** The distance in the unit of the search. */
  readonly distance: number
}

class Search {
  center: Geohash.Position | undefined
  centered: "position" | "member" | undefined
  radius: number | undefined
  width = 0
  height = 0
  shaped: "circle" | "box" | undefined
  meters = 1
  order: "ASC" | "DESC" | undefined
  count: number | undefined
  any = false
  withDistance = false
  withHash = false
  withPosition = false
  destination: Bin | undefined
  storeDistance = false

  readonly source: SortedSet | undefined

  constructor(source: SortedSet | undefined) {
    this.source = source
  }

  from(position: Geohash.Position): void {
    this.center = position
    this.centered = "position"
  }

  fromMember(member: Bin): void {
    this.centered = "member"
    if (this.source === undefined) return
    const score = this.source.score(member)
    if (score === undefined) throw new CommandError("ERR could not decode requested zset member")
    this.center = Geohash.decode(score)
  }

  circle(radius: Bin, unit: Bin): void {
    const size = double(radius, "ERR need numeric radius")
    if (size < 0) throw new CommandError("ERR radius cannot be negative")
    this.meters = metersPer(unit)
    this.radius = size
    this.shaped = "circle"
  }

  box(width: Bin, height: Bin, unit: Bin): void {
    this.width = double(width, "ERR need numeric width")
    this.height = double(height, "ERR need numeric height")
    if (this.width < 0 || this.height < 0) throw new CommandError("ERR height or width cannot be negative")
    this.meters = metersPer(unit)
    this.shaped = "box"
  }

  places(): ReadonlyArray<Place> {
    const { any, center, count, height, meters, radius, source, width } = this
    if (source === undefined || center === undefined) return []
    const shape = {
      center,
      width: width * meters,
      height: height * meters,
      radius: radius === undefined ? undefined : radius * meters
    }
    const enough = any && count !== undefined ? count : Infinity
    const places: Array<Place> = []
    for (const { max, min } of Geohash.spansOf(shape)) {
      const { end, start } = source.byScore({ min, minExclusive: false, max, maxExclusive: true })
      for (const { member, score } of source.slice(start, end)) {
        if (places.length >= enough) return places
        const position = Geohash.decode(score)
        const distance = Geohash.distanceWithin(shape, position)
        if (distance !== undefined) places.push({ ...position, member, score, distance: distance / meters })
      }
    }
    return places
  }

  /** The places, in the requested order and number. */
  results(): ReadonlyArray<Place> {
    const { any, count } = this
    // With a count, the nearest places come first, unless ANY was given.
    const order = this.order ?? (count !== undefined && !any ? "ASC" : undefined)
    const places = [...this.places()]
    if (order !== undefined) places.sort((a, b) => (a.distance - b.distance) * (order === "ASC" ? 1 : -1))
    return places.slice(0, count)
  }
}

type Kind = "GEOSEARCH" | "GEOSEARCHSTORE" | "GEORADIUS" | "GEORADIUS_RO"

/** Reads one option at `at`, and returns the number of its arguments; 0 if it is not an option. */
const option = (search: Search, kind: Kind, args: ReadonlyArray<Bin>, at: number): number => {
  const name = word(args[at])
  const behind = args.length - at - 1
  const searches = kind === "GEOSEARCH" || kind === "GEOSEARCHSTORE"
  if (name === "WITHDIST") search.withDistance = true
  else if (name === "WITHHASH") search.withHash = true
  else if (name === "WITHCOORD") search.withPosition = true
  else if (name === "ANY") search.any = true
  else if (name === "ASC" || name === "DESC") search.order = name
  else if (name === "STOREDIST" && kind === "GEOSEARCHSTORE") search.storeDistance = true
  else if (name === "COUNT" && behind >= 1) {
    search.count = integer(args[at + 1])
    if (search.count <= 0) throw new CommandError("ERR COUNT must be > 0")
    return 2
  } else if ((name === "STORE" || name === "STOREDIST") && kind === "GEORADIUS" && behind >= 1) {
    search.destination = args[at + 1]
    search.storeDistance = name === "STOREDIST"
    return 2
  } else if (!searches) {
    return 0
  } else if (name === "FROMMEMBER" && behind >= 1 && search.centered !== "position") {
    search.fromMember(args[at + 1])
    return 2
  } else if (name === "FROMLONLAT" && behind >= 2 && search.centered !== "member") {
    search.from(positionOf(args[at + 1], args[at + 2]))
    return 3
  } else if (name === "BYRADIUS" && behind >= 2 && search.shaped !== "box") {
    search.circle(args[at + 1], args[at + 2])
    return 3
  } else if (name === "BYBOX" && behind >= 3 && search.shaped !== "circle") {
    search.box(args[at + 1], args[at + 2], args[at + 3])
    return 4
  } else {
    return 0
  }
  return 1
}

const check = (search: Search, kind: Kind, name: string): void => {
  const { any, centered, count, destination, shaped, withDistance, withHash, withPosition } = search
  if (destination !== undefined && (withDistance || withHash || withPosition)) {
    const what = kind === "GEOSEARCHSTORE" ? kind : "STORE option in GEORADIUS"
    throw new CommandError(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`)
  }
  if (kind === "GEOSEARCH" || kind === "GEOSEARCHSTORE") {
    if (centered === undefined) {
      throw new CommandError(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${name}`)
    }
    if (shaped === undefined) {
      throw new CommandError(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${name}`)
    }
  }
  if (any && count === undefined) throw new CommandError("ERR the ANY argument requires COUNT argument")
}

const store = ({ keys }: Invocation, search: Search, destination: Bin, kind: Kind): Resp.Reply => {
  const places = search.results()
  if (places.length === 0) {
    keys.delete(destination)
  } else {
    const zset = new SortedSet()
    for (const { distance, member, score } of places) zset.add(member, search.storeDistance ? distance : score)
    keys.set(destination, { type: "zset", zset })
    keys.touch(destination, kind === "GEOSEARCHSTORE" ? "geosearchstore" : "georadiusstore", "z")
  }
  return int(places.length)
}

const answer = (search: Search, session: Session): Resp.Reply => {
  const { withDistance, withHash, withPosition } = search
  return array(
    search.results().map((place) => {
      const member = bulk(place.member)
      if (!withDistance && !withHash && !withPosition) return member
      const parts = [member]
      if (withDistance) parts.push(bulk(place.distance.toFixed(4)))
      if (withHash) parts.push(int(Math.trunc(place.score)))
      if (withPosition) parts.push(pair(place, session))
      return array(parts)
    })
  )
}

const finish = (invocation: Invocation, search: Search, kind: Kind, from: number): Resp.Reply => {
  const { args, name } = invocation
  for (let at = from; at < args.length;) {
    const taken = option(search, kind, args, at)
    if (taken === 0) throw syntaxError()
    at += taken
  }
  check(search, kind, name)
  const { destination } = search
  return destination === undefined
    ? answer(search, invocation.session)
    : store(invocation, search, destination, kind)
}

const radius = (center: "position" | "member", kind: "GEORADIUS" | "GEORADIUS_RO"): Definition => ({
  arity: center === "position" ? -6 : -5,
  run: (invocation) => {
    const { args, keys } = invocation
    const search = new Search(keys.typed(args[0], "zset")?.zset)
    if (center === "position") {
      search.from(positionOf(args[1], args[2]))
      search.circle(args[3], args[4])
    } else if (search.source !== undefined) {
      search.fromMember(args[1])
      search.circle(args[2], args[3])
    }
    return finish(invocation, search, kind, center === "position" ? 5 : 4)
  }
})

export const geoSearch: Group = {
  GEOSEARCH: {
    arity: -7,
    run: (invocation) => {
      const search = new Search(invocation.keys.typed(invocation.args[0], "zset")?.zset)
      return finish(invocation, search, "GEOSEARCH", 1)
    }
  },
  GEOSEARCHSTORE: {
    arity: -8,
    run: (invocation) => {
      const search = new Search(invocation.keys.typed(invocation.args[1], "zset")?.zset)
      search.destination = invocation.args[0]
      return finish(invocation, search, "GEOSEARCHSTORE", 2)
    }
  },
  GEORADIUS: radius("position", "GEORADIUS"),
  GEORADIUS_RO: radius("position", "GEORADIUS_RO"),
  GEORADIUSBYMEMBER: radius("member", "GEORADIUS"),
  GEORADIUSBYMEMBER_RO: radius("member", "GEORADIUS_RO")
}
