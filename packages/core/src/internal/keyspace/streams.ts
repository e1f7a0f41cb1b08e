/**
 * Keyspaces whose values are streams of entries with known fields.
 */
import * as Command from "../../Command.ts"
import * as Streams from "../../commands/streams.ts"
import { declare } from "./declared.ts"
import type { Keyspace } from "./declared.ts"
import { areFields, struct } from "./hashes.ts"
import type { Fields, FieldsType, HashOptions } from "./hashes.ts"
import type { Name } from "./name.ts"
import type { Keyed, TagOf } from "./types.ts"

/**
 * An entry of a stream: its ID and its value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry<out T> {
  readonly id: Streams.StreamId
  readonly value: T
}

/**
 * Keys that hold a stream each. The commands are those of `Redis` with the same names.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamKeyspace<in out Params, in out T, out Tag extends string> extends Keyspace<Params, Tag> {
  readonly xadd: (params: Params, entry: T, options?: Streams.XaddOptions) => Keyed<Streams.StreamId, Tag>
  readonly xrange: (
    params: Params,
    start: string,
    end: string,
    options?: { readonly count?: number | undefined }
  ) => Keyed<ReadonlyArray<Entry<T>>, Tag>
  readonly xrevrange: (
    params: Params,
    end: string,
    start: string,
    options?: { readonly count?: number | undefined }
  ) => Keyed<ReadonlyArray<Entry<T>>, Tag>
  readonly xdel: (params: Params, ids: ReadonlyArray<string>) => Keyed<number, Tag>
  readonly xtrim: (params: Params, trim: Streams.StreamTrim) => Keyed<number, Tag>
  readonly xlen: (params: Params) => Keyed<number, Tag>
}

/**
 * Declares keys that hold a stream each.
 *
 * **Example** (Readings of a sensor)
 *
 * ```ts
 * import { Keyspace } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const readings = Keyspace.stream(Keyspace.name("readings:<sensor>"), {
 *   fields: { celsius: Schema.FiniteFromString, note: Schema.optionalKey(Schema.String) }
 * })
 *
 * const id = readings.xadd({ sensor: "attic" }, { celsius: 21.5 }, { trim: { maxlen: 1000, approximate: true } })
 * const newest = readings.xrevrange({ sensor: "attic" }, "+", "-", { count: 1 })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream = <Params, Pattern extends string, const F extends Fields>(
  name: Name<Params, Pattern>,
  options: HashOptions<F>
): StreamKeyspace<Params, FieldsType<F>, TagOf<Pattern>> => {
  const { given, on, space, write } = declare<Params, TagOf<Pattern>, HashOptions<F>>(name, options, {
    fields: areFields
  })
  const codec = struct(given.fields ?? {} as F)
  const entries = Command.map((all: ReadonlyArray<Streams.StreamEntry>) =>
    all.map(({ fields, id }): Entry<FieldsType<F>> => ({ id, value: codec.all(Object.fromEntries(fields)) }))
  )
  return {
    ...space,
    xadd: (params, entry, options) => write("XADD", params, (key) => Streams.xadd(key, codec.whole(entry), options)),
    xrange: (params, start, end, options) =>
      on("XRANGE", params, (key) => entries(Streams.xrange(key, start, end, options))),
    xrevrange: (params, end, start, options) =>
      on("XREVRANGE", params, (key) => entries(Streams.xrevrange(key, end, start, options))),
    xdel: (params, ids) => on("XDEL", params, (key) => Streams.xdel(key, ids)),
    xtrim: (params, trim) => on("XTRIM", params, (key) => Streams.xtrim(key, trim)),
    xlen: (params) => on("XLEN", params, Streams.xlen)
  }
}
