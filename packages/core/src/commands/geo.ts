/**
 * Positions on earth, by member. They are kept as the scores of a sorted set, so `zrem`, `zscan` and other commands of
 * sorted sets work on them, too.
 *
 * Source: https://redis.io/docs/latest/commands/?group=geo
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const GEOADD = CommandSpec.get("GEOADD")
const GEODIST = CommandSpec.get("GEODIST")
const GEOHASH = CommandSpec.get("GEOHASH")
const GEOPOS = CommandSpec.get("GEOPOS")
const GEOSEARCH = CommandSpec.get("GEOSEARCH")
const GEOSEARCHSTORE = CommandSpec.get("GEOSEARCHSTORE")

/**
 * A position on earth, in degrees. East and north are positive. Redis takes longitudes from -180 to 180 and latitudes
 * from -85.05112878 to 85.05112878, and keeps a position to less than a metre.
 *
 * @category models
 * @since 0.1.0
 */
export interface GeoPosition {
  readonly longitude: number
  readonly latitude: number
}

/**
 * A member and its position.
 *
 * @category models
 * @since 0.1.0
 */
export interface GeoMember<out Member extends Command.Arg = string> extends GeoPosition {
  readonly member: Member
}

/**
 * Metres, kilometres, feet or miles.
 *
 * @category models
 * @since 0.1.0
 */
export type GeoUnit = "M" | "KM" | "FT" | "MI"

/**
 * Whether {@link geoadd} only adds members (`nx`), only moves existing ones (`xx`), or does both. With `ch` it also
 * counts members that moved.
 *
 * @category models
 * @since 0.1.0
 */
export type GeoaddOptions =
  & (
    | { readonly nx?: boolean | undefined; readonly xx?: undefined }
    | { readonly nx?: undefined; readonly xx?: boolean | undefined }
  )
  & { readonly ch?: boolean | undefined }

const position = Reply.pair(Reply.double, Reply.double, (longitude, latitude): GeoPosition => ({ longitude, latitude }))
const positions = Reply.array(Reply.nullOr(position))
const hashes = Reply.array(Reply.textOrNull)

const positionArgs = ({ latitude, longitude }: GeoPosition): Args.Args => [
  Args.finite(longitude, "a longitude"),
  Args.finite(latitude, "a latitude")
]

/**
 * Adds members with their positions, or moves them. Replies how many were not there yet; with `ch`, how many were added
 * or moved. The key is created if need be.
 *
 * Fails with `ServerError`: code `ERR` for a position that is out of range, code `WRONGTYPE` when the key holds
 * something other than a sorted set. Since Redis 3.2.0, conditions and `ch` since 6.2.0.
 *
 * **Example** (Two cities)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const added = Redis.geoadd("cities", [
 *   { member: "Palermo", longitude: 13.361389, latitude: 38.115556 },
 *   { member: "Catania", longitude: 15.087269, latitude: 37.502669 }
 * ]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/geoadd/
 * @category geo
 * @since 0.1.0
 */
export const geoadd = (
  key: Command.Arg,
  members: ReadonlyArray<GeoMember<Command.Arg>>,
  options?: GeoaddOptions
): Command.Command<number> =>
  Args.command(GEOADD, () => {
    const { ch, nx, xx } = geoaddOptions(options)
    return [
      key,
      ...Args.flag(nx, "NX"),
      ...Args.flag(xx, "XX"),
      ...Args.flag(ch, "CH"),
      ...Args.objects(members, memberShape, (member) => [...positionArgs(member), member.member])
    ]
  }, Reply.integer)

const memberShape = { what: "member", shape: `{ member: "Palermo", longitude: 13.4, latitude: 38.1 }` }
const geoaddOptions = Args.options<GeoaddOptions>({ nx: Args.isAsked, xx: Args.isAsked, ch: Args.isAsked }, [
  "nx",
  "xx"
])

/**
 * The distance between two members as the crow flies, in metres or another unit, to four decimals; `null` when one of
 * them is not there. Redis treats the earth as a sphere, which is off by up to 0.5 %.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 3.2.0.
 *
 * **Example** (From city to city)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const metres = Redis.geodist("cities", "Palermo", "Catania") // Command<number | null>
 * const miles = Redis.geodist("cities", "Palermo", "Catania", { unit: "MI" })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/geodist/
 * @category geo
 * @since 0.1.0
 */
export const geodist = (
  key: Command.Arg,
  from: Command.Arg,
  to: Command.Arg,
  options?: { readonly unit?: GeoUnit | undefined }
): Command.Command<number | null> =>
  Args.command(GEODIST, () => [key, from, to, ...Args.optional(geodistOptions(options).unit)], Reply.doubleOrNull)

const geodistOptions = Args.options<{ readonly unit?: GeoUnit | undefined }>({ unit: Args.any })

