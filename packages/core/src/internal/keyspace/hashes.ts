/**
 * Keyspaces whose values are hashes: of known fields, each with a Schema of its own, or of fields whose names are data.
 */
import * as Schema from "effect/Schema"
import * as Command from "../../Command.ts"
import * as Hashes from "../../commands/hashes.ts"
import * as Args from "../commands/args.ts"
import * as Reply from "../commands/reply.ts"
import { kindOf, satisfies } from "../values/settings.ts"
import { aSchema, declare } from "./declared.ts"
import type { Declared, Keyspace, Options } from "./declared.ts"
import type { Name } from "./name.ts"
import type { Keyed, TagOf } from "./types.ts"
import { asText, encoder, numberOf, text } from "./values.ts"
import type { Text } from "./values.ts"

/**
 * Schemas of fields by their names, each of which encodes its value as text. A field may be optional (`Schema.optionalKey`).
 *
 * @category models
 * @since 0.1.0
 */
export type Fields = { readonly [name: string]: Schema.Codec<unknown, string | undefined> }

/**
 * The values of fields.
 *
 * @category models
 * @since 0.1.0
 */
export type FieldsType<F extends Fields> = Schema.Struct.Type<F>

/**
 * The declaration of hashes with known fields.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface HashOptions<F extends Fields> extends Options {
  readonly fields: F
}

/**
 * The declaration of hashes whose fields have any names, and values of one Schema.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface RecordOptions<in out T> extends Options {
  readonly value: Schema.Codec<T, string>
}

/** The names of the fields that hold numbers. */
type Numeric<Value> =
  & { readonly [F in keyof Value]-?: Value[F] extends number | undefined ? F : never }[keyof Value]
  & string

/** What a field holds if it is there. */
type Held<Value, F extends keyof Value> = Exclude<Value[F], undefined>

/**
 * Keys that hold a hash each.
 *
 * **Details**
 *
 * - `hgetall` replies all fields, `null` if there is no such key; fields that are not declared are left out. `hget` and `hmget` reply
 *   `null` for each field that is not there.
 * - `hset` sets the given fields and leaves the others as they are; it replies how many are new. `hsetnx` sets one that is not there yet.
 * - `hincrby` adds to a whole number, and replies the sum. `hdel` replies how many fields there were.
 *
 * @category models
 * @since 0.1.0
 */
export interface HashKeyspace<in out Params, in out Value, out Tag extends string> extends Keyspace<Params, Tag> {
  readonly hgetall: (params: Params) => Keyed<Value | null, Tag>
  readonly hget: <F extends keyof Value & string>(params: Params, field: F) => Keyed<Held<Value, F> | null, Tag>
  readonly hmget: <F extends keyof Value & string>(
    params: Params,
    fields: ReadonlyArray<F>
  ) => Keyed<{ readonly [K in F]: Held<Value, K> | null }, Tag>
  readonly hset: (params: Params, fields: Partial<Value>) => Keyed<number, Tag>
  readonly hsetnx: <F extends keyof Value & string>(
    params: Params,
    field: F,
    value: Held<Value, F>
  ) => Keyed<boolean, Tag>
  readonly hincrby: <F extends Numeric<Value>>(
    params: Params,
    field: F,
    increment: number
  ) => Keyed<Held<Value, F>, Tag>
  readonly hdel: (params: Params, fields: ReadonlyArray<keyof Value & string>) => Keyed<number, Tag>
  readonly hexists: (params: Params, field: keyof Value & string) => Keyed<boolean, Tag>
}

type Entries = ReadonlyArray<readonly [field: string, value: string]>

/** How fields are read and written. */
interface Codec<in out Value> {
  /** The Schema of a field. Throws `Invalid` if there is none. */
  readonly field: (name: string) => Text<unknown>
  readonly all: (fields: Readonly<Record<string, string>>) => Value
  /** The names of the fields to write. */
  readonly names: (value: object) => ReadonlyArray<string>
}

/** The fields that are given, each as text. */
const entriesOf = <Value>(codec: Codec<Value>, value: unknown): Entries => {
  if (typeof value !== "object" || value === null) {
    return Args.refuse(`give the fields as an object, not ${kindOf(value)}`)
  }
  const given = value as Readonly<Record<string, unknown>>
  return codec.names(value).filter((name) => Object.hasOwn(given, name) && given[name] !== undefined)
    .map((name) => [name, codec.field(name).encode(given[name], "the value of a field")] as const)
}

const isEmpty = (fields: Readonly<Record<string, string>>): boolean => Object.keys(fields).length === 0

