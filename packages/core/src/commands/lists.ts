/**
 * Lists: elements in order, with fast access to both ends. They serve as queues and stacks; blocking commands wait for
 * an element when there is none.
 *
 * Source: https://redis.io/docs/latest/commands/?group=list
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const BLMOVE = CommandSpec.get("BLMOVE")
const BLMPOP = CommandSpec.get("BLMPOP")
const BLPOP = CommandSpec.get("BLPOP")
const BRPOP = CommandSpec.get("BRPOP")
const BRPOPLPUSH = CommandSpec.get("BRPOPLPUSH")
const LINDEX = CommandSpec.get("LINDEX")
const LINSERT = CommandSpec.get("LINSERT")
const LLEN = CommandSpec.get("LLEN")
const LMOVE = CommandSpec.get("LMOVE")
const LMPOP = CommandSpec.get("LMPOP")
const LPOP = CommandSpec.get("LPOP")
const LPOS = CommandSpec.get("LPOS")
const LPUSH = CommandSpec.get("LPUSH")
const LPUSHX = CommandSpec.get("LPUSHX")
const LRANGE = CommandSpec.get("LRANGE")
const LREM = CommandSpec.get("LREM")
const LSET = CommandSpec.get("LSET")
const LTRIM = CommandSpec.get("LTRIM")
const RPOP = CommandSpec.get("RPOP")
const RPOPLPUSH = CommandSpec.get("RPOPLPUSH")
const RPUSH = CommandSpec.get("RPUSH")
const RPUSHX = CommandSpec.get("RPUSHX")

const texts = Reply.array(Reply.text)
const textsOrNull = Reply.arrayOrNull(Reply.text)
const integers = Reply.array(Reply.integer)

const popped = Reply.nullOr(Reply.pair(Reply.text, Reply.text, (key, element) => ({ key, element })))
const poppedMany = Reply.nullOr(Reply.pair(Reply.text, texts, (key, elements) => ({ key, elements })))

/**
 * One end of a list: `LEFT` is its head, where index 0 is, `RIGHT` its tail.
 *
 * @category models
 * @since 0.1.0
 */
export type ListEnd = "LEFT" | "RIGHT"

/**
 * {@link lmove} that waits up to `timeout` while `source` is empty. Replies `null` when the time is over.
 *
 * **Details**
 *
 * Give the timeout with its unit, as in `"5 seconds"`. It is rounded up to milliseconds; `"Infinity"` waits for ever.
 * Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a list. Since Redis 6.2.0.
 *
 * **Example** (A worker takes a job and keeps a note of it)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.blmove("{jobs}:waiting", "{jobs}:running", { from: "RIGHT", to: "LEFT", timeout: "30 seconds" })
 * // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/blmove/
 * @category lists
 * @since 0.1.0
 */
export const blmove = (
  source: Command.Arg,
  destination: Command.Arg,
  options: { readonly from: ListEnd; readonly to: ListEnd; readonly timeout: Args.Span }
): Command.Command<string | null> =>
  Args.command(BLMOVE, () => {
    const { from, timeout, to } = blmoveOptions(options)
    return [source, destination, from, to, Args.timeout(timeout)]
  }, Reply.textOrNull)

const blmoveOptions = Args.demanded<Parameters<typeof blmove>[2]>({ from: Args.any, to: Args.any, timeout: Args.any })

/**
 * {@link lmpop} that waits up to `timeout` while all of the lists are empty. Replies `null` when the time is over.
 *
 * **Details**
 *
 * Give the timeout with its unit, as in `"5 seconds"`. It is rounded up to milliseconds; `"Infinity"` waits for ever.
 * Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a list. Since Redis 7.0.0.
 *
 * **Example** (Up to ten jobs, the urgent ones first)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const jobs = Redis.blmpop(["{jobs}:urgent", "{jobs}:normal"], { from: "LEFT", count: 10, timeout: "30 seconds" })
 * // Command<{ readonly key: string; readonly elements: ReadonlyArray<string> } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/blmpop/
 * @category lists
 * @since 0.1.0
 */
