/**
 * Scans of the whole cluster, of all its keys or of those that match, with a promise: **every key that exists from the start of a scan to
 * its end is delivered at least once**, through resharding, atomic migration of slots and failovers, except what a failover itself
 * loses.
 *
 * A key may come twice when slots move or nodes change; keys that are written, deleted or renamed meanwhile may or may not come.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { Client } from "./Client.ts"
import type * as Command from "./Command.ts"
import { known } from "./internal/execution/firstMap.ts"
import { unsent, withCheckpoint } from "./internal/failures/failure.ts"
import { decodeText } from "./internal/resp/text.ts"
import * as Checkpoints from "./internal/scan/checkpoint.ts"
import * as Items from "./internal/scan/items.ts"
import type { ItemPage, Next, Paged } from "./internal/scan/items.ts"
import { passes } from "./internal/scan/passes.ts"
import * as Pattern from "./internal/scan/pattern.ts"
import type { Key, Progress, Step } from "./internal/scan/progress.ts"
import { unlinkAll } from "./internal/scan/unlinking.ts"
import type { Work } from "./internal/scan/work.ts"
import type { Checkpoint } from "./internal/values/checkpoint.ts"
import * as Settings from "./internal/values/settings.ts"
import * as RedisError from "./RedisError.ts"

export type { ItemPage, Next } from "./internal/scan/items.ts"
export type { Checkpoint } from "./internal/values/checkpoint.ts"

/**
 * What to scan, and how.
 *
 * **Details**
 *
 * - `match`: a pattern of keys, such as `"session:*"`. If it implies a slot by a hash tag before any `*`, `?` or `[`, as
 *   `"{user:1}:*"` does, only the node of that slot is asked.
 * - `type`: the type of the keys, such as `"hash"`. Since Redis 6.0.
 * - `count`: about how many keys a node looks at for one page. It does nothing else meanwhile. Default 1000.
 * - `concurrency`: the most nodes that are read at the same time. Default 8. Each takes one dedicated connection.
 * - `keys`: `"text"` (default), or `"bytes"` for keys that are not UTF-8.
 * - `checkpoint`: where to go on: the checkpoint of a page of an earlier scan with the same `match` and `type`.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly match?: Command.Arg | undefined
  readonly type?: string | undefined
  readonly count?: number | undefined
  readonly concurrency?: number | "unbounded" | undefined
  readonly keys?: "text" | "bytes" | undefined
  readonly checkpoint?: Checkpoint | undefined
}

/**
 * A page of a scan: some keys, and how far the scan has come with them.
 *
 * **Details**
 *
 * - `keys` may be empty: a page also tells that slots are done, or that nothing matched.
 * - `done` is the number of slots that are done, of 16384. It rises node by node, since servers give keys in an order of their own.
 *   Slots that the pattern rules out count as done.
 * - `checkpoint` is where a later scan can go on after this page. It is plain data, for `JSON.stringify`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page<out K = string> {
  readonly keys: ReadonlyArray<K>
  readonly done: number
  readonly checkpoint: Checkpoint
}

const forms = Settings.oneOf("text", "bytes")

const arg = Settings.satisfies("text or bytes", (value) => typeof value === "string" || value instanceof Uint8Array)

const typeName = Settings.satisfies(
  `the name of a type, such as "hash"`,
  (value) => typeof value === "string" && value !== ""
)

const concurrency: Settings.Check = (name, value) => {
  const problem = value === "unbounded" ? undefined : Settings.count(name, value)
  return problem?.replace(", not ", ` or "unbounded", not `)
}

/** What a server reads as COUNT. */
const count: Settings.Check = Settings.few(1_000_000)

const checks = { match: arg, type: typeName, count, concurrency, keys: forms, checkpoint: () => undefined }

const unlinkChecks = { type: typeName, count, concurrency, checkpoint: () => undefined, dryRun: Settings.flag }

const refused = (problem: string) => Stream.fail(unsent(new RedisError.InvalidArgument({ problem })))

const pageOf = <K>(progress: Progress, keys: ReadonlyArray<K>, of: string): Page<K> => ({
  keys,
  done: progress.count,
  checkpoint: Checkpoints.make(progress, of)
})

const textOf = (key: Key): string => typeof key === "string" ? key : decodeText(key, 0, key.length)

/** Takes each step into the progress when it is delivered, and makes pages of those that tell something. */
const delivered = <K>(work: Work, of: string, keyOf: (key: Key) => K) => {
  const { progress } = work
  return (_: undefined, step: Step): readonly [undefined, ReadonlyArray<Page<K>>] => {
    const { count } = progress
    progress.take(step)
    if (step._tag === "Keys") return [undefined, [pageOf(progress, step.keys.map(keyOf), of)]]
    return [undefined, progress.count === count ? [] : [pageOf(progress, [], of)]]
  }
}

