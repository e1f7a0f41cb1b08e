/**
 * Keyspaces whose values are lists and sets of elements with one Schema.
 */
import type * as Schema from "effect/Schema"
import * as Command from "../../Command.ts"
import * as Lists from "../../commands/lists.ts"
import * as Sets from "../../commands/sets.ts"
import * as Args from "../commands/args.ts"
import * as Reply from "../commands/reply.ts"
import { aSchema, declare } from "./declared.ts"
import type { Keyspace, Options } from "./declared.ts"
import type { Name } from "./name.ts"
import type { Keyed, TagOf } from "./types.ts"
import { text } from "./values.ts"
import type { Text } from "./values.ts"

/**
 * The declaration of lists, whose elements the Schema encodes as text.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ListOptions<in out T> extends Options {
  readonly element: Schema.Codec<T, string>
}

/**
 * The declaration of sets and sorted sets, whose members the Schema encodes as text. Equal members need equal texts.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface SetOptions<in out T> extends Options {
  readonly member: Schema.Codec<T, string>
}

/**
 * Keys that hold a list each. The commands are those of `Redis` with the same names.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListKeyspace<in out Params, in out T, out Tag extends string> extends Keyspace<Params, Tag> {
  readonly lpush: (params: Params, elements: ReadonlyArray<T>) => Keyed<number, Tag>
  readonly rpush: (params: Params, elements: ReadonlyArray<T>) => Keyed<number, Tag>
  readonly lpop: (params: Params) => Keyed<T | null, Tag>
  readonly rpop: (params: Params) => Keyed<T | null, Tag>
  readonly lrange: (params: Params, start: number, stop: number) => Keyed<ReadonlyArray<T>, Tag>
  readonly lrem: (params: Params, count: number, element: T) => Keyed<number, Tag>
  readonly ltrim: (params: Params, start: number, stop: number) => Keyed<"OK", Tag>
  readonly llen: (params: Params) => Keyed<number, Tag>
}

/**
 * Keys that hold a set each. The commands are those of `Redis` with the same names.
 *
 * @category models
 * @since 0.1.0
 */
export interface SetKeyspace<in out Params, in out T, out Tag extends string> extends Keyspace<Params, Tag> {
  readonly sadd: (params: Params, members: ReadonlyArray<T>) => Keyed<number, Tag>
  readonly srem: (params: Params, members: ReadonlyArray<T>) => Keyed<number, Tag>
  readonly sismember: (params: Params, member: T) => Keyed<boolean, Tag>
  readonly smembers: (params: Params) => Keyed<ReadonlyArray<T>, Tag>
  readonly spop: (params: Params) => Keyed<T | null, Tag>
  readonly scard: (params: Params) => Keyed<number, Tag>
}

const all = <T>({ encode }: Text<T>, items: ReadonlyArray<T>, what: string): ReadonlyArray<string> =>
  Args.some(items, what).map((item) => encode(item, `one ${what}`))

/**
 * Declares keys that hold a list each.
 *
 * **Example** (The latest events of a user)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const Event = Schema.Struct({ at: Schema.Number, what: Schema.String })
 * const events = Keyspace.list(Keyspace.name("user:{<id>}:events"), { element: Schema.fromJsonString(Event), ex: "7 days" })
 *
 * const added = events.lpush({ id: "ada" }, [{ at: 1700000000, what: "login" }]) // Keyed<number, "<id>">
 * const latest = events.lrange({ id: "ada" }, 0, 9)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const list = <Params, Pattern extends string, T>(
  name: Name<Params, Pattern>,
  options: ListOptions<T>
): ListKeyspace<Params, T, TagOf<Pattern>> => {
  const { given, on, space, write } = declare<Params, TagOf<Pattern>, ListOptions<T>>(name, options, {
    element: aSchema
  })
  const element = text(given.element)
  const elementOrNull = Command.map(Reply.nullOr(element.decode))
  return {
    ...space,
    lpush: (params, elements) => write("LPUSH", params, (key) => Lists.lpush(key, all(element, elements, "element"))),
    rpush: (params, elements) => write("RPUSH", params, (key) => Lists.rpush(key, all(element, elements, "element"))),
    lpop: (params) => on("LPOP", params, (key) => elementOrNull(Lists.lpop(key))),
    rpop: (params) => on("RPOP", params, (key) => elementOrNull(Lists.rpop(key))),
    lrange: (params, start, stop) =>
      on(
        "LRANGE",
        params,
        (key) => Command.map(Lists.lrange(key, start, stop), (elements) => elements.map(element.decode))
      ),
    lrem: (params, count, one) =>
      on("LREM", params, (key) => Lists.lrem(key, count, element.encode(one, "the element"))),
    ltrim: (params, start, stop) => on("LTRIM", params, (key) => Lists.ltrim(key, start, stop)),
    llen: (params) => on("LLEN", params, Lists.llen)
  }
}

/**
 * Declares keys that hold a set each.
 *
 * **Example** (Who is in a room)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const rooms = Keyspace.set(Keyspace.name("room:<name>"), { member: Schema.FiniteFromString })
 *
 * const joined = rooms.sadd({ name: "blue" }, [1, 2]) // Keyed<number, "room:<name>">
 * const here = rooms.smembers({ name: "blue" }) // Keyed<ReadonlyArray<number>, "room:<name>">
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const set = <Params, Pattern extends string, T>(
  name: Name<Params, Pattern>,
  options: SetOptions<T>
): SetKeyspace<Params, T, TagOf<Pattern>> => {
  const { given, on, space, write } = declare<Params, TagOf<Pattern>, SetOptions<T>>(name, options, {
    member: aSchema
  })
  const member = text(given.member)
  return {
    ...space,
    sadd: (params, members) => write("SADD", params, (key) => Sets.sadd(key, all(member, members, "member"))),
    srem: (params, members) => on("SREM", params, (key) => Sets.srem(key, all(member, members, "member"))),
    sismember: (params, one) => on("SISMEMBER", params, (key) => Sets.sismember(key, member.encode(one, "the member"))),
    smembers: (params) =>
      on("SMEMBERS", params, (key) => Command.map(Sets.smembers(key), (members) => members.map(member.decode))),
    spop: (params) => on("SPOP", params, (key) => Command.map(Sets.spop(key), Reply.nullOr(member.decode))),
    scard: (params) => on("SCARD", params, Sets.scard)
  }
}