export const blmpop = (
  keys: ReadonlyArray<Command.Arg>,
  options: {
    readonly from: ListEnd
    readonly count?: number | undefined
    readonly timeout: Args.Span
  }
): Command.Command<{ readonly key: string; readonly elements: ReadonlyArray<string> } | null> =>
  Args.command(BLMPOP, () => {
    const { timeout, ...many } = blmpopOptions(options)
    return [Args.timeout(timeout), ...manyFrom(keys, many)]
  }, poppedMany)

const blmpopOptions = Args.demanded<Parameters<typeof blmpop>[1]>({
  from: Args.any,
  count: Args.any,
  timeout: Args.any
})

const manyFrom = (
  keys: ReadonlyArray<Command.Arg>,
  options: { readonly from: ListEnd; readonly count?: number | undefined }
): Args.Args => [
  ...Args.counted(keys, "key"),
  options.from,
  ...Args.option("COUNT", options.count, (count) => Args.integer(count, "the count"))
]

/**
 * Removes the head of the first list that is not empty, waiting up to `timeout` while all are. Replies the element and
 * the key it came from, or `null` when the time is over.
 *
 * **Details**
 *
 * Give the timeout with its unit, as in `"5 seconds"`. It is rounded up to milliseconds; `"Infinity"` waits for ever.
 * Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a list. Since Redis 2.0.0.
 *
 * **Example** (Waiting for a job)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.blpop(["{jobs}:urgent", "{jobs}:normal"], "30 seconds")
 * // Command<{ readonly key: string; readonly element: string } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/blpop/
 * @category lists
 * @since 0.1.0
 */
export const blpop = (
  keys: ReadonlyArray<Command.Arg>,
  timeout: Args.Span
): Command.Command<{ readonly key: string; readonly element: string } | null> =>
  Args.command(BLPOP, () => [...Args.some(keys, "key"), Args.timeout(timeout)], popped)

/**
 * Removes the tail of the first list that is not empty, waiting up to `timeout` while all are. Replies the element and
 * the key it came from, or `null` when the time is over.
 *
 * **Details**
 *
 * Give the timeout with its unit, as in `"5 seconds"`. It is rounded up to milliseconds; `"Infinity"` waits for ever.
 * Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a list. Since Redis 2.0.0.
 *
 * **Example** (Waiting for a job)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.brpop(["jobs"], "Infinity") // Command<{ readonly key: string; readonly element: string } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/brpop/
 * @category lists
 * @since 0.1.0
 */
export const brpop = (
  keys: ReadonlyArray<Command.Arg>,
  timeout: Args.Span
): Command.Command<{ readonly key: string; readonly element: string } | null> =>
  Args.command(BRPOP, () => [...Args.some(keys, "key"), Args.timeout(timeout)], popped)

/**
 * {@link rpoplpush} that waits up to `timeout` while `source` is empty. Replies `null` when the time is over.
 *
 * Redis 6.2 deprecated it: {@link blmove} from `RIGHT` to `LEFT` does the same. The timeout is rounded up to
 * milliseconds, and `"Infinity"` waits for ever. Keys of different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a list. Since Redis 2.2.0.
 *
 * **Example** (A worker takes a job and keeps a note of it)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.brpoplpush("{jobs}:waiting", "{jobs}:running", "30 seconds") // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/brpoplpush/
 * @category lists
 * @since 0.1.0
 */
export const brpoplpush = (
  source: Command.Arg,
  destination: Command.Arg,
  timeout: Args.Span
): Command.Command<string | null> =>
  Args.command(BRPOPLPUSH, () => [source, destination, Args.timeout(timeout)], Reply.textOrNull)

/**
 * The element at an index, `null` when there is none. 0 is the head, -1 the tail.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0.
 *
 * **Example** (The newest entry)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const newest = Redis.lindex("log", -1) // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lindex/
 * @category lists
 * @since 0.1.0
 */
export const lindex = (key: Command.Arg, index: number): Command.Command<string | null> =>
  Args.command(LINDEX, () => [key, Args.integer(index, "the index")], Reply.textOrNull)