const make = <Params, Value, Tag extends string>(
  { on, space, write }: Pick<Declared<Params, Tag, unknown>, "on" | "space" | "write">,
  codec: Codec<Value>
): HashKeyspace<Params, Value, Tag> => ({
  ...space,
  hgetall: (params) =>
    on(
      "HGETALL",
      params,
      (key) => Command.map(Hashes.hgetall(key), (fields) => isEmpty(fields) ? null : codec.all(fields))
    ),
  hget: (params, field) =>
    on("HGET", params, (key) => {
      const { decode } = codec.field(field)
      return Command.map(Hashes.hget(key, field), Reply.nullOr(decode)) as Command.Command<never>
    }),
  hmget: (params, fields) =>
    on("HMGET", params, (key) => {
      const decoders = Args.some(fields, "field").map((field) => Reply.nullOr(codec.field(field).decode))
      return Command.map(Hashes.hmget(key, fields), (values) => {
        const found: Record<string, unknown> = Object.create(null)
        fields.forEach((field, index) => found[field] = decoders[index](values[index]))
        return found as never
      })
    }),
  hset: (params, fields) => write("HSET", params, (key) => Hashes.hset(key, entriesOf(codec, fields))),
  hsetnx: (params, field, value) =>
    write("HSETNX", params, (key) => Hashes.hsetnx(key, field, codec.field(field).encode(value, "the field"))),
  hincrby: (params, field, increment) =>
    write(
      "HINCRBY",
      params,
      (key) =>
        Command.map(Hashes.hincrby(key, field, increment), numberOf(codec.field(field))) as Command.Command<never>
    ),
  hdel: (params, fields) =>
    on("HDEL", params, (key) => {
      for (const field of Args.some(fields, "field")) codec.field(field)
      return Hashes.hdel(key, fields)
    }),
  hexists: (params, field) =>
    on("HEXISTS", params, (key) => {
      codec.field(field)
      return Hashes.hexists(key, field)
    })
})

interface Struct<in out Value> extends Codec<Value> {
  /** All fields of a value, of which those must be there that are not optional. */
  readonly whole: (value: Value) => Entries
}

/** Reads and writes the fields of a Struct. */
export const struct = <F extends Fields>(fields: F): Struct<FieldsType<F>> => {
  const schema = Schema.Struct(fields) as unknown as Schema.Codec<FieldsType<F>, Readonly<Record<string, unknown>>>
  const encode = encoder(schema)
  const texts = new Map(
    Object.entries(fields).map(([name, codec]) => [name, text(codec as Schema.Codec<unknown, string>)])
  )
  const names = Array.from(texts.keys())
  return {
    field: (name) => texts.get(name) ?? Args.refuse(`there is no such field; there are ${names.join(", ")}`),
    all: Reply.schema(schema) as (fields: unknown) => FieldsType<F>,
    names: () => names,
    whole: (value) =>
      Object.entries(encode(value, "the value")).filter(([, text]) => text !== undefined)
        .map(([name, text]) => [name, asText(text, "a field")] as const)
  }
}

/** Decodes the value of a field whose name may be data, and is not shown. */
const decodeField = <T>({ decode }: Text<T>, text: string): T => {
  try {
    return decode(text)
  } catch (problem) {
    if (!Reply.isMismatch(problem)) throw problem
    const { expected, path = "", received } = problem
    throw new Reply.Mismatch(expected, received, `[*]${path}`)
  }
}

/** Reads and writes fields of any name. */
const anyFields = <T>(codec: Schema.Codec<T, string> | undefined): Codec<Readonly<Record<string, T>>> => {
  const each = text(codec)
  return {
    field: (name) =>
      typeof name === "string" ? each as unknown as Text<unknown> : Args.refuse("a field has to be text"),
    all: (fields) => {
      const values: Record<string, T> = Object.create(null)
      for (const [name, text] of Object.entries(fields)) values[name] = decodeField(each, text)
      return values
    },
    names: Object.keys
  }
}

/** A check for the Schemas of fields. */
export const areFields = satisfies(
  "an object of Schemas, one a field",
  (value) => Object.values(value as object).length > 0 && Object.values(value as object).every(Schema.isSchema)
)

/**
 * Declares keys that hold a hash of known fields each.
 *
 * **Example** (Users)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const user = Keyspace.name("user:{<id>}", { id: Schema.Int })
 * const profiles = Keyspace.hash(user.name("profile"), {
 *   fields: { name: Schema.String, visits: Schema.FiniteFromString, mail: Schema.optionalKey(Schema.String) }
 * })
 *
 * const saved = profiles.hset({ id: 1 }, { name: "ada", visits: 0 }) // Keyed<number, "<id>">
 * const profile = profiles.hgetall({ id: 1 })
 * // Keyed<{ readonly name: string; readonly visits: number; readonly mail?: string } | null, "<id>">
 * const visits = profiles.hincrby({ id: 1 }, "visits", 1) // Keyed<number, "<id>">
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const hash = <Params, Pattern extends string, const F extends Fields>(
  name: Name<Params, Pattern>,
  options: HashOptions<F>
): HashKeyspace<Params, FieldsType<F>, TagOf<Pattern>> => {
  const declared = declare<Params, TagOf<Pattern>, HashOptions<F>>(name, options, { fields: areFields })
  return make(declared, struct(declared.given.fields ?? {} as F))
}

/**
 * Declares keys that hold a hash each whose fields have any names, and values of one Schema.
 *
 * **Example** (Votes by candidate)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const votes = Keyspace.record(Keyspace.name("votes:<year>", { year: Schema.Int }), { value: Schema.FiniteFromString })
 *
 * const counted = votes.hincrby({ year: 2026 }, "ada", 1) // Keyed<number, "votes:<year>">
 * const all = votes.hgetall({ year: 2026 }) // Keyed<Readonly<Record<string, number>> | null, "votes:<year>">
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const record = <Params, Pattern extends string, T>(
  name: Name<Params, Pattern>,
  options: RecordOptions<T>
): HashKeyspace<Params, Readonly<Record<string, T>>, TagOf<Pattern>> => {
  const declared = declare<Params, TagOf<Pattern>, RecordOptions<T>>(name, options, { value: aSchema })
  return make(declared, anyFields(declared.given.value))
}
