/**
 * Keys that a program declares once: their name with typed parameters, a Schema for what they hold, and how long they live. What
 * comes out are commands with typed arguments and replies, which can be run, cached, piped and put into transactions like any others.
 *
 * **Names.** `cart:{<user>}:items` is the name of keys with the parameter `user`. `<user>` stands for its value, and the braces are
 * the hash tag of the key itself, as in `cart:{42}:items`. In values all but letters, digits, `-`, `_`, `.`, `~`, `@` and what is beyond ASCII is
 * escaped, as `%3A` for a colon. So a value can't make a key of other parameters, a hash tag, or a pattern; it may have any
 * length, and any characters, but can't be empty.
 *
 * **Slots.** Keys with the same tag are in one slot. The type of a command knows the tag, and {@link transaction} does not compile if
 * tags can't be equal.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Client } from "./Client.ts"
import type * as Command from "./Command.ts"
import * as Names from "./internal/keyspace/name.ts"
import type { Name } from "./internal/keyspace/name.ts"
import type { OneTag, Only, Parameters, ParamsOf } from "./internal/keyspace/types.ts"
import type { Replies, Results } from "./Pipeline.ts"
import type { RedisError } from "./RedisError.ts"
import * as Scan from "./Scan.ts"
import * as Transaction from "./Transaction.ts"

export { list, set } from "./internal/keyspace/collections.ts"
export type { ListKeyspace, ListOptions, SetKeyspace, SetOptions } from "./internal/keyspace/collections.ts"
export type { Keyspace, Options } from "./internal/keyspace/declared.ts"
export { hash, record } from "./internal/keyspace/hashes.ts"
export type { Fields, FieldsType, HashKeyspace, HashOptions, RecordOptions } from "./internal/keyspace/hashes.ts"
export type { Name } from "./internal/keyspace/name.ts"
export { sortedSet } from "./internal/keyspace/sortedSets.ts"
export type { Scored, SortedSetKeyspace } from "./internal/keyspace/sortedSets.ts"
export { stream } from "./internal/keyspace/streams.ts"
export type { Entry, StreamKeyspace } from "./internal/keyspace/streams.ts"
export { string } from "./internal/keyspace/strings.ts"
export type { StringKeyspace, StringOptions } from "./internal/keyspace/strings.ts"
export type { Keyed, OneTag, Parameter, Parameters, ParamsOf, TagOf } from "./internal/keyspace/types.ts"

/**
 * Makes a name of keys from a pattern, and Schemas for those of its parameters that are not text.
 *
 * **Details**
 *
 * - `<user>` is a parameter. It needs a delimiter on each side: any character that is escaped in values, such as a colon or a brace.
 * - `{...}` is the hash tag. It may have parameters, literal text, or both; without braces the whole key decides its slot.
 * - A name without parameters is a prefix for others: `shop.name("cart:<id>")` is `shop:cart:<id>`. Prefixes nest, and may have
 *   parameters and the hash tag.
 * - If the pattern is wrong, nothing throws: all its commands fail with `InvalidArgument` and say what is wrong.
 *
 * **Example** (An application, a user, and what belongs to a user)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const shop = Keyspace.name("shop")
 * const user = shop.name("user:{<id>}", { id: Schema.Int })
 *
 * const carts = Keyspace.record(user.name("cart"), { value: Schema.FiniteFromString, ex: "30 days" })
 * const orders = Keyspace.list(user.name("orders"), { element: Schema.String })
 *
 * user.name("cart").key({ id: 42 }) // Result of "shop:user:{42}:cart"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const name = <const Pattern extends string, const Schemas extends Parameters<Pattern> = {}>(
  pattern: Pattern,
  parameters?: Schemas & Only<Pattern, Schemas>
): Name<ParamsOf<Pattern, Schemas>, Pattern> => Names.make(pattern, parameters)

/**
 * `Redis.transaction`, for commands whose keys are in one slot as far as types can know. Others do not compile.
 *
 * **Details**
 *
 * - Tags can be equal if they differ in the names of their parameters only: `<user>` and `<id>`. Whether the values are equal too shows when
 *   the command is run: if not, it fails with `CrossSlot` and nothing is sent.
 * - Commands whose tags types do not know are let through: those of `Redis`, and those that `Command.map` and others have changed.
 *
 * **Example** (A cart that becomes an order)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const user = Keyspace.name("user:{<id>}", { id: Schema.Int })
 * const carts = Keyspace.record(user.name("cart"), { value: Schema.FiniteFromString })
 * const orders = Keyspace.list(user.name("orders"), { element: Schema.String })
 *
 * const ordered = Keyspace.transaction([carts.del({ id: 42 }), orders.lpush({ id: 42 }, ["order-1"])])
 * // Command<readonly [boolean, number]>
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const transaction: {
  <const Commands extends ReadonlyArray<Command.Any>>(
    commands: Commands & OneTag<Commands>,
    options?: { readonly mode?: undefined }
  ): Command.Command<Replies<Commands>>
  <const Commands extends ReadonlyArray<Command.Any>>(
    commands: Commands & OneTag<Commands>,
    options: { readonly mode: "result" }
  ): Command.Command<Results<Commands>>
} = Transaction.transaction

/**
 * The parameters of all keys that have the name, as a stream: a scan of the cluster, with the promise of {@link Scan}. With some of the
 * parameters given, only keys with those are found; if that determines the hash tag, only one node is asked.
 *
 * **Example** (Carts, and how many things are in them)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema, Stream } from "effect"
 *
 * const carts = Keyspace.record(Keyspace.name("cart:<user>"), { value: Schema.FiniteFromString })
 *
 * const sizes = Keyspace.scan(carts.name).pipe( // a Stream of { readonly user: string }
 *   Stream.mapEffect((params) => carts.hgetall(params), { concurrency: 100 }),
 *   Stream.map((cart) => Object.keys(cart ?? {}).length)
 * )
 * ```
 *
 * @category scanning
 * @since 0.1.0
 */
export const scan = <Params>(
  name: Name<Params, string>,
  some: Partial<Params> = {}
): Stream.Stream<Params, RedisError, Client> => {
  const match = Names.attempt(() => Names.globOf(name, some))
  if (Result.isFailure(match)) return Stream.fail(match.failure)
  return Scan.keys({ match: match.success, keys: "bytes" }).pipe(
    Stream.map(name.parse),
    Stream.filter(Option.isSome),
    Stream.map(({ value }) => value)
  )
}

/**
 * The pairs of names, by their patterns, that can make the same key: `user:<id>` and `user:admin`. For a test that a program has none.
 *
 * **Example** (A test)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 *
 * const users = Keyspace.name("user:<id>")
 * const carts = Keyspace.name("cart:<id>")
 * const admin = Keyspace.name("user:admin")
 *
 * Keyspace.overlaps([users, carts, admin]) // [["user:<id>", "user:admin"]]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const overlaps = (
  names: ReadonlyArray<Pick<Name<never, string>, "pattern">>
): ReadonlyArray<readonly [string, string]> =>
  names.flatMap((one, index) =>
    names.slice(index + 1).filter((other) => Names.overlap(one, other))
      .map((other) => [one.pattern, other.pattern] as const)
  )