/**
 * Inserts an element before or after the first one that equals the pivot. Replies the new length, -1 when there is no
 * such pivot, 0 when there is no such key; then nothing is done.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 2.2.0.
 *
 * **Example** (Into the middle)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.linsert("route", { before: "London" }, "Calais") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/linsert/
 * @category lists
 * @since 0.1.0
 */
export const linsert = (
  key: Command.Arg,
  place: { readonly before: Command.Arg } | { readonly after: Command.Arg },
  element: Command.Arg
): Command.Command<number> =>
  Args.command(LINSERT, () => {
    const { after, before } = placeOf(place) as { readonly before?: Command.Arg; readonly after?: Command.Arg }
    if (before !== undefined) return [key, "BEFORE", before, element]
    return [key, "AFTER", after ?? Args.refuse("say before or after which element, as in { before: \"b\" }"), element]
  }, Reply.integer)

const placeOf = Args.demanded<Parameters<typeof linsert>[1]>({ before: Args.any, after: Args.any }, [
  "before",
  "after"
])

/**
 * The length of a list, 0 when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0.
 *
 * **Example** (How many jobs wait)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const waiting = Redis.llen("jobs") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/llen/
 * @category lists
 * @since 0.1.0
 */
export const llen = (key: Command.Arg): Command.Command<number> => Command.make(LLEN, [key], Reply.integer)

/**
 * Moves an element from one end of a list to one end of another, or of the same, atomically. Replies the element,
 * `null` when `source` is empty.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a list. Since Redis 6.2.0.
 *
 * **Example** (A worker takes a job and keeps a note of it)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.lmove("{jobs}:waiting", "{jobs}:running", { from: "RIGHT", to: "LEFT" }) // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lmove/
 * @category lists
 * @since 0.1.0
 */
export const lmove = (
  source: Command.Arg,
  destination: Command.Arg,
  options: { readonly from: ListEnd; readonly to: ListEnd }
): Command.Command<string | null> =>
  Args.command(LMOVE, () => {
    const { from, to } = lmoveOptions(options)
    return [source, destination, from, to]
  }, Reply.textOrNull)

const lmoveOptions = Args.demanded<Parameters<typeof lmove>[2]>({ from: Args.any, to: Args.any })

/**
 * Removes up to `count` elements, 1 by default, from an end of the first list that is not empty. Replies them and the
 * key they came from, or `null` when all of the lists are empty.
 *
 * It is sent as one command: keys of different slots are refused before sending. Fails with `ServerError` (code
 * `WRONGTYPE`) when a key holds something other than a list. Since Redis 7.0.0.
 *
 * **Example** (Up to ten jobs, the urgent ones first)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const jobs = Redis.lmpop(["{jobs}:urgent", "{jobs}:normal"], { from: "LEFT", count: 10 })
 * // Command<{ readonly key: string; readonly elements: ReadonlyArray<string> } | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lmpop/
 * @category lists
 * @since 0.1.0
 */
export const lmpop = (
  keys: ReadonlyArray<Command.Arg>,
  options: { readonly from: ListEnd; readonly count?: number | undefined }
): Command.Command<{ readonly key: string; readonly elements: ReadonlyArray<string> } | null> =>
  Args.command(LMPOP, () => manyFrom(keys, lmpopOptions(options)), poppedMany)

const lmpopOptions = Args.demanded<Parameters<typeof lmpop>[1]>({ from: Args.any, count: Args.any })

/**
 * Removes the head of a list and replies it, `null` when there is none. With a `count`, up to that many, from the head
 * on, in an array, which is `null` when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0,
 * `count` since 6.2.0.
 *
 * **Example** (One and many)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.lpop("jobs") // Command<string | null>
 * const jobs = Redis.lpop("jobs", { count: 10 }) // Command<ReadonlyArray<string> | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lpop/
 * @category lists
 * @since 0.1.0
 */
export const lpop: {
  (key: Command.Arg): Command.Command<string | null>
  (key: Command.Arg, options: { readonly count: number }): Command.Command<ReadonlyArray<string> | null>
} = (key: Command.Arg, options?: { readonly count: number }): Command.Command<never> => pop(LPOP, key, options)

