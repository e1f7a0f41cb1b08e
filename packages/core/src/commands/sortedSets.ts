/**
 * Sorted sets: unique members, each with a score, sorted by their scores. Members with the same score are sorted by
 * their bytes.
 *
 * Source: https://redis.io/docs/latest/commands/?group=sorted-set
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const BZMPOP = CommandSpec.get("BZMPOP")
const BZPOPMAX = CommandSpec.get("BZPOPMAX")
const BZPOPMIN = CommandSpec.get("BZPOPMIN")
const ZADD = CommandSpec.get("ZADD")
const ZCARD = CommandSpec.get("ZCARD")
const ZCOUNT = CommandSpec.get("ZCOUNT")
const ZDIFF = CommandSpec.get("ZDIFF")
const ZDIFFSTORE = CommandSpec.get("ZDIFFSTORE")
const ZINCRBY = CommandSpec.get("ZINCRBY")
const ZINTER = CommandSpec.get("ZINTER")
const ZINTERCARD = CommandSpec.get("ZINTERCARD")
const ZINTERSTORE = CommandSpec.get("ZINTERSTORE")
const ZLEXCOUNT = CommandSpec.get("ZLEXCOUNT")
const ZMPOP = CommandSpec.get("ZMPOP")
const ZMSCORE = CommandSpec.get("ZMSCORE")
const ZPOPMAX = CommandSpec.get("ZPOPMAX")
const ZPOPMIN = CommandSpec.get("ZPOPMIN")
const ZRANDMEMBER = CommandSpec.get("ZRANDMEMBER")
const ZRANGE = CommandSpec.get("ZRANGE")
const ZRANGEBYLEX = CommandSpec.get("ZRANGEBYLEX")
const ZRANGEBYSCORE = CommandSpec.get("ZRANGEBYSCORE")
const ZRANGESTORE = CommandSpec.get("ZRANGESTORE")
const ZRANK = CommandSpec.get("ZRANK")
const ZREM = CommandSpec.get("ZREM")
const ZREMRANGEBYLEX = CommandSpec.get("ZREMRANGEBYLEX")
const ZREMRANGEBYRANK = CommandSpec.get("ZREMRANGEBYRANK")
const ZREMRANGEBYSCORE = CommandSpec.get("ZREMRANGEBYSCORE")
const ZREVRANGE = CommandSpec.get("ZREVRANGE")
const ZREVRANGEBYLEX = CommandSpec.get("ZREVRANGEBYLEX")
const ZREVRANGEBYSCORE = CommandSpec.get("ZREVRANGEBYSCORE")
const ZREVRANK = CommandSpec.get("ZREVRANK")
const ZSCAN = CommandSpec.get("ZSCAN")
const ZSCORE = CommandSpec.get("ZSCORE")
const ZUNION = CommandSpec.get("ZUNION")
const ZUNIONSTORE = CommandSpec.get("ZUNIONSTORE")

/**
 * A member and its score, which is a double: a number or an infinity.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScoredMember<out Member extends Command.Arg = string> {
  readonly member: Member
  readonly score: number
}

/**
 * An end of a range of scores. It is included, unless it is text that begins with a parenthesis: `"(1.5"`.
 *
 * @category models
 * @since 0.1.0
 */
export type ScoreBound = number | `(${number}` | "-inf" | "+inf"

/**
 * An end of a range of members: `[` and a member to include it, `(` and a member to exclude it, `-` before the first
 * member, `+` behind the last one. Bytes have to begin with the same characters.
 *
 * @category models
 * @since 0.1.0
 */
export type LexBound = `[${string}` | `(${string}` | "-" | "+" | Uint8Array

const members = Reply.array(Reply.text)
const scores = Reply.array(Reply.doubleOrNull)
const scored = Reply.list(Reply.text, Reply.double, (member, score): ScoredMember => ({ member, score }))
const page = Reply.page(scored)
const rankWithScore = Reply.nullOr(Reply.pair(Reply.integer, Reply.double, (rank, score) => ({ rank, score })))
const poppedMany = Reply.nullOr(Reply.pair(Reply.text, scored, (key, members) => ({ key, members })))

const membersOrScored = (withscores: boolean | undefined): Reply.Decode<never> =>
  withscores === true ? Reply.overloaded(scored) : Reply.overloaded(members)

/** Decodes a flat array of one member and its score; an empty array is null. */
const popped: Reply.Decode<ScoredMember | null> = (value) => {
  const all = scored(value)
  if (all.length > 1) throw new Reply.Mismatch("at most one member", Reply.describeReply(value))
  return all.length === 0 ? null : all[0]
}

const poppedFrom = Reply.nullOr((value) => {
  if (!Array.isArray(value) || value.length !== 3) throw new Reply.Mismatch("an array of 3", Reply.describeReply(value))
  return { key: Reply.text(value[0]), member: Reply.text(value[1]), score: Reply.double(value[2]) }
})

const scoreBound = (bound: ScoreBound | LexBound, what: string): Command.Arg =>
  typeof bound === "number" ? Args.double(bound, what) : bound

const rank = (bound: ScoreBound | LexBound, what: string): Command.Arg =>
  typeof bound === "number" ? Args.integer(bound, what) : bound

/**
 * {@link zmpop} that waits up to `timeout` while all of the sorted sets are empty. Replies `null` when the time is
 * over.
 *
 * **Details**
 *
 * Give the timeout with its unit, as in `"5 seconds"`. It is rounded up to milliseconds; `"Infinity"` waits for ever.
 * Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a sorted set. Since Redis 7.0.0.
 *
 * **Example** (Up to ten jobs that are due first)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const jobs = Redis.bzmpop(["{jobs}:urgent", "{jobs}:normal"], { from: "MIN", count: 10, timeout: "30 seconds" })
 * // Command<{ readonly key: string; readonly members: ReadonlyArray<Redis.ScoredMember> } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bzmpop/
 * @category sorted sets
 * @since 0.1.0
 */
