/**
 * Client-side caching: replies of reads that the client keeps, until the server says that a key has changed.
 *
 * A command asks for it with {@link for_ | Cached.for}, and says how old its reply may be. The first such read travels, together with
 * the request that the server watch its keys (CLIENT TRACKING, opt-in). Later ones are answered from memory, without a word to a
 * server, until one of these happens:
 *
 * - the server pushes that a key was written, deleted, evicted or has expired;
 * - this client itself writes the key;
 * - the reply is older than the reader wants, or the key's own time is over;
 * - the slot of the key goes to another node, or a node says that it did;
 * - the connection is lost over which it was read, or the server is flushed.
 *
 * A read that is under way while one of these happens is answered, and not kept. Reads of the same at the same time travel once.
 *
 * **Read your own writes.** After a write of this client has been answered, or has failed, a cached read that begins then does not
 * return what was there before: nothing that was read before the write's answer is used after it. Cached reads go to the primary,
 * whatever `readFrom` says. Keys that a script or function changes without declaring them are outside of this promise; a script
 * that declares none, FLUSHALL and FLUSHDB drop everything.
 *
 * **Writes of others** are seen when the server's push arrives, mostly within a round trip. No push comes if the server can't send
 * it, or the node that watched the key has lost its slot: then they are seen once the client notices (a lost connection at once, a frozen one
 * after twice the `pingInterval`, a slot that moved when the map changes), and at the latest when the reply is as old as the reader allows. So
 * the maximum age is the bound that always holds. The guide has the windows that were measured.
 *
 * **Not cached**: in sessions, transactions, `Redis.optimistic` and `Redis.ensureReplication`, and with `Cached.provide("off")`, such a
 * command travels and fills nothing, nor does one that takes a connection of its own (`Command.slow`). So does it where the server does not watch keys (RESP2, proxies, no permission); an event of
 * `failures` tells that once.
 *
 * Source: https://redis.io/docs/latest/develop/reference/client-side-caching/
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import { Client } from "./Client.ts"
import * as Command from "./Command.ts"
import type { Stats } from "./internal/caching/counts.ts"
import type { Invalidation } from "./internal/caching/invalidations.ts"
import { keyText } from "./internal/caching/keyText.ts"
import * as Region from "./internal/caching/region.ts"
import { unsent } from "./internal/failures/failure.ts"
import { duration as durationCheck, kindOf, timeoutMillis } from "./internal/values/settings.ts"
import { InvalidArgument } from "./RedisError.ts"
import type { RedisError } from "./RedisError.ts"
import * as Slot from "./Slot.ts"

export type { Invalidated, Stats } from "./internal/caching/counts.ts"
export type { Invalidation } from "./internal/caching/invalidations.ts"

/**
 * Whether replies may come from the cache (`"on"`), or commands that ask for it travel all the same and fill nothing (`"off"`).
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = Region.Mode

/**
 * Whether replies may come from the client's cache in a region of the program. `undefined`: they may, if the layer has a cache.
 *
 * **Example** (Whether replies may be kept here)
 *
 * ```ts
 * import { Cached } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const mayBeOld = Effect.map(Cached.Current, (mode) => mode !== "off")
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const Current = Region.Current

/**
 * Runs an effect whose cached commands travel all the same and keep nothing (`"off"`), or may be answered from the cache (`"on"`).
 *
 * **Example** (As it is now)
 *
 * ```ts
 * import { Cached, Redis } from "@redisc/core"
 *
 * const price = Redis.get("price:1").pipe(Cached.for("1 minute"))
 * const now = price.pipe(Cached.provide("off"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const provide: {
  (mode: Mode): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, mode: Mode): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, mode: Mode): Effect.Effect<A, E, R> =>
    Effect.provideService(self, Current, mode)
)

/**
 * What the cache has done. `undefined` if the layer has none.
 *
 * **Example** (How many reads did not travel)
 *
 * ```ts
 * import { Cached } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const ratio = Effect.map(Cached.stats, (stats) =>
 *   stats === undefined ? 0 : stats.hits / (stats.hits + stats.misses + stats.shared))
 * ```
 *
 * @category statistics
 * @since 0.1.0
 */
export const stats: Effect.Effect<Stats | undefined, never, Client> = Effect.map(
  Client,
  ({ router }) => router.cluster.cache?.stats
)

/**
 * What of the cached reads may be old by now, from now on until the client ends, for programs that keep data derived from them. It says more
 * than the cache drops: a key may have been evicted before it changed.
 *
 * **Gotchas**
 *
 * Subscribe before you read. A reader that leaves thousands of events unread gets a single one in their place, about all keys.
 *
 * **Example** (Derived data)
 *
 * ```ts
 * import { Cached } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const pages = new Map<string, string>()
 * const forget = Stream.runForEach(Cached.invalidations, (invalidation) =>
 *   Effect.sync(() => {
 *     for (const key of pages.keys()) if (Cached.concerns(invalidation, key)) pages.delete(key)
 *   }))
 * ```
 *
 * @category invalidations
 * @since 0.1.0
 */
