/**
 * Keyspaces whose values are sorted sets of members with one Schema.
 */
import * as Command from "../../Command.ts"
import * as SortedSets from "../../commands/sortedSets.ts"
import * as Args from "../commands/args.ts"
import type { SetOptions } from "./collections.ts"
import { aSchema, declare } from "./declared.ts"
import type { Keyspace } from "./declared.ts"
import type { Name } from "./name.ts"
import type { Keyed, TagOf } from "./types.ts"
import { text } from "./values.ts"

/**
 * A member of a sorted set, and its score.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scored<out T> {
  readonly member: T
  readonly score: number
}

/**
 * Keys that hold a sorted set each. The commands are those of `Redis` with the same names; `zrange` and `zpopmin` reply members with
 * their scores.
 *
 * @category models
 * @since 0.1.0
 */
export interface SortedSetKeyspace<in out Params, in out T, out Tag extends string> extends Keyspace<Params, Tag> {
  readonly zadd: (
    params: Params,
    members: ReadonlyArray<Scored<T>>,
    condition?: SortedSets.ZaddCondition
  ) => Keyed<number, Tag>
  readonly zincrby: (params: Params, increment: number, member: T) => Keyed<number, Tag>
  readonly zrem: (params: Params, members: ReadonlyArray<T>) => Keyed<number, Tag>
  readonly zscore: (params: Params, member: T) => Keyed<number | null, Tag>
  readonly zrank: (params: Params, member: T) => Keyed<number | null, Tag>
  readonly zrevrank: (params: Params, member: T) => Keyed<number | null, Tag>
  readonly zrange: {
    (
      params: Params,
      start: number,
      stop: number,
      options?: SortedSets.ZrangeByRank
    ): Keyed<ReadonlyArray<Scored<T>>, Tag>
    (
      params: Params,
      start: SortedSets.ScoreBound,
      stop: SortedSets.ScoreBound,
      options: SortedSets.ZrangeByScore
    ): Keyed<ReadonlyArray<Scored<T>>, Tag>
  }
  readonly zpopmin: (params: Params) => Keyed<Scored<T> | null, Tag>
  readonly zcount: (params: Params, min: SortedSets.ScoreBound, max: SortedSets.ScoreBound) => Keyed<number, Tag>
  readonly zcard: (params: Params) => Keyed<number, Tag>
}

/**
 * Declares keys that hold a sorted set each.
 *
 * **Example** (A leaderboard a week)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const boards = Keyspace.sortedSet(Keyspace.name("board:<week>", { week: Schema.Int }), {
 *   member: Schema.String,
 *   ex: "60 days"
 * })
 *
 * const score = boards.zincrby({ week: 27 }, 10, "ada") // Keyed<number, "board:<week>">
 * const best = boards.zrange({ week: 27 }, 0, 9, { rev: true })
 * // Keyed<ReadonlyArray<Keyspace.Scored<string>>, "board:<week>">
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const sortedSet = <Params, Pattern extends string, T>(
  name: Name<Params, Pattern>,
  options: SetOptions<T>
): SortedSetKeyspace<Params, T, TagOf<Pattern>> => {
  const { given, on, space, write } = declare<Params, TagOf<Pattern>, SetOptions<T>>(name, options, {
    member: aSchema
  })
  const { decode, encode } = text(given.member)
  const scored = ({ member, score }: SortedSets.ScoredMember): Scored<T> => ({ member: decode(member), score })
  const one = (member: T): string => encode(member, "the member")
  return {
    ...space,
    zadd: (params, members, condition) =>
      write("ZADD", params, (key) => {
        const sent = Args.some(members, "member").map(({ member, score }) => ({ member: one(member), score }))
        return SortedSets.zadd(key, sent, condition)
      }),
    zincrby: (params, increment, member) =>
      write("ZINCRBY", params, (key) => SortedSets.zincrby(key, increment, one(member))),
    zrem: (params, members) => on("ZREM", params, (key) => SortedSets.zrem(key, Args.some(members, "member").map(one))),
    zscore: (params, member) => on("ZSCORE", params, (key) => SortedSets.zscore(key, one(member))),
    zrank: (params, member) => on("ZRANK", params, (key) => SortedSets.zrank(key, one(member))),
    zrevrank: (params, member) => on("ZREVRANK", params, (key) => SortedSets.zrevrank(key, one(member))),
    zrange: (
      params: Params,
      start: SortedSets.ScoreBound,
      stop: SortedSets.ScoreBound,
      range?: SortedSets.ZrangeByRank | SortedSets.ZrangeByScore
    ) =>
      on("ZRANGE", params, (key) => {
        const options = { ...range, withscores: true } as SortedSets.ZrangeByScore & { readonly withscores: true }
        return Command.map(SortedSets.zrange(key, start, stop, options), (members) => members.map(scored))
      }),
    zpopmin: (params) => on("ZPOPMIN", params, (key) => Command.map(SortedSets.zpopmin(key), nullOr(scored))),
    zcount: (params, min, max) => on("ZCOUNT", params, (key) => SortedSets.zcount(key, min, max)),
    zcard: (params) => on("ZCARD", params, SortedSets.zcard)
  }
}

const nullOr = <A, B>(f: (value: A) => B) => (value: A | null): B | null => value === null ? null : f(value)