export const bzmpop = (
  keys: ReadonlyArray<Command.Arg>,
  options: {
    readonly from: "MIN" | "MAX"
    readonly count?: number | undefined
    readonly timeout: Args.Span
  }
): Command.Command<{ readonly key: string; readonly members: ReadonlyArray<ScoredMember> } | null> =>
  Args.command(BZMPOP, () => {
    const { timeout, ...many } = bzmpopOptions(options)
    return [Args.timeout(timeout), ...manyFrom(keys, many)]
  }, poppedMany)

const bzmpopOptions = Args.demanded<Parameters<typeof bzmpop>[1]>({
  from: Args.any,
  count: Args.any,
  timeout: Args.any
})

const manyFrom = (
  keys: ReadonlyArray<Command.Arg>,
  options: { readonly from: "MIN" | "MAX"; readonly count?: number | undefined }
): Args.Args => [
  ...Args.counted(keys, "key"),
  options.from,
  ...Args.option("COUNT", options.count, (count) => Args.integer(count, "the count"))
]

/**
 * Removes the member with the highest score from the first sorted set that is not empty, waiting up to `timeout` while
 * all are. Replies it with its score and the key it came from, or `null` when the time is over.
 *
 * **Details**
 *
 * Give the timeout with its unit, as in `"5 seconds"`. It is rounded up to milliseconds; `"Infinity"` waits for ever.
 * Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a sorted set. Since Redis 5.0.0.
 *
 * **Example** (Waiting for a job)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.bzpopmax(["jobs"], "30 seconds")
 * // Command<{ readonly key: string; readonly member: string; readonly score: number } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bzpopmax/
 * @category sorted sets
 * @since 0.1.0
 */
export const bzpopmax = (
  keys: ReadonlyArray<Command.Arg>,
  timeout: Args.Span
): Command.Command<{ readonly key: string; readonly member: string; readonly score: number } | null> =>
  Args.command(BZPOPMAX, () => [...Args.some(keys, "key"), Args.timeout(timeout)], poppedFrom)

/**
 * Removes the member with the lowest score from the first sorted set that is not empty, waiting up to `timeout` while
 * all are. Replies it with its score and the key it came from, or `null` when the time is over.
 *
 * **Details**
 *
 * Give the timeout with its unit, as in `"5 seconds"`. It is rounded up to milliseconds; `"Infinity"` waits for ever.
 * Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a sorted set. Since Redis 5.0.0.
 *
 * **Example** (Waiting for a job)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.bzpopmin(["jobs"], "30 seconds")
 * // Command<{ readonly key: string; readonly member: string; readonly score: number } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bzpopmin/
 * @category sorted sets
 * @since 0.1.0
 */
export const bzpopmin = (
  keys: ReadonlyArray<Command.Arg>,
  timeout: Args.Span
): Command.Command<{ readonly key: string; readonly member: string; readonly score: number } | null> =>
  Args.command(BZPOPMIN, () => [...Args.some(keys, "key"), Args.timeout(timeout)], poppedFrom)

/**
 * What {@link zadd} does with a member: add or update it (the default), only add (`nx`), only update (`xx`), or update
 * only to a higher (`gt`) or lower (`lt`) score. `gt` and `lt` alone still add new members.
 *
 * @category models
 * @since 0.1.0
 */
export type ZaddCondition =
  | { readonly nx?: boolean | undefined; readonly xx?: undefined; readonly gt?: undefined; readonly lt?: undefined }
  | {
    readonly nx?: undefined
    readonly xx?: boolean | undefined
    readonly gt?: boolean | undefined
    readonly lt?: undefined
  }
  | {
    readonly nx?: undefined
    readonly xx?: boolean | undefined
    readonly gt?: undefined
    readonly lt?: boolean | undefined
  }

/**
 * @category models
 * @since 0.1.0
 */
export type ZaddOptions = ZaddCondition & {
  /** Whether to count the members whose score changed, too. */
  readonly ch?: boolean | undefined
  /** Whether to add to the score of the one member, and to reply the new score. */
  readonly incr?: boolean | undefined
}

/**
 * Adds members to a sorted set, which is created if need be, or updates their scores. Replies how many were not in it
 * yet; with `ch`, how many were added or got another score.
 *
 * **Details**
 *
 * With `incr` there must be exactly one member. Its score is increased by the given one, and the reply is the new
 * score, `null` when a condition was not met.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 1.2.0.
 * Conditions, `ch` and `incr` since 3.0.2, `gt` and `lt` since 6.2.0.
 *
 * **Example** (A board of scores)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const added = Redis.zadd("board", [{ member: "ada", score: 1 }, { member: "grace", score: 2.5 }]) // Command<number>
 * const better = Redis.zadd("board", [{ member: "ada", score: 3 }], { gt: true, ch: true }) // Command<number>
 * const score = Redis.zadd("board", [{ member: "ada", score: 3 }], { incr: true, xx: true }) // Command<number | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zadd/
 * @category sorted sets
 * @since 0.1.0
 */
