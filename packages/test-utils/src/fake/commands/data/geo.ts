/**
 * Positions on earth, stored as the scores of a sorted set. Searches are in `geoSearch.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import * as Geohash from "../../data/geohash.ts"
import { SortedSet } from "../../data/sortedSet.ts"
import type { Definition, Group, Session } from "../../definitions/handler.ts"
import { syntaxError, word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { geoSearch, metersPer, pair, positionOf } from "./geoSearch.ts"

const { array, bulk, integer: int, null: nil, nullArray } = Resp.Reply

const add: Definition = {
  arity: -5,
  run: ({ args, keys }) => {
    const [key] = args
    const options = new Set<string>()
    let at = 1
    for (; at < args.length && /^(?:NX|XX|CH)$/i.test(args[at]); at++) options.add(word(args[at]))
    if ((args.length - at) % 3 !== 0 || at === args.length || (options.has("NX") && options.has("XX"))) {
      throw syntaxError()
    }
    const entries: Array<readonly [member: Bin, score: number]> = []
    for (; at < args.length; at += 3) entries.push([args[at + 2], Geohash.encode(positionOf(args[at], args[at + 1]))])
    const found = keys.typed(key, "zset")
    if (found === undefined && options.has("XX")) return int(0)
    const zset = found?.zset ?? new SortedSet()
    let [added, updated] = [0, 0]
    for (const [member, score] of entries) {
      if (options.has(zset.has(member) ? "NX" : "XX")) continue
      const outcome = zset.add(member, score)
      if (outcome === "added") added++
      else if (outcome === "updated") updated++
    }
    if (found === undefined) keys.set(key, { type: "zset", zset })
    if (added + updated > 0) keys.touch(key, "zadd", "z")
    return int(options.has("CH") ? added + updated : added)
  }
}

const distance: Definition = {
  arity: -4,
  run: ({ args, keys }) => {
    const [key, from, to, unit] = args
    if (args.length > 4) throw syntaxError()
    const meters = unit === undefined ? 1 : metersPer(unit)
    const zset = keys.typed(key, "zset")?.zset
    const [a, b] = [zset?.score(from), zset?.score(to)]
    if (a === undefined || b === undefined) return nil
    return bulk((Geohash.distance(Geohash.decode(a), Geohash.decode(b)) / meters).toFixed(4))
  }
}

const forMembers = (answer: (score: number | undefined, session: Session) => Resp.Reply): Definition => ({
  arity: -2,
  run: ({ args: [key, ...members], keys, session }) => {
    const zset = keys.typed(key, "zset")?.zset
    return array(members.map((member) => answer(zset?.score(member), session)))
  }
})

export const geo: Group = {
  ...geoSearch,
  GEOADD: add,
  GEODIST: distance,
  GEOHASH: forMembers((score) => score === undefined ? nil : bulk(Geohash.letters(score))),
  GEOPOS: forMembers((score, session) => score === undefined ? nullArray : pair(Geohash.decode(score), session))
}