const pop = (
  spec: CommandSpec.CommandSpec,
  key: Command.Arg,
  options: { readonly count: number } | undefined
): Command.Command<never> =>
  options === undefined
    ? Command.make(spec, [key], Reply.overloaded(Reply.textOrNull))
    : Args.command(spec, () => [key, Args.count(options)], Reply.overloaded(textsOrNull))

/**
 * The index of the first element that equals `element`, `null` when there is none. With a `count`, the indexes of up to
 * that many (0 for all), in an array.
 *
 * **Details**
 *
 * `rank` is the match to begin with: 2 is the second; -1 is the last one, and the search then goes towards the head.
 * `maxlen` is the maximum number of elements to compare; 0 for all.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 6.0.6.
 *
 * **Example** (The first, the last, and all)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const first = Redis.lpos("route", "London") // Command<number | null>
 * const last = Redis.lpos("route", "London", { rank: -1 })
 * const all = Redis.lpos("route", "London", { count: 0 }) // Command<ReadonlyArray<number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lpos/
 * @category lists
 * @since 0.1.0
 */
export const lpos: {
  (
    key: Command.Arg,
    element: Command.Arg,
    options?: {
      readonly rank?: number | undefined
      readonly maxlen?: number | undefined
      readonly count?: undefined
    }
  ): Command.Command<number | null>
  (
    key: Command.Arg,
    element: Command.Arg,
    options: {
      readonly rank?: number | undefined
      readonly maxlen?: number | undefined
      readonly count: number
    }
  ): Command.Command<ReadonlyArray<number>>
} = (
  key: Command.Arg,
  element: Command.Arg,
  options?: LposOptions
): Command.Command<never> =>
  Args.building(LPOS, () => {
    const { count, maxlen, rank } = lposOptions(options)
    const args = [
      key,
      element,
      ...Args.option("RANK", rank, (rank) => Args.integer(rank, "the rank")),
      ...Args.option("COUNT", count, (count) => Args.integer(count, "the count")),
      ...Args.option("MAXLEN", maxlen, (maxlen) => Args.integer(maxlen, "maxlen"))
    ]
    return Command.make(
      LPOS,
      args,
      count === undefined ? Reply.overloaded(Reply.integerOrNull) : Reply.overloaded(integers)
    )
  })

interface LposOptions {
  readonly rank?: number | undefined
  readonly maxlen?: number | undefined
  readonly count?: number | undefined
}

const lposOptions = Args.options<LposOptions>({ rank: Args.any, maxlen: Args.any, count: Args.any })

/**
 * Puts elements before the head of a list, which is created if need be, one after the other: the last of them is the
 * new head. Replies the new length.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0.
 *
 * **Example** (The list is then c, b, a)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.lpush("stack", ["a", "b", "c"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lpush/
 * @category lists
 * @since 0.1.0
 */