export const zadd: {
  (
    key: Command.Arg,
    members: ReadonlyArray<ScoredMember<Command.Arg>>,
    options?: ZaddOptions & { readonly incr?: false | undefined }
  ): Command.Command<number>
  (
    key: Command.Arg,
    members: readonly [ScoredMember<Command.Arg>],
    options: ZaddOptions & { readonly incr: true }
  ): Command.Command<number | null>
} = (
  key: Command.Arg,
  members: ReadonlyArray<ScoredMember<Command.Arg>>,
  options?: ZaddOptions
): Command.Command<never> =>
  Args.building(ZADD, () => {
    const given = zaddOptions(options)
    const args = [
      key,
      ...Args.flag(given.nx, "NX"),
      ...Args.flag(given.xx, "XX"),
      ...Args.flag(given.gt, "GT"),
      ...Args.flag(given.lt, "LT"),
      ...Args.flag(given.ch, "CH"),
      ...Args.flag(given.incr, "INCR"),
      ...Args.objects(members, memberShape, ({ member, score }) => [Args.double(score, "a score"), member])
    ]
    return Command.make(
      ZADD,
      args,
      given.incr === true ? Reply.overloaded(Reply.doubleOrNull) : Reply.overloaded(Reply.integer)
    )
  })

const memberShape = { what: "member", shape: `{ member: "ada", score: 1 }` }

const zaddOptions = Args.options<ZaddOptions>(
  {
    nx: Args.isAsked,
    xx: Args.isAsked,
    gt: Args.isAsked,
    lt: Args.isAsked,
    ch: Args.isAsked,
    incr: Args.isAsked
  },
  ["nx", "xx"],
  ["nx", "gt", "lt"]
)

/**
 * The number of members of a sorted set, 0 when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 1.2.0.
 *
 * **Example** (How many players)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const players = Redis.zcard("board") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zcard/
 * @category sorted sets
 * @since 0.1.0
 */
export const zcard = (key: Command.Arg): Command.Command<number> => Command.make(ZCARD, [key], Reply.integer)

/**
 * The number of members whose score is from `min` to `max`, both included unless a bound excludes itself.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.0.0.
 *
 * **Example** (More than ten points)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const good = Redis.zcount("board", "(10", Infinity) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zcount/
 * @category sorted sets
 * @since 0.1.0
 */
export const zcount = (key: Command.Arg, min: ScoreBound, max: ScoreBound): Command.Command<number> =>
  Args.command(ZCOUNT, () => [key, scoreBound(min, "min"), scoreBound(max, "max")], Reply.integer)

/**
 * The members of the first sorted set that are in none of the others, by score. `withscores` adds the scores that they
 * have there. A missing key is an empty set.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a sorted set or a plain set. Since Redis 6.2.0.
 *
 * **Example** (Who did not play again)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const gone = Redis.zdiff(["{board}:2024", "{board}:2025"]) // Command<ReadonlyArray<string>>
 * const scores = Redis.zdiff(["{board}:2024", "{board}:2025"], { withscores: true })
 * // Command<ReadonlyArray<Redis.ScoredMember>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zdiff/
 * @category sorted sets
 * @since 0.1.0
 */
