/**
 * The types of the codec: decoded values, protocol errors, limits, and the handler that a decoder calls.
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
 * | array `*`, set `~` | array, in the order received |
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
 * A limit of a reply.
 *
 * @category errors
 * @since 0.1.0
 */
export interface Limit {
  readonly of: "bytes" | "elements" | "depth"
  readonly most: number
}

/**
 * The received bytes are not RESP, or exceed a limit. The connection that they came from cannot be used any more.
 *
 * **Details**
 *
 * The message says what was expected, what kind of byte was found, and where. It never quotes the payload.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProtocolError extends Error {
  readonly _tag = "ProtocolError"
  override readonly name = "ProtocolError"
  /** Where decoding stopped, in bytes since the decoder was made or last reset. */
  readonly offset: number
  /** The limit that a reply exceeds; undefined if something else is wrong, or if it is a push message. */
  readonly limit: Limit | undefined

  constructor(problem: string, offset: number, limit?: Limit) {
    super(`${problem} at byte ${offset}`)
    this.offset = offset
    this.limit = limit
  }
}

/**
 * The limits beyond which a decoder fails with a {@link ProtocolError}. All sizes are inclusive.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Limits {
  /** Bytes of one reply or push message. Counted from chunk to chunk, so it may be exceeded by as much as arrives at once. */
  readonly maxBytes: number
  /** Bytes of one bulk string, verbatim string or bulk error. */
  readonly maxBulkLength: number
  /**
   * Elements of one aggregate, and of all aggregates in one reply that are complete; each pair of a map or an attribute counts as
   * two.
   */
  readonly maxElements: number
  /** How deep aggregates may be nested; an array of integers has depth 1. */
  readonly maxDepth: number
  /**
   * Bytes of one line, its type byte included, its CRLF not. An error may be longer, up to `maxBulkLength`; the excess is
   * read and dropped. When this limit is not given, a simple string may be as long as a bulk string: it may be a user's value,
   * and is never cut.
   */
  readonly maxLineLength: number
}

/**
 * The default limits: 1 GiB per reply, 512 MiB per string (a server's default `proto-max-bulk-len`), 67 million elements, 128
 * levels of nesting, 64 KiB per line.
 *
 * @category configuration
 * @since 0.1.0
 */
export const defaultLimits: Limits = {
  maxBytes: 1024 * 1024 * 1024,
  maxBulkLength: 512 * 1024 * 1024,
  maxElements: 64 * 1024 * 1024,
  maxDepth: 128,
  maxLineLength: 64 * 1024
}

/**
 * The callbacks of a decoder's owner. The decoder calls them synchronously while `push` runs.
 *
 * **Details**
 *
 * An exception from a handler does not disturb the decoder: it decodes and hands over the rest of the chunk first, then `push`
 * throws the first such exception. If that rest is malformed, the next `push` throws the {@link ProtocolError}.
 *
 * **Gotchas**
 *
 * A handler may call `reset` on its decoder, which drops the rest of the chunk, but not `push`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler {
  /** Whether to return strings as bytes. Called once at the beginning of each reply or push message. */
  wantsBytes(push: boolean): boolean
  /** Takes the next reply, in the order of arrival. */
  onReply(value: Value): void
  /** Takes a RESP3 push message, which may come between any two replies. */
  onPush(values: ReadonlyArray<Value>): void
  /**
   * Takes several consecutive push messages in one call: messages of three texts that differ only in the last. `wantsBytes`
   * is called once for all of them. Without this method, each goes to `onPush`.
   */
  onPushes?(begin: readonly [string, string], last: ReadonlyArray<string>): void
}
