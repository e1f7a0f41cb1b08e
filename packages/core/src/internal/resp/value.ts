/**
 * The vocabulary of the wire codec: what a reply decodes to, how it fails, and what a decoder asks of its owner.
 *
 * @since 0.1.0
 */

/**
 * What a reply decodes to.
 *
 * **Details**
 *
 * | on the wire | here |
 * |---|---|
 * | simple string `+` | string, always |
 * | bulk string `$`, verbatim string `=` (without its format) | string, or Uint8Array when bytes were asked for |
 * | integer `:` | number, or bigint beyond `Number.MAX_SAFE_INTEGER` in either direction |
 * | double `,` | number, with `Infinity`, `-Infinity` and `NaN` |
 * | big number `(` | bigint, always |
 * | boolean `#` | boolean |
 * | null `_`, `$-1`, `*-1` | null |
 * | array `*`, set `~` | array, in the order of the wire |
 * | map `%` | Map; of two equal text keys the last one wins |
 * | error `-`, bulk error `!` | {@link ReplyError}, as a value, also inside an array |
 *
 * **Gotchas**
 *
 * When bytes were asked for, the keys of a map are `Uint8Array`s too, which a Map compares by identity: iterate over it.
 *
 * Source: RESP protocol specification, "RESP protocol description".
 *
 * @category models
 * @since 0.1.0
 */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | ReplyError
  | ReadonlyArray<Value>
  | ReadonlyMap<Value, Value>

/**
 * An error that the server sent as a reply. It is data, not an exception: it has no stack and costs as much as a string.
 *
 * **Example** (Telling errors apart)
 *
 * ```ts
 * import * as Resp from "@redisc/core/Resp"
 *
 * const error = new Resp.ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value")
 *
 * error.code // => "WRONGTYPE"
 * ```
 *
 * Source: RESP protocol specification, "Simple errors" and "Bulk errors".
 *
 * @category errors
 * @since 0.1.0
 */
export class ReplyError {
  readonly _tag = "ReplyError"
  /** The first word of the message, such as `"WRONGTYPE"` or `"MOVED"`. */
  readonly code: string
  /** The whole text, the code included. */
  readonly message: string

  constructor(message: string) {
    const blank = message.indexOf(" ")
    this.code = blank === -1 ? message : message.slice(0, blank)
    this.message = message
  }
}

/**
 * The bytes are not RESP, or exceed a limit. The connection they came from cannot be used any more.
 *
 * **Details**
 *
 * The message tells what was expected, what kind of byte was found and where. It never quotes the payload.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProtocolError extends Error {
  readonly _tag = "ProtocolError"
  override readonly name = "ProtocolError"
  /** Where decoding stopped, in bytes since the decoder was made or last reset. */
  readonly offset: number

  constructor(problem: string, offset: number) {
    super(`${problem} at byte ${offset}`)
    this.offset = offset
  }
}

/**
 * What a decoder puts up with before it calls the peer broken. All sizes are inclusive.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Limits {
  /** Bytes of one bulk string, verbatim string or bulk error. */
  readonly maxBulkLength: number
  /** Elements of one aggregate; each pair of a map or an attribute counts as two. */
  readonly maxElements: number
  /** How deep aggregates may be nested; an array of integers has depth 1. */
  readonly maxDepth: number
  /**
   * Bytes of one line, its type byte included and its CRLF not. Of an error that is longer, up to `maxBulkLength`, the rest is
   * read and dropped. Left out, a simple string may be as long as a bulk string: it is somebody's value, and is never cut.
   */
  readonly maxLineLength: number
}

/**
 * The limits of a decoder that was given none: 512 MiB a string (the default `proto-max-bulk-len` of a server), 67 million
 * elements an aggregate, 128 levels, 64 KiB a line.
 *
 * @category configuration
 * @since 0.1.0
 */
export const defaultLimits: Limits = {
  maxBulkLength: 512 * 1024 * 1024,
  maxElements: 64 * 1024 * 1024,
  maxDepth: 128,
  maxLineLength: 64 * 1024
}

/**
 * The owner of a decoder, called synchronously while `push` runs.
 *
 * **Details**
 *
 * An exception from a handler does not disturb the decoder: the rest of the chunk is decoded and handed over first, then
 * `push` throws the first such exception. If that rest is malformed, the next `push` says so.
 *
 * **Gotchas**
 *
 * A handler may call `reset` on its decoder, which drops the rest of the chunk, but not `push`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler {
  /** Whether the strings of this reply, or push message, are wanted as bytes: asked once, as each of them begins. */
  wantsBytes(push: boolean): boolean
  /** Takes the next reply, in the order of arrival. */
  onReply(value: Value): void
  /** Takes a RESP3 push message, which may come between any two replies. */
  onPush(values: ReadonlyArray<Value>): void
  /**
   * Takes several push messages in one call, if it is there; else `onPush` takes each of them. They came one after another,
   * have three elements, all text, and differ in the last of these only. For all of them `wantsBytes` is asked once.
   */
  onPushes?(begin: readonly [string, string], last: ReadonlyArray<string>): void
}