export const zdiff: {
  (
    keys: ReadonlyArray<Command.Arg>,
    options?: { readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    keys: ReadonlyArray<Command.Arg>,
    options: { readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
} = (
  keys: ReadonlyArray<Command.Arg>,
  options?: WithScores
): Command.Command<never> =>
  Args.building(ZDIFF, () => withScores(ZDIFF, Args.counted(keys, "key"), withScoresOptions(options)))

interface WithScores {
  readonly withscores?: boolean | undefined
}

const withScoresOptions = Args.options<WithScores>({ withscores: Args.isAsked })

/** Appends WITHSCORES and decodes the scores if they are asked for. */
const withScores = (
  spec: CommandSpec.CommandSpec,
  args: Args.Args,
  { withscores }: WithScores,
  rest: Args.Args = []
): Command.Command<never> =>
  Command.make(spec, [...args, ...Args.flag(withscores, "WITHSCORES"), ...rest], membersOrScored(withscores))

/**
 * Stores at `destination` what {@link zdiff} replies, replacing whatever was there, and replies the number of members.
 * An empty difference removes `destination`.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` (code `WRONGTYPE`) when one of `keys` holds something other than a sorted set or a plain set. Since
 * Redis 6.2.0.
 *
 * **Example** (Keeping who did not play again)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const gone = Redis.zdiffstore("{board}:gone", ["{board}:2024", "{board}:2025"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zdiffstore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zdiffstore = (
  destination: Command.Arg,
  keys: ReadonlyArray<Command.Arg>
): Command.Command<number> =>
  Args.command(ZDIFFSTORE, () => [destination, ...Args.counted(keys, "key to subtract from")], Reply.integer)

/**
 * Adds to the score of a member, which is 0 when it is not there yet. Replies the new score.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 1.2.0.
 *
 * **Example** (Two points more)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const score = Redis.zincrby("board", 2, "ada") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zincrby/
 * @category sorted sets
 * @since 0.1.0
 */
export const zincrby = (key: Command.Arg, increment: number, member: Command.Arg): Command.Command<number> =>
  Args.command(ZINCRBY, () => [key, Args.double(increment, "the increment"), member], Reply.double)

/**
 * How the scores of a member in several sorted sets are combined.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZcombineOptions {
  /** The factors for the scores of each set, one for each key; 1 by default. */
  readonly weights?: ReadonlyArray<number> | undefined
  /** Whether to add the scores up (`SUM`, the default), or to take the lowest or highest. */
  readonly aggregate?: "SUM" | "MIN" | "MAX" | undefined
}

const combined = (keys: ReadonlyArray<Command.Arg>, options: ZcombineOptions): Args.Args => [
  ...Args.counted(keys, "key"),
  ...weights(keys, options.weights),
  ...Args.option("AGGREGATE", options.aggregate, (aggregate) => aggregate)
]

const combineOptions = Args.options<ZcombineOptions>({ weights: Args.any, aggregate: Args.any })
const combineWithScoresOptions = Args.options<ZcombineOptions & WithScores>({
  weights: Args.any,
  aggregate: Args.any,
  withscores: Args.isAsked
})

const combination = (
  spec: CommandSpec.CommandSpec,
  keys: ReadonlyArray<Command.Arg>,
  options: (ZcombineOptions & WithScores) | undefined
): Command.Command<never> =>
  Args.building(spec, () => {
    const given = combineWithScoresOptions(options)
    return withScores(spec, combined(keys, given), given)
  })

const weights = (keys: ReadonlyArray<Command.Arg>, factors: ReadonlyArray<number> | undefined): Args.Args => {
  if (factors === undefined) return []
  if (Args.list(factors, "weight").length !== keys.length) return Args.refuse("give one weight for each key")
  return ["WEIGHTS", ...factors.map((factor) => Args.double(factor, "a weight"))]
}

/**
 * The members that all of the sorted sets have, in the order of the scores combined by `weights` and `aggregate`;
 * `withscores` adds these scores. A missing key counts as an empty set; the members of a plain set have the score 1.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a sorted set or a plain set. Since Redis 6.2.0.
 *
 * **Example** (Who played in both years)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const loyal = Redis.zinter(["{board}:2024", "{board}:2025"]) // Command<ReadonlyArray<string>>
 * const best = Redis.zinter(["{board}:2024", "{board}:2025"], { aggregate: "MAX", withscores: true })
 * // Command<ReadonlyArray<Redis.ScoredMember>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zinter/
 * @category sorted sets
 * @since 0.1.0
 */
export const zinter: {
  (
    keys: ReadonlyArray<Command.Arg>,
    options?: ZcombineOptions & { readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    keys: ReadonlyArray<Command.Arg>,
    options: ZcombineOptions & { readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
} = (
  keys: ReadonlyArray<Command.Arg>,
  options?: ZcombineOptions & { readonly withscores?: boolean | undefined }
): Command.Command<never> => combination(ZINTER, keys, options)

/**
 * How many members all of the sorted sets have in common. `limit` stops the count early; with 0, or without it, all are
 * counted.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a sorted set or a plain set. Since Redis 7.0.0.
 *
 * **Example** (Did ten play in both years?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const upToTen = Redis.zintercard(["{board}:2024", "{board}:2025"], { limit: 10 }) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zintercard/
 * @category sorted sets
 * @since 0.1.0
 */
export const zintercard = (
  keys: ReadonlyArray<Command.Arg>,
  options?: { readonly limit?: number | undefined }
): Command.Command<number> =>
  Args.command(ZINTERCARD, () => [...Args.counted(keys, "key"), ...Args.limit(options)], Reply.integer)

/**
 * Stores at `destination` what {@link zinter} replies, replacing whatever was there, and replies the number of members.
 * An empty intersection removes `destination`.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` (code `WRONGTYPE`) when one of `keys` holds something other than a sorted set or a plain set. Since
 * Redis 2.0.0.
 *
 * **Example** (The second year counts twice)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const loyal = Redis.zinterstore("{board}:loyal", ["{board}:2024", "{board}:2025"], { weights: [1, 2] })
 * // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zinterstore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zinterstore = (
  destination: Command.Arg,
  keys: ReadonlyArray<Command.Arg>,
  options?: ZcombineOptions
): Command.Command<number> =>
  Args.command(ZINTERSTORE, () => [destination, ...combined(keys, combineOptions(options))], Reply.integer)

/**
 * The number of members from `min` to `max` in the order of their bytes. All members have to have the same score.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.8.9.
 *
 * **Example** (How many begin with a)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const count = Redis.zlexcount("names", "[a", "(b") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zlexcount/
 * @category sorted sets
 * @since 0.1.0
 */
export const zlexcount = (key: Command.Arg, min: LexBound, max: LexBound): Command.Command<number> =>
  Command.make(ZLEXCOUNT, [key, min, max], Reply.integer)

/**
 * Removes up to `count` members, 1 by default, with the lowest or highest scores from the first sorted set that is not
 * empty. Replies them and the key they came from, or `null` when all of the sorted sets are empty.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a sorted set. Since Redis 7.0.0.
 *
 * **Example** (Up to ten jobs that are due first)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const jobs = Redis.zmpop(["{jobs}:urgent", "{jobs}:normal"], { from: "MIN", count: 10 })
 * // Command<{ readonly key: string; readonly members: ReadonlyArray<Redis.ScoredMember> } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zmpop/
 * @category sorted sets
 * @since 0.1.0
 */
export const zmpop = (
  keys: ReadonlyArray<Command.Arg>,
  options: { readonly from: "MIN" | "MAX"; readonly count?: number | undefined }
): Command.Command<{ readonly key: string; readonly members: ReadonlyArray<ScoredMember> } | null> =>
  Args.command(ZMPOP, () => manyFrom(keys, zmpopOptions(options)), poppedMany)

const zmpopOptions = Args.demanded<Parameters<typeof zmpop>[1]>({ from: Args.any, count: Args.any })

/**
 * The scores of several members, in their order, `null` for each that is not there.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 6.2.0.
 *
 * **Example** (Two players)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const scores = Redis.zmscore("board", ["ada", "grace"]) // Command<ReadonlyArray<number | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zmscore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zmscore = (
  key: Command.Arg,
  members: ReadonlyArray<Command.Arg>
): Command.Command<ReadonlyArray<number | null>> =>
  Args.command(ZMSCORE, () => [key, ...Args.some(members, "member")], scores)

/**
 * Removes the member with the highest score and replies it with that score, `null` when there is none. With a `count`,
 * up to that many, beginning with the highest, in an array.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 5.0.0.
 *
 * **Example** (One and many)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const one = Redis.zpopmax("jobs") // Command<Redis.ScoredMember | null>
 * const many = Redis.zpopmax("jobs", { count: 10 }) // Command<ReadonlyArray<Redis.ScoredMember>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zpopmax/
 * @category sorted sets
 * @since 0.1.0
 */
export const zpopmax: {
  (key: Command.Arg): Command.Command<ScoredMember | null>
  (key: Command.Arg, options: { readonly count: number }): Command.Command<ReadonlyArray<ScoredMember>>
} = (key: Command.Arg, options?: { readonly count: number }): Command.Command<never> => pop(ZPOPMAX, key, options)

const pop = (
  spec: CommandSpec.CommandSpec,
  key: Command.Arg,
  options: { readonly count: number } | undefined
): Command.Command<never> =>
  options === undefined
    ? Command.make(spec, [key], Reply.overloaded(popped))
    : Args.command(spec, () => [key, Args.count(options)], Reply.overloaded(scored))

/**
 * Removes the member with the lowest score and replies it with that score, `null` when there is none. With a `count`,
 * up to that many, beginning with the lowest, in an array.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 5.0.0.
 *
 * **Example** (One and many)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const one = Redis.zpopmin("jobs") // Command<Redis.ScoredMember | null>
 * const many = Redis.zpopmin("jobs", { count: 10 }) // Command<ReadonlyArray<Redis.ScoredMember>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zpopmin/
 * @category sorted sets
 * @since 0.1.0
 */
export const zpopmin: {
  (key: Command.Arg): Command.Command<ScoredMember | null>
  (key: Command.Arg, options: { readonly count: number }): Command.Command<ReadonlyArray<ScoredMember>>
} = (key: Command.Arg, options?: { readonly count: number }): Command.Command<never> => pop(ZPOPMIN, key, options)

/**
 * A random member, `null` when there is no such key. With a `count`, up to that many different ones in an array; with a
 * negative `count`, exactly that many, of which some may be the same. `withscores` adds their scores.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 6.2.0.
 *
 * **Example** (One, three, and three with their scores)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const one = Redis.zrandmember("board") // Command<string | null>
 * const some = Redis.zrandmember("board", { count: 3 }) // Command<ReadonlyArray<string>>
 * const scored = Redis.zrandmember("board", { count: 3, withscores: true })
 * // Command<ReadonlyArray<Redis.ScoredMember>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrandmember/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrandmember: {
  (key: Command.Arg): Command.Command<string | null>
  (
    key: Command.Arg,
    options: { readonly count: number; readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    key: Command.Arg,
    options: { readonly count: number; readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
} = (
  key: Command.Arg,
  options?: { readonly count: number; readonly withscores?: boolean | undefined }
): Command.Command<never> =>
  options === undefined
    ? Command.make(ZRANDMEMBER, [key], Reply.overloaded(Reply.textOrNull))
    : Args.building(ZRANDMEMBER, () => {
      const given = zrandmemberOptions(options)
      return withScores(ZRANDMEMBER, [key, Args.integer(given.count, "the count")], given)
    })

const zrandmemberOptions = Args.demanded<{ readonly count: number } & WithScores>({
  count: Args.any,
  withscores: Args.isAsked
})

/**
 * A part of a range: skips `offset` members (0 by default) and takes `count`. A negative `count` takes all.
 *
 * @category models
 * @since 0.1.0
 */
export interface RangeLimit {
  readonly offset?: number | undefined
  readonly count: number
}

/**
 * A range of ranks: from index `start` to index `stop`, both included; 0 is the first member, -1 the last.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZrangeByRank {
  readonly byscore?: undefined
  readonly bylex?: undefined
  /** Whether to count from the highest score down. */
  readonly rev?: boolean | undefined
  readonly limit?: undefined
}

/**
 * A range of scores: from `start` up to `stop`, or, with `rev`, from `start` down to `stop`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZrangeByScore {
  readonly byscore: true
  readonly bylex?: undefined
  /** Whether to go from the highest score down. */
  readonly rev?: boolean | undefined
  readonly limit?: RangeLimit | undefined
}

/**
 * A range of members of the same score, in the order of their bytes: from `start` up to `stop`, or, with `rev`, from
 * `start` down to `stop`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZrangeByLex {
  readonly byscore?: undefined
  readonly bylex: true
  /** Whether to go from the last member down. */
  readonly rev?: boolean | undefined
  readonly limit?: RangeLimit | undefined
}

const rangeLimit = Args.demanded<RangeLimit>({ offset: Args.any, count: Args.any })

const limitArgs = (limit: RangeLimit | undefined): Args.Args => {
  if (limit === undefined) return []
  const { count, offset = 0 } = rangeLimit(limit)
  return ["LIMIT", Args.atLeast(0, offset, "the offset"), Args.integer(count, "the count")]
}

const rangeArgs = (
  start: ScoreBound | LexBound,
  stop: ScoreBound | LexBound,
  options: ZrangeByRank | ZrangeByScore | ZrangeByLex
): Args.Args => {
  const bound = options.byscore === true ? scoreBound : rank
  return [
    bound(start, "start"),
    bound(stop, "stop"),
    ...Args.flag(options.byscore, "BYSCORE"),
    ...Args.flag(options.bylex, "BYLEX"),
    ...Args.flag(options.rev, "REV"),
    ...limitArgs(options.limit)
  ]
}

/**
 * A range of members in the order of their scores, and of their bytes where those are equal: by rank, or, with
 * `byscore` or `bylex`, by score or by member. None when there is no such key.
 *
 * **Details**
 *
 * `rev` reverses the order, and the bounds with it: `start` is then the higher score or the later member, and ranks
 * count from the end.
 *
 * `withscores` adds the scores; not for `bylex`, where all are the same.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 1.2.0.
 * `byscore`, `bylex`, `rev` and `limit` since 6.2.0.
 *
 * **Example** (The best three, ten that are due, and names with a)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const best = Redis.zrange("board", 0, 2, { rev: true, withscores: true })
 * // Command<ReadonlyArray<Redis.ScoredMember>>
 * const due = Redis.zrange("jobs", -Infinity, 1700000000, { byscore: true, limit: { count: 10 } })
 * const names = Redis.zrange("names", "[a", "(b", { bylex: true }) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrange/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrange: {
  (
    key: Command.Arg,
    start: number,
    stop: number,
    options?: ZrangeByRank & { readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    key: Command.Arg,
    start: number,
    stop: number,
    options: ZrangeByRank & { readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
  (
    key: Command.Arg,
    start: ScoreBound,
    stop: ScoreBound,
    options: ZrangeByScore & { readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    key: Command.Arg,
    start: ScoreBound,
    stop: ScoreBound,
    options: ZrangeByScore & { readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
  (
    key: Command.Arg,
    start: LexBound,
    stop: LexBound,
    options: ZrangeByLex
  ): Command.Command<ReadonlyArray<string>>
} = (
  key: Command.Arg,
  start: ScoreBound | LexBound,
  stop: ScoreBound | LexBound,
  options?: (ZrangeByRank | ZrangeByScore | ZrangeByLex) & WithScores
): Command.Command<never> =>
  Args.building(ZRANGE, () => {
    const given = zrangeOptions(options)
    return withScores(ZRANGE, [key, ...rangeArgs(start, stop, given)], given)
  })

const rangeChecks = { byscore: Args.isAsked, bylex: Args.isAsked, rev: Args.isAsked, limit: Args.any }
const rangeOptions = Args.options<ZrangeByRank | ZrangeByScore | ZrangeByLex>(rangeChecks, ["byscore", "bylex"])
const zrangeOptions = Args.options<(ZrangeByRank | ZrangeByScore | ZrangeByLex) & WithScores>({
  ...rangeChecks,
  withscores: Args.isAsked
}, ["byscore", "bylex"])

/**
 * Members of the same score from `min` to `max` in the order of their bytes.
 *
 * Redis 6.2 deprecated it: {@link zrange} with `bylex` does the same. Fails with `ServerError` (code `WRONGTYPE`) when
 * the key holds something other than a sorted set. Since Redis 2.8.9.
 *
 * **Example** (Names that begin with a)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const names = Redis.zrangebylex("names", "[a", "(b") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrangebylex/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrangebylex = (
  key: Command.Arg,
  min: LexBound,
  max: LexBound,
  options?: { readonly limit?: RangeLimit | undefined }
): Command.Command<ReadonlyArray<string>> =>
  Args.command(ZRANGEBYLEX, () => [key, min, max, ...limitArgs(bylexOptions(options).limit)], members)

const bylexOptions = Args.options<{ readonly limit?: RangeLimit | undefined }>({ limit: Args.any })

/**
 * Members with a score from `min` to `max`, the lowest first; `withscores` adds the scores.
 *
 * Redis 6.2 deprecated it: {@link zrange} with `byscore` does the same. Fails with `ServerError` (code `WRONGTYPE`)
 * when the key holds something other than a sorted set. Since Redis 1.0.5.
 *
 * **Example** (From 10 to 20 points, the second page)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const page = Redis.zrangebyscore("board", 10, "(20", { limit: { offset: 10, count: 10 } })
 * // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrangebyscore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrangebyscore: {
  (
    key: Command.Arg,
    min: ScoreBound,
    max: ScoreBound,
    options?: { readonly limit?: RangeLimit | undefined; readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    key: Command.Arg,
    min: ScoreBound,
    max: ScoreBound,
    options: { readonly limit?: RangeLimit | undefined; readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
} = (
  key: Command.Arg,
  min: ScoreBound,
  max: ScoreBound,
  options?: ByScoreOptions
): Command.Command<never> =>
  Args.building(ZRANGEBYSCORE, () => {
    const given = byscoreOptions(options)
    const args = [key, scoreBound(min, "min"), scoreBound(max, "max")]
    return withScores(ZRANGEBYSCORE, args, given, limitArgs(given.limit))
  })

interface ByScoreOptions extends WithScores {
  readonly limit?: RangeLimit | undefined
}

const byscoreOptions = Args.options<ByScoreOptions>({ limit: Args.any, withscores: Args.isAsked })

/**
 * Stores at `destination` what {@link zrange} replies for `source`, with the scores, replacing whatever was there, and
 * replies the number of members. An empty range removes `destination`.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when `source` holds something other than a sorted set. Since Redis 6.2.0.
 *
 * **Example** (Keeping the best ten)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const stored = Redis.zrangestore("{board}:best", "{board}:all", 0, 9, { rev: true }) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrangestore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrangestore: {
  (
    destination: Command.Arg,
    source: Command.Arg,
    start: number,
    stop: number,
    options?: ZrangeByRank
  ): Command.Command<number>
  (
    destination: Command.Arg,
    source: Command.Arg,
    start: ScoreBound,
    stop: ScoreBound,
    options: ZrangeByScore
  ): Command.Command<number>
  (
    destination: Command.Arg,
    source: Command.Arg,
    start: LexBound,
    stop: LexBound,
    options: ZrangeByLex
  ): Command.Command<number>
} = (
  destination: Command.Arg,
  source: Command.Arg,
  start: ScoreBound | LexBound,
  stop: ScoreBound | LexBound,
  options?: ZrangeByRank | ZrangeByScore | ZrangeByLex
): Command.Command<number> =>
  Args.command(
    ZRANGESTORE,
    () => [destination, source, ...rangeArgs(start, stop, rangeOptions(options))],
    Reply.integer
  )

/**
 * The rank of a member, the number of members before it: 0 for the one with the lowest score, `null` when it is not
 * there. `withscore` adds its score.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.0.0.
 * `withscore` since 7.2.0.
 *
 * **Example** (The place from below)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const rank = Redis.zrank("board", "ada") // Command<number | null>
 * const both = Redis.zrank("board", "ada", { withscore: true })
 * // Command<{ readonly rank: number; readonly score: number } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrank/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrank: {
  (
    key: Command.Arg,
    member: Command.Arg,
    options?: { readonly withscore?: false | undefined }
  ): Command.Command<number | null>
  (
    key: Command.Arg,
    member: Command.Arg,
    options: { readonly withscore: true }
  ): Command.Command<{ readonly rank: number; readonly score: number } | null>
} = (
  key: Command.Arg,
  member: Command.Arg,
  options?: { readonly withscore?: boolean | undefined }
): Command.Command<never> => rankOf(ZRANK, key, member, options)

const rankOptions = Args.options<{ readonly withscore?: boolean | undefined }>({ withscore: Args.isAsked })

const rankOf = (
  spec: CommandSpec.CommandSpec,
  key: Command.Arg,
  member: Command.Arg,
  options: { readonly withscore?: boolean | undefined } | undefined
): Command.Command<never> =>
  Args.building(spec, () =>
    rankOptions(options).withscore === true
      ? Command.make(spec, [key, member, "WITHSCORE"], Reply.overloaded(rankWithScore))
      : Command.make(spec, [key, member], Reply.overloaded(Reply.integerOrNull)))

/**
 * Removes members from a sorted set. Replies how many were in it. When the last member is removed, so is the key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 1.2.0.
 *
 * **Example** (One player less)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.zrem("board", ["ada"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrem/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrem = (key: Command.Arg, members: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(ZREM, () => [key, ...Args.some(members, "member")], Reply.integer)

/**
 * Removes the members from `min` to `max` in the order of their bytes. All members have to have the same score. Replies
 * how many were removed.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.8.9.
 *
 * **Example** (Names that begin with a)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.zremrangebylex("names", "[a", "(b") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zremrangebylex/
 * @category sorted sets
 * @since 0.1.0
 */
export const zremrangebylex = (key: Command.Arg, min: LexBound, max: LexBound): Command.Command<number> =>
  Command.make(ZREMRANGEBYLEX, [key, min, max], Reply.integer)

/**
 * Removes the members from index `start` to index `stop`, both included; 0 is the one with the lowest score, -1 the one
 * with the highest. Replies how many were removed.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.0.0.
 *
 * **Example** (Keeping the best hundred)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.zremrangebyrank("board", 0, -101) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zremrangebyrank/
 * @category sorted sets
 * @since 0.1.0
 */
export const zremrangebyrank = (key: Command.Arg, start: number, stop: number): Command.Command<number> =>
  Args.command(ZREMRANGEBYRANK, () => [key, rank(start, "start"), rank(stop, "stop")], Reply.integer)

/**
 * Removes the members with a score from `min` to `max`. Replies how many were removed.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 1.2.0.
 *
 * **Example** (What happened before a point in time)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.zremrangebyscore("events", -Infinity, "(1700000000") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zremrangebyscore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zremrangebyscore = (key: Command.Arg, min: ScoreBound, max: ScoreBound): Command.Command<number> =>
  Args.command(ZREMRANGEBYSCORE, () => [key, scoreBound(min, "min"), scoreBound(max, "max")], Reply.integer)

/**
 * The members from index `start` to index `stop`, both included, where 0 is the one with the highest score;
 * `withscores` adds the scores.
 *
 * Redis 6.2 deprecated it: {@link zrange} with `rev` does the same. Fails with `ServerError` (code `WRONGTYPE`) when
 * the key holds something other than a sorted set. Since Redis 1.2.0.
 *
 * **Example** (The best three)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const best = Redis.zrevrange("board", 0, 2, { withscores: true }) // Command<ReadonlyArray<Redis.ScoredMember>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrevrange/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrevrange: {
  (
    key: Command.Arg,
    start: number,
    stop: number,
    options?: { readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    key: Command.Arg,
    start: number,
    stop: number,
    options: { readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
} = (
  key: Command.Arg,
  start: number,
  stop: number,
  options?: WithScores
): Command.Command<never> =>
  Args.building(
    ZREVRANGE,
    () => withScores(ZREVRANGE, [key, rank(start, "start"), rank(stop, "stop")], withScoresOptions(options))
  )

/**
 * Members of the same score from `max` down to `min` in the order of their bytes.
 *
 * Redis 6.2 deprecated it: {@link zrange} with `bylex` and `rev` does the same. Fails with `ServerError` (code
 * `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.8.9.
 *
 * **Example** (Names that begin with a, the last first)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const names = Redis.zrevrangebylex("names", "(b", "[a") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrevrangebylex/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrevrangebylex = (
  key: Command.Arg,
  max: LexBound,
  min: LexBound,
  options?: { readonly limit?: RangeLimit | undefined }
): Command.Command<ReadonlyArray<string>> =>
  Args.command(ZREVRANGEBYLEX, () => [key, max, min, ...limitArgs(bylexOptions(options).limit)], members)

/**
 * Members with a score from `max` down to `min`, the highest first; `withscores` adds the scores.
 *
 * Redis 6.2 deprecated it: {@link zrange} with `byscore` and `rev` does the same. Fails with `ServerError` (code
 * `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.2.0.
 *
 * **Example** (From 10 to 20 points, the second page)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const page = Redis.zrevrangebyscore("board", "(20", 10, { limit: { offset: 10, count: 10 } })
 * // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrevrangebyscore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrevrangebyscore: {
  (
    key: Command.Arg,
    max: ScoreBound,
    min: ScoreBound,
    options?: { readonly limit?: RangeLimit | undefined; readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    key: Command.Arg,
    max: ScoreBound,
    min: ScoreBound,
    options: { readonly limit?: RangeLimit | undefined; readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
} = (
  key: Command.Arg,
  max: ScoreBound,
  min: ScoreBound,
  options?: ByScoreOptions
): Command.Command<never> =>
  Args.building(ZREVRANGEBYSCORE, () => {
    const given = byscoreOptions(options)
    const args = [key, scoreBound(max, "max"), scoreBound(min, "min")]
    return withScores(ZREVRANGEBYSCORE, args, given, limitArgs(given.limit))
  })

/**
 * The rank of a member from the end, the number of members behind it: 0 for the one with the highest score, `null` when
 * it is not there. `withscore` adds its score.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.0.0.
 * `withscore` since 7.2.0.
 *
 * **Example** (The place on the board)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const place = Redis.zrevrank("board", "ada") // Command<number | null>
 * const both = Redis.zrevrank("board", "ada", { withscore: true })
 * // Command<{ readonly rank: number; readonly score: number } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zrevrank/
 * @category sorted sets
 * @since 0.1.0
 */
export const zrevrank: {
  (
    key: Command.Arg,
    member: Command.Arg,
    options?: { readonly withscore?: false | undefined }
  ): Command.Command<number | null>
  (
    key: Command.Arg,
    member: Command.Arg,
    options: { readonly withscore: true }
  ): Command.Command<{ readonly rank: number; readonly score: number } | null>
} = (
  key: Command.Arg,
  member: Command.Arg,
  options?: { readonly withscore?: boolean | undefined }
): Command.Command<never> => rankOf(ZREVRANK, key, member, options)

/**
 * Reads a sorted set page by page. Start with the cursor `"0"`, and continue with the cursor of each reply until that
 * is `"0"` again.
 *
 * **Details**
 *
 * `match` keeps the members that fit a glob pattern, but only after a page was read: a page may be empty although more
 * follow. `count` is a hint for the size of a page, 10 by default. A member that exists all the time is returned at
 * least once, and possibly more than once.
 *
 * A cursor is valid only at the node that returned it, so every page comes from the primary, even if replicas answer
 * reads. After a failover, or when the key has moved to another node, start again with `"0"`, as
 * `Scan.items` does.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 2.8.0.
 *
 * **Example** (The first page of the players that begin with a)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const page = Redis.zscan("board", "0", { match: "a*", count: 100 })
 * // Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<Redis.ScoredMember> }>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zscan/
 * @category sorted sets
 * @since 0.1.0
 */
export const zscan = (
  key: Command.Arg,
  cursor: string,
  options?: { readonly match?: Command.Arg | undefined; readonly count?: number | undefined }
): Command.Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<ScoredMember> }> =>
  Args.command(ZSCAN, () => [key, cursor, ...Args.scan(Args.scanOptions(options))], page)

/**
 * The score of a member, `null` when it is not there.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a sorted set. Since Redis 1.2.0.
 *
 * **Example** (One player)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const score = Redis.zscore("board", "ada") // Command<number | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zscore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zscore = (key: Command.Arg, member: Command.Arg): Command.Command<number | null> =>
  Command.make(ZSCORE, [key, member], Reply.doubleOrNull)

/**
 * The members that any of the sorted sets has, in the order of the scores combined by `weights` and `aggregate`;
 * `withscores` adds these scores. A missing key counts as an empty set; the members of a plain set have the score 1.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a sorted set or a plain set. Since Redis 6.2.0.
 *
 * **Example** (Who ever played)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const players = Redis.zunion(["{board}:2024", "{board}:2025"]) // Command<ReadonlyArray<string>>
 * const best = Redis.zunion(["{board}:2024", "{board}:2025"], { aggregate: "MAX", withscores: true })
 * // Command<ReadonlyArray<Redis.ScoredMember>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zunion/
 * @category sorted sets
 * @since 0.1.0
 */
export const zunion: {
  (
    keys: ReadonlyArray<Command.Arg>,
    options?: ZcombineOptions & { readonly withscores?: false | undefined }
  ): Command.Command<ReadonlyArray<string>>
  (
    keys: ReadonlyArray<Command.Arg>,
    options: ZcombineOptions & { readonly withscores: true }
  ): Command.Command<ReadonlyArray<ScoredMember>>
} = (
  keys: ReadonlyArray<Command.Arg>,
  options?: ZcombineOptions & { readonly withscores?: boolean | undefined }
): Command.Command<never> => combination(ZUNION, keys, options)

/**
 * Stores at `destination` what {@link zunion} replies, replacing whatever was there, and replies the number of members.
 * An empty union removes `destination`.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` (code `WRONGTYPE`) when one of `keys` holds something other than a sorted set or a plain set. Since
 * Redis 2.0.0.
 *
 * **Example** (The second year counts twice)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const players = Redis.zunionstore("{board}:all", ["{board}:2024", "{board}:2025"], { weights: [1, 2] })
 * // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/zunionstore/
 * @category sorted sets
 * @since 0.1.0
 */
export const zunionstore = (
  destination: Command.Arg,
  keys: ReadonlyArray<Command.Arg>,
  options?: ZcombineOptions
): Command.Command<number> =>
  Args.command(ZUNIONSTORE, () => [destination, ...combined(keys, combineOptions(options))], Reply.integer)