export const invalidations: Stream.Stream<Invalidation, never, Client> = Stream.unwrap(
  Effect.map(Client, ({ router }) => router.cluster.cache?.invalidations.stream ?? Stream.empty)
)

/**
 * Whether an invalidation is about a key.
 *
 * **Example** (A slot that has moved)
 *
 * ```ts
 * import { Cached } from "@redisc/core"
 *
 * Cached.concerns({ _tag: "Slots", slots: [[0, 8191]], cause: "Moved" }, "a") // false: its slot is 15495
 * ```
 *
 * @category invalidations
 * @since 0.1.0
 */
export const concerns = (invalidation: Invalidation, key: Command.Arg): boolean => {
  switch (invalidation._tag) {
    case "All":
      return true
    case "Slots": {
      const slot = Slot.fromKey(key)
      return invalidation.slots.some(([first, last]) => first <= slot && slot <= last)
    }
    case "Keys": {
      const text = keyText(key)
      return invalidation.keys.some((other) => keyText(other) === text)
    }
  }
}

/**
 * Drops the kept replies about keys, as if they had been written: for keys that a script changes without declaring them.
 *
 * **Example** (After a script that derives the key)
 *
 * ```ts
 * import { Cached, Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const touched = Effect.andThen(
 *   Redis.eval("return redis.call('INCR', 'hits:' .. ARGV[1])", { keys: ["hits"], args: ["home"] }),
 *   Cached.drop(["hits:home"])
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const drop = (keys: ReadonlyArray<Command.Arg>): Effect.Effect<void, RedisError, Client> =>
  Effect.flatMap(Client, ({ router }) => {
    const problem = keysProblem(keys)
    if (problem !== undefined) return Effect.fail(unsent(new InvalidArgument({ problem })))
    return Effect.sync(() => router.cluster.cache?.dropKeys(keys, "Dropped"))
  })

const keysProblem = (keys: unknown): string | undefined => {
  if (!Array.isArray(keys)) return `give the keys in an array, not ${kindOf(keys)}`
  const wrong = keys.find((key) => typeof key !== "string" && !(key instanceof Uint8Array))
  return wrong === undefined && !keys.includes(undefined)
    ? undefined
    : `a key has to be text or bytes, not ${kindOf(wrong)}`
}

const problemOf = (command: Command.Any): string | undefined => {
  const { args, before, problem, spec } = command
  if (problem !== undefined) return problem
  if (before.length > 0) return "a transaction can't be cached"
  const hasKey = spec.singleKey >= 0 ? args.length > spec.singleKey : Command.keys(command).length > 0
  return spec.cacheable && hasKey
    ? undefined
    : "its reply can't be cached: it is no read of keys whose reply stays the same until one of them is written"
}

/** The last age that was read. Programs have few of them, and to read one takes longer than to find what is kept. */
let last: { readonly maxAge: Duration.Input; readonly millis: number } = { maxAge: "1 minute", millis: 60_000 }

/** A maximum age in milliseconds, or what is wrong with it. */
const millisOf = (maxAge: Duration.Input): number | string => {
  if (maxAge === last.maxAge) return last.millis
  const problem = durationCheck("the maximum age", maxAge)
  if (problem !== undefined) return problem
  const millis = timeoutMillis(maxAge)
  // An object may be changed by its owner.
  if (typeof maxAge !== "object") last = { maxAge, millis }
  return millis
}

/**
 * The same command, whose reply may come from the client's cache if it is not older than `maxAge`.
 *
 * **Details**
 *
 * - The age counts from when the read that fetched it was sent. Each reader has its own: the same reply may be too old for one, and not
 *   for another. A key that expires earlier is not returned after that.
 * - The same command is one with the same arguments, whatever is done with its reply: `Redis.get("k")` decoded by two Schemas travels
 *   once, and is decoded each time.
 * - With keys that may be in several slots (MGET), the reply is kept for each key, and only those keys travel that are missing.
 * - Nil is kept, an error is not. A reply that takes more than an eighth of `maxBytes` is not.
 * - A command whose reply may change without a write to its keys (TTL, RANDOMKEY, XPENDING), or is unknown before it was executed
 *   (scripts, commands that block, writes), can't be cached, and fails with `InvalidArgument`.
 *
 * **Example** (A minute old at most)
 *
 * ```ts
 * import { Cached, Redis } from "@redisc/core"
 *
 * const name = Redis.get("user:1:name").pipe(Cached.for("1 minute"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
const for_: {
  (maxAge: Duration.Input): <A>(self: Command.Command<A>) => Command.Command<A>
  <A>(self: Command.Command<A>, maxAge: Duration.Input): Command.Command<A>
} = dual(2, <A>(given: Command.Command<A>, maxAge: Duration.Input): Command.Command<A> => {
  const self = Command.orInvalid(given)
  const millis = millisOf(maxAge)
  if (typeof millis === "string") return Command.invalid(self.spec, millis)
  const problem = problemOf(self)
  return problem === undefined ? Command.aged(self, millis) : Command.invalid(self.spec, problem)
})

export { for_ as for }