/**
 * All keys of the cluster, or those that match, in pages that tell how far the scan has come.
 *
 * **Details**
 *
 * - Every key that exists from the start to the end is delivered at least once, see {@link Scan}. Keys are read from primaries.
 * - The stream is back-pressured: a node is asked for its next page when the last one is taken.
 * - While the owner of a slot is away, the scan waits for as long as the redirect policy's `within`, and then fails with the last
 *   failure, with `NoNodeForSlot` if nobody has the slot, or with `TryAgain` if slots never stand still for long enough.
 * - Every failure of a scan that has begun has a `checkpoint`, where another one goes on.
 * - A checkpoint holds the slots that are done, and the cursors of nodes that are being read. A cursor is good for as long as the
 *   process of its node lives and has its slots; after that the node's slots that are not done are read again.
 * - An option that is wrong, or a checkpoint of another pattern or type, fails with `InvalidArgument`.
 *
 * **Example** (A scan that goes on after a restart)
 *
 * ```ts
 * import { Scan } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * declare const load: Effect.Effect<Scan.Checkpoint | undefined>
 * declare const save: (checkpoint: Scan.Checkpoint) => Effect.Effect<void>
 *
 * const program = Effect.flatMap(load, (checkpoint) =>
 *   Scan.pages({ match: "session:*", checkpoint }).pipe(
 *     Stream.runForEach((page) =>
 *       Effect.andThen(Effect.log(`${page.keys.length} keys, ${page.done} of 16384 slots`), save(page.checkpoint)))
 *   ))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const pages: {
  (options?: Options & { readonly keys?: "text" | undefined }): Stream.Stream<Page, RedisError.RedisError, Client>
  (options: Options & { readonly keys: "bytes" }): Stream.Stream<
    Page<Uint8Array>,
    RedisError.RedisError,
    Client
  >
} = (options: Options = {}): Stream.Stream<Page<never>, RedisError.RedisError, Client> =>
  Stream.unwrap(Effect.map(Client, (client) => {
    const problem = Settings.optionsProblem(options, checks)
    if (problem !== undefined) return refused(problem)
    const { checkpoint, type } = options
    const match = options.match === undefined ? undefined : Pattern.bytesOf(options.match)
    const of = Checkpoints.of(match, type)
    const progress = Checkpoints.begin(checkpoint, of, match)
    if (typeof progress === "string") return refused(progress)
    const work: Work = {
      client,
      wanted: { match, type, count: options.count ?? 1000, bytes: options.keys === "bytes" },
      progress,
      concurrency: options.concurrency ?? 8,
      shaken: new Set(),
      failure: undefined
    }
    const keyOf = (options.keys === "bytes" ? (key: Key) => key : textOf) as (key: Key) => never
    const steps = Stream.unwrap(Effect.as(known(client.router.cluster), passes(work)))
    return Stream.mapAccum(steps, () => undefined, delivered(work, of, keyOf)).pipe(
      Stream.mapError((error) => withCheckpoint(error, Checkpoints.make(progress, of)))
    )
  }))

/**
 * All keys of the cluster, or those that match. {@link pages} tells how far the scan has come, too.
 *
 * **Example** (How much memory do sessions take?)
 *
 * ```ts
 * import { Redis, Scan } from "@redisc/core"
 * import { Stream } from "effect"
 *
 * const bytes = Scan.keys({ match: "session:*" }).pipe(
 *   Stream.mapEffect((key) => Redis.memoryUsage(key), { concurrency: 100 }),
 *   Stream.runFold(() => 0, (sum, size) => sum + (size ?? 0))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const keys: {
  (options?: Options & { readonly keys?: "text" | undefined }): Stream.Stream<string, RedisError.RedisError, Client>
  (options: Options & { readonly keys: "bytes" }): Stream.Stream<Uint8Array, RedisError.RedisError, Client>
} = (options?: Options): Stream.Stream<never, RedisError.RedisError, Client> =>
  Stream.transformPull(
    pages(options as Options & { readonly keys: "bytes" }) as Stream.Stream<
      Page<unknown>,
      RedisError.RedisError,
      Client
    >,
    (pull) => {
      const next: Pull.Pull<Arr.NonEmptyReadonlyArray<never>, RedisError.RedisError> = Effect.flatMap(
        pull,
        (several) => {
          const found = several.length === 1 ? several[0].keys : several.flatMap(({ keys }) => keys)
          return Arr.isReadonlyArrayNonEmpty(found) ? Effect.succeed(found as Arr.NonEmptyReadonlyArray<never>) : next
        }
      )
      return Effect.succeed(next)
    }
  )

/**
 * One page of the items of a hash, a set or a sorted set: the first one, or the one that `next` of an earlier page names.
 *
 * **Details**
 *
 * The function makes the command of a cursor: HSCAN, SSCAN or ZSCAN, with options of its own. A page that continues goes to the node
 * that gave the cursor. If that node has lost the key or is away, the page is the first one again, from wherever the key is then, so
 * that no item is missed that exists all the time; some come twice.
 *
 * **Example** (A page for a user, and the token for the next one)
 *
 * ```ts
 * import { Redis, Scan } from "@redisc/core"
 *
 * const followers = (next?: Scan.Next) =>
 *   Scan.itemPage((cursor) => Redis.sscan("followers:ada", cursor, { count: 100 }), next)
 * ```
 *
 * @category items of a key
 * @since 0.1.0
 */