export const lpush = (key: Command.Arg, elements: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(LPUSH, () => [key, ...Args.some(elements, "element")], Reply.integer)

/**
 * {@link lpush} that does nothing, and replies 0, when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 2.2.0.
 *
 * **Example** (Only if the list exists)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.lpushx("stack", ["a"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lpushx/
 * @category lists
 * @since 0.1.0
 */
export const lpushx = (key: Command.Arg, elements: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(LPUSHX, () => [key, ...Args.some(elements, "element")], Reply.integer)

/**
 * The elements from index `start` to index `stop`, both included. 0 is the head, -1 the tail; indexes beyond an end
 * mean that end. None when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0.
 *
 * **Example** (All of it)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const all = Redis.lrange("log", 0, -1) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lrange/
 * @category lists
 * @since 0.1.0
 */
export const lrange = (
  key: Command.Arg,
  start: number,
  stop: number
): Command.Command<ReadonlyArray<string>> =>
  Args.command(LRANGE, () => [key, Args.integer(start, "start"), Args.integer(stop, "stop")], texts)

/**
 * Removes elements that equal `element`: the first `count` of them, the last ones when `count` is negative, all when it
 * is 0. Replies how many were removed.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0.
 *
 * **Example** (A job is done)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const removed = Redis.lrem("jobs:running", 1, "job-1") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lrem/
 * @category lists
 * @since 0.1.0
 */
export const lrem = (key: Command.Arg, count: number, element: Command.Arg): Command.Command<number> =>
  Args.command(LREM, () => [key, Args.integer(count, "the count"), element], Reply.integer)

/**
 * Replaces the element at an index. 0 is the head, -1 the tail.
 *
 * Fails with `ServerError`: code `ERR` when there is no such key or index, code `WRONGTYPE` when the key holds
 * something other than a list. Since Redis 1.0.0.
 *
 * **Example** (A new head)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const saved = Redis.lset("route", 0, "Dover") // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/lset/
 * @category lists
 * @since 0.1.0
 */
export const lset = (key: Command.Arg, index: number, element: Command.Arg): Command.Command<"OK"> =>
  Args.command(LSET, () => [key, Args.integer(index, "the index"), element], Reply.ok)

/**
 * Removes all elements but those from index `start` to index `stop`, both included. 0 is the head, -1 the tail. When
 * none are left the key is removed.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0.
 *
 * **Example** (Keeping the newest hundred)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const trimmed = Redis.ltrim("log", -100, -1) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/ltrim/
 * @category lists
 * @since 0.1.0
 */
export const ltrim = (key: Command.Arg, start: number, stop: number): Command.Command<"OK"> =>
  Args.command(LTRIM, () => [key, Args.integer(start, "start"), Args.integer(stop, "stop")], Reply.ok)

/**
 * Removes the tail of a list and replies it, `null` when there is none. With a `count`, up to that many, from the tail
 * on, in an array, which is `null` when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0,
 * `count` since 6.2.0.
 *
 * **Example** (One and many)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.rpop("jobs") // Command<string | null>
 * const jobs = Redis.rpop("jobs", { count: 10 }) // Command<ReadonlyArray<string> | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/rpop/
 * @category lists
 * @since 0.1.0
 */
export const rpop: {
  (key: Command.Arg): Command.Command<string | null>
  (key: Command.Arg, options: { readonly count: number }): Command.Command<ReadonlyArray<string> | null>
} = (key: Command.Arg, options?: { readonly count: number }): Command.Command<never> => pop(RPOP, key, options)

/**
 * Moves the tail of one list to the head of another, or of the same, atomically. Replies the element, `null` when
 * `source` is empty.
 *
 * Redis 6.2 deprecated it: {@link lmove} from `RIGHT` to `LEFT` does the same. It is sent as one command: keys of
 * different slots are refused before sending.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when a key holds something other than a list. Since Redis 1.2.0.
 *
 * **Example** (A worker takes a job and keeps a note of it)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const job = Redis.rpoplpush("{jobs}:waiting", "{jobs}:running") // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/rpoplpush/
 * @category lists
 * @since 0.1.0
 */
export const rpoplpush = (
  source: Command.Arg,
  destination: Command.Arg
): Command.Command<string | null> => Command.make(RPOPLPUSH, [source, destination], Reply.textOrNull)

/**
 * Puts elements behind the tail of a list, in their order. The list is created if need be. Replies the new length.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 1.0.0.
 *
 * **Example** (Two jobs)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.rpush("jobs", ["job-1", "job-2"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/rpush/
 * @category lists
 * @since 0.1.0
 */
export const rpush = (key: Command.Arg, elements: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(RPUSH, () => [key, ...Args.some(elements, "element")], Reply.integer)

/**
 * {@link rpush} that does nothing, and replies 0, when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a list. Since Redis 2.2.0.
 *
 * **Example** (Only if the list exists)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.rpushx("jobs", ["job-1"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/rpushx/
 * @category lists
 * @since 0.1.0
 */
export const rpushx = (key: Command.Arg, elements: ReadonlyArray<Command.Arg>): Command.Command<number> =>
  Args.command(RPUSHX, () => [key, ...Args.some(elements, "element")], Reply.integer)