/**
 * The positions of members as geohashes of eleven letters, in their order, `null` for each that is not there.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 3.2.0.
 *
 * **Example** (For a map on the web)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const hashes = Redis.geohash("cities", ["Palermo", "Catania"]) // Command<ReadonlyArray<string | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/geohash/
 * @category geo
 * @since 0.1.0
 */
export const geohash = (
  key: Command.Arg,
  members: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<string | null>> =>
  Args.command(GEOHASH, () => [key, ...Args.some(members, "member")], hashes)

/**
 * The positions of members, in their order, `null` for each that is not there. They differ from those that were added
 * by less than a metre.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 3.2.0.
 *
 * **Example** (Where is it?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const positions = Redis.geopos("cities", ["Palermo"]) // Command<ReadonlyArray<Redis.GeoPosition | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/geopos/
 * @category geo
 * @since 0.1.0
 */
export const geopos = (
  key: Command.Arg,
  members: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<GeoPosition | null>> =>
  Args.command(GEOPOS, () => [key, ...Args.some(members, "member")], positions)

/**
 * Where to search: around a member or a position, in a circle or a box.
 *
 * @category models
 * @since 0.1.0
 */
export type GeoArea =
  & (
    | { readonly frommember: Command.Arg; readonly fromlonlat?: undefined }
    | { readonly frommember?: undefined; readonly fromlonlat: GeoPosition }
  )
  & (
    | { readonly byradius: { readonly radius: number; readonly unit: GeoUnit }; readonly bybox?: undefined }
    | {
      readonly byradius?: undefined
      /** The full width (from west to east) and height of the box, which is centred on the member or position. */
      readonly bybox: { readonly width: number; readonly height: number; readonly unit: GeoUnit }
    }
  )

/**
 * Which members of an area are wanted: all, or `count` of them, the nearest ones unless `order` says otherwise; with
 * `any`, the first ones that Redis finds, which is faster.
 *
 * @category models
 * @since 0.1.0
 */
export type GeoSelection =
  & {
    /** Nearest first, or farthest first. */
    readonly order?: "ASC" | "DESC" | undefined
  }
  & (
    | { readonly count?: undefined; readonly any?: undefined }
    | { readonly count: number; readonly any?: boolean | undefined }
  )

/**
 * A result of {@link geosearch}: the name of a member, or an object of the name and the facts that were asked for.
 *
 * @category models
 * @since 0.1.0
 */
export type GeoFound<More extends "longitude" | "latitude" | "distance" | "hash" = never> = [More] extends [never]
  ? string
  : { readonly [K in "member" | More]: K extends "member" ? string : number }

type Detail<Asked, Name extends string> = Asked extends true ? Name : never

/** Distributes over the options: if one is known only at run time, the type is a union of both replies. */
type FoundBy<Coord, Dist, Hash> = Coord extends unknown
  ? Dist extends unknown
    ? Hash extends unknown
      ? GeoFound<Detail<Coord, "longitude" | "latitude"> | Detail<Dist, "distance"> | Detail<Hash, "hash">>
    : never
  : never
  : never

const box = Args.demanded<NonNullable<GeoArea["bybox"]>>({ width: Args.any, height: Args.any, unit: Args.any })
const circle = Args.demanded<NonNullable<GeoArea["byradius"]>>({ radius: Args.any, unit: Args.any })

const centerArgs = ({ fromlonlat, frommember }: GeoArea): Args.Args => {
  if (frommember !== undefined) return ["FROMMEMBER", frommember]
  if (fromlonlat === undefined) return Args.refuse("say around what to search: give frommember or fromlonlat")
  return ["FROMLONLAT", ...positionArgs(fromlonlat ?? Args.refuse("fromlonlat has to be { longitude, latitude }"))]
}

const shapeArgs = ({ bybox, byradius }: GeoArea): Args.Args => {
  if (byradius !== undefined) {
    const { radius, unit } = circle(byradius)
    return ["BYRADIUS", Args.finite(radius, "the radius"), unit]
  }
  if (bybox === undefined) return Args.refuse("say how far to search: give byradius or bybox")
  const { height, unit, width } = box(bybox)
  return ["BYBOX", Args.finite(width, "the width"), Args.finite(height, "the height"), unit]
}

const areaArgs = (area: GeoArea): Args.Args => [...centerArgs(area), ...shapeArgs(area)]

const searchChecks = {
  frommember: Args.any,
  fromlonlat: Args.any,
  byradius: Args.any,
  bybox: Args.any,
  order: Args.any,
  count: Args.any,
  any: Args.isAsked
}

const areaRivals = [["frommember", "fromlonlat"], ["byradius", "bybox"]] as const

const selectionArgs = ({ any, count, order }: GeoSelection): Args.Args => [
  ...(order === undefined ? [] : [order]),
  ...Args.option("COUNT", count, (count) => Args.integer(count, "the count")),
  ...Args.flag(any, "ANY")
]

interface Details {
  readonly withcoord?: boolean | undefined
  readonly withdist?: boolean | undefined
  readonly withhash?: boolean | undefined
}

const found = ({ withcoord, withdist, withhash }: Details): Reply.Decode<unknown> => {
  const details: Array<Reply.Decode<object>> = []
  if (withdist === true) details.push((value) => ({ distance: Reply.double(value) }))
  if (withhash === true) details.push((value) => ({ hash: Reply.integer(value) }))
  if (withcoord === true) details.push(position)
  if (details.length === 0) return Reply.text
  return (value) => {
    if (!Array.isArray(value) || value.length !== 1 + details.length) {
      throw new Reply.Mismatch(`an array of ${1 + details.length}`, Reply.describeReply(value))
    }
    return Object.assign({ member: Reply.text(value[0]) }, ...details.map((detail, index) => detail(value[index + 1])))
  }
}

/**
 * The members in an area. `withcoord` adds their positions, `withdist` their distances from the middle, in the unit of
 * the area, and `withhash` the integers of 52 bits that Redis keeps positions as.
 *
 * Fails with `ServerError`: code `ERR` for `frommember` of a member that is not there, code `WRONGTYPE` when the key
 * holds something other than a sorted set. A missing key has no members. Since Redis 6.2.0.
 *
 * **Example** (The three nearest, and all of a box with their positions and distances)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const nearest = Redis.geosearch("cities", {
 *   fromlonlat: { longitude: 15, latitude: 37 },
 *   byradius: { radius: 200, unit: "KM" },
 *   count: 3
 * }) // Command<ReadonlyArray<string>>
 * const around = Redis.geosearch("cities", {
 *   frommember: "Palermo",
 *   bybox: { width: 400, height: 300, unit: "KM" },
 *   withcoord: true,
 *   withdist: true
 * }) // Command<ReadonlyArray<Redis.GeoFound<"longitude" | "latitude" | "distance">>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/geosearch/
 * @category geo
 * @since 0.1.0
 */
export const geosearch = <
  Coord extends boolean | undefined = undefined,
  Dist extends boolean | undefined = undefined,
  Hash extends boolean | undefined = undefined
>(
  key: Command.Arg,
  options: GeoArea & GeoSelection & {
    readonly withcoord?: Coord | undefined
    readonly withdist?: Dist | undefined
    readonly withhash?: Hash | undefined
  }
): Command.Command<ReadonlyArray<FoundBy<Coord, Dist, Hash>>> =>
  Args.building(GEOSEARCH, () => {
    const given = searchOptions(options)
    const args = [
      key,
      ...areaArgs(given),
      ...selectionArgs(given),
      ...Args.flag(given.withcoord, "WITHCOORD"),
      ...Args.flag(given.withdist, "WITHDIST"),
      ...Args.flag(given.withhash, "WITHHASH")
    ]
    return Command.make(GEOSEARCH, args, Reply.overloaded(Reply.array(found(given))))
  })

const searchOptions = Args.demanded<GeoArea & GeoSelection & Details>({
  ...searchChecks,
  withcoord: Args.isAsked,
  withdist: Args.isAsked,
  withhash: Args.isAsked
}, ...areaRivals)

/**
 * Stores at `destination` the members of `source` in an area, replacing whatever was there, and replies the number of
 * members. With `storedist` the scores are the distances, in the unit of the area, otherwise positions. If there are no
 * members, `destination` is removed.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError`: code `ERR`
 * for `frommember` of a member that is not there, code `WRONGTYPE` when `source` holds something other than a sorted
 * set. Since Redis 6.2.0.
 *
 * **Example** (The cities near Palermo, by distance)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const near = Redis.geosearchstore("{cities}:near", "{cities}", {
 *   frommember: "Palermo",
 *   byradius: { radius: 100, unit: "MI" },
 *   storedist: true
 * }) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/geosearchstore/
 * @category geo
 * @since 0.1.0
 */
export const geosearchstore = (
  destination: Command.Arg,
  source: Command.Arg,
  options: GeoArea & GeoSelection & { readonly storedist?: boolean | undefined }
): Command.Command<number> =>
  Args.command(GEOSEARCHSTORE, () => {
    const given = storeOptions(options)
    return [
      destination,
      source,
      ...areaArgs(given),
      ...selectionArgs(given),
      ...Args.flag(given.storedist, "STOREDIST")
    ]
  }, Reply.integer)

const storeOptions = Args.demanded<Parameters<typeof geosearchstore>[2]>({
  ...searchChecks,
  storedist: Args.isAsked
}, ...areaRivals)
