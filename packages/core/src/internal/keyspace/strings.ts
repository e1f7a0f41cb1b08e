/**
 * Keyspaces whose values are one text each: a document, a number, a flag.
 */
import type * as Schema from "effect/Schema"
import * as Command from "../../Command.ts"
import * as Strings from "../../commands/strings.ts"
import * as Reply from "../commands/reply.ts"
import { aSchema, declare } from "./declared.ts"
import type { Keyspace, Options } from "./declared.ts"
import type { Name } from "./name.ts"
import type { Keyed, TagOf } from "./types.ts"
import { numberOf, text } from "./values.ts"

/**
 * The declaration of keys that hold one value each. The Schema encodes the value as text: `Schema.fromJsonString(User)`,
 * `Schema.FiniteFromString`.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface StringOptions<in out T> extends Options {
  readonly value: Schema.Codec<T, string>
}

/**
 * Keys that hold one value each.
 *
 * **Details**
 *
 * - `get`, `getdel` (and removes it) and `getex` (and lets it live for as long as declared, from now on) reply the value, `null` if there
 *   is none. `mget` replies those of many keys, which may be in different slots.
 * - `set` replaces the value and its time to live. With a condition it replies `null` if that was not met.
 * - `incrby` adds to a value that is a whole number, and replies the sum.
 *
 * @category models
 * @since 0.1.0
 */
export interface StringKeyspace<in out Params, in out T, out Tag extends string> extends Keyspace<Params, Tag> {
  readonly get: (params: Params) => Keyed<T | null, Tag>
  readonly getdel: (params: Params) => Keyed<T | null, Tag>
  readonly getex: (params: Params) => Keyed<T | null, Tag>
  readonly mget: (params: ReadonlyArray<Params>) => Command.Command<ReadonlyArray<T | null>>
  readonly set: {
    (params: Params, value: T): Keyed<"OK", Tag>
    (params: Params, value: T, condition: Strings.SetCondition): Keyed<"OK" | null, Tag>
  }
  readonly incrby: [T] extends [number] ? (params: Params, increment: number) => Keyed<T, Tag>
    : { readonly "incrby needs a value whose Schema decodes to a number": never }
}

/**
 * Declares keys that hold one value each.
 *
 * **Example** (Documents that live for a day)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Effect, Schema } from "effect"
 *
 * const Session = Schema.Struct({ user: Schema.String, admin: Schema.Boolean })
 *
 * const sessions = Keyspace.string(Keyspace.name("session:<id>"), {
 *   value: Schema.fromJsonString(Session),
 *   ex: "1 day"
 * })
 *
 * const program = Effect.gen(function*() {
 *   yield* sessions.set({ id: "8f3a" }, { user: "ada", admin: true })
 *   const session = yield* sessions.getex({ id: "8f3a" }) // { readonly user: string; readonly admin: boolean } | null
 *   return session?.user
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const string = <Params, Pattern extends string, T>(
  name: Name<Params, Pattern>,
  options: StringOptions<T>
): StringKeyspace<Params, T, TagOf<Pattern>> => {
  const { ex, given, on, onAll, space, write } = declare<Params, TagOf<Pattern>, StringOptions<T>>(name, options, {
    value: aSchema
  })
  const value = text(given.value)
  const valueOrNull = Reply.nullOr(value.decode)
  const read = Command.map(valueOrNull)
  const incrby = (params: Params, increment: number) =>
    write("INCRBY", params, (key) => Command.map(Strings.incrby(key, increment), numberOf(value)))
  return {
    ...space,
    get: (params) => on("GET", params, (key) => read(Strings.get(key))),
    getdel: (params) => on("GETDEL", params, (key) => read(Strings.getdel(key))),
    getex: (params) => on("GETEX", params, (key) => read(Strings.getex(key, { ex }))),
    mget: (params) => onAll("MGET", params, (keys) => Command.map(Strings.mget(keys), (all) => all.map(valueOrNull))),
    set: (params: Params, next: T, condition?: Strings.SetCondition) =>
      on("SET", params, (key) => {
        const encoded = value.encode(next, "the value")
        return Strings.set(key, encoded, { ...condition, ex }) as Command.Command<never>
      }),
    incrby: incrby as never
  }
}