export const itemPage = <A>(
  paged: Paged<A>,
  next?: Next | undefined
): Effect.Effect<ItemPage<A>, RedisError.RedisError, Client> =>
  Effect.flatMap(Client, ({ router }) => Items.page(router, paged, next))

/**
 * All items of a hash, a set or a sorted set, page by page. An item that exists all the time is delivered at least once, also if the
 * key moves or its node is lost: then the key is read from its beginning, see {@link itemPage}.
 *
 * **Example** (The sum of all scores)
 *
 * ```ts
 * import { Redis, Scan } from "@redisc/core"
 * import { Stream } from "effect"
 *
 * const fields = Scan.items((cursor) => Redis.hscan("user:1", cursor, { match: "c*" }))
 * const sum = Scan.items((cursor) => Redis.zscan("board", cursor, { count: 500 })).pipe(
 *   Stream.runFold(() => 0, (sum, { score }) => sum + score)
 * )
 * ```
 *
 * @category items of a key
 * @since 0.1.0
 */
export const items = <A>(paged: Paged<A>): Stream.Stream<A, RedisError.RedisError, Client> =>
  Stream.paginate<Next | undefined, A, RedisError.RedisError, Client>(undefined, (from) =>
    Effect.map(
      itemPage(paged, from),
      ({ items, next }) => [items, next === undefined ? Option.none() : Option.some<Next | undefined>(next)] as const
    ))

/**
 * How to unlink keys. `dryRun` counts them only. The rest is as in {@link Options}.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface UnlinkOptions {
  readonly dryRun?: boolean | undefined
  readonly type?: string | undefined
  readonly count?: number | undefined
  readonly concurrency?: number | "unbounded" | undefined
  readonly checkpoint?: Checkpoint | undefined
}

/**
 * How far unlinking has come since it began: how many keys were found and how many of them were unlinked, and the rest as in
 * {@link Page}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unlinked {
  readonly found: number
  readonly unlinked: number
  readonly done: number
  readonly checkpoint: Checkpoint
}

/**
 * Unlinks all keys that match a pattern: scans for them and unlinks those of each page, slot by slot, in one write to each node. Streams
 * how far it has come.
 *
 * **Details**
 *
 * Every key that matches from start to end is unlinked; one that is written meanwhile may or may not be. `found` counts a key again
 * that the scan delivers again. With `dryRun` nothing is unlinked. The pattern `"*"` means all keys.
 *
 * **Example** (A clean-up with its progress)
 *
 * ```ts
 * import { Scan } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const counted = Stream.runLast(Scan.unlinkMatching("session:*", { dryRun: true }))
 * const removed = Scan.unlinkMatching("session:*").pipe(
 *   Stream.tap(({ done, unlinked }) => Effect.log(`${unlinked} keys, ${done} of 16384 slots`)),
 *   Stream.runLast
 * )
 * ```
 *
 * @category removing
 * @since 0.1.0
 */
export const unlinkMatching = (
  match: Command.Arg,
  options: UnlinkOptions = {}
): Stream.Stream<Unlinked, RedisError.RedisError, Client> =>
  Stream.unwrap(Effect.map(Client, ({ redis }) => {
    const problem = arg("match", match) ?? Settings.optionsProblem(options, unlinkChecks)
    if (problem !== undefined) return refused(problem)
    const { dryRun = false, ...rest } = options
    let found = 0
    let unlinked = 0
    return Stream.mapEffect(pages({ ...rest, match, keys: "bytes" }), ({ checkpoint, done, keys }) =>
      Effect.map(dryRun ? Effect.succeed(0) : unlinkAll(redis, keys), (count): Unlinked => {
        found += keys.length
        unlinked += count
        return { found, unlinked, done, checkpoint }
      }))
  }))
