/**
 * Values of keys by their Schemas: to the text that is sent, and back from the text of a reply. An encoder throws `Invalid`, a decoder
 * `Mismatch`, as those of commands do; both say where and of what kind a wrong value is, and never show it.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { refuse } from "../commands/args.ts"
import * as Fit from "../commands/fit.ts"
import * as Reply from "../commands/reply.ts"

/** Encodes a value with a Schema. `what` names the value in a problem. */
export const encoder = <T, E>(codec: Schema.Codec<T, E>): (value: T, what: string) => E => {
  const encode = Fit.encoder(codec)
  return (value, what) => {
    const result = encode(value)
    if (Result.isSuccess(result)) return result.success
    const { expected, path, received } = result.failure
    return refuse(
      `${what} does not fit the schema: ${path && `at ${path}, `}expected ${expected}, received ${received}`
    )
  }
}

/** What a Schema has encoded, for callers whose Schema is of another type. */
export const asText = (encoded: unknown, what: string): string =>
  typeof encoded === "string" ? encoded : refuse(`${what} has a schema that does not encode it as text`)

/** A value that is one text. */
export interface Text<in out T> {
  readonly encode: (value: T, what: string) => string
  readonly decode: Reply.Decode<T>
}

/** Without a Schema, since a wrong declaration has none, it is the text itself. */
export const text = <T>(codec: Schema.Codec<T, string> = Schema.String as never): Text<T> => {
  const encode = encoder(codec)
  return {
    encode: (value, what) => asText(encode(value, what), what),
    decode: Reply.schema(codec)
  }
}

/** Decodes the number that a command has made of a value. */
export const numberOf = <T>({ decode }: Text<T>): (number: number) => T => (number) => decode(`${number}`)
