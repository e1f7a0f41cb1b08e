/**
 * Replies as a server sends them, and their encoding: the counterpart of the decoder, for the in-memory server and the tests.
 * Nothing here is tuned for speed, and no limit is checked, because the replies come from our own code.
 *
 * @since 0.1.0
 */
import { encodeText } from "./text.ts"

/**
 * Everything a server can send, one variant per RESP type.
 *
 * **Details**
 *
 * `Null` and `NullArray` differ on the wire in RESP2 only, where a command such as BLPOP answers with the latter.
 * An `Attribute` carries the reply that it annotates.
 *
 * Source: RESP protocol specification, "RESP protocol description".
 *
 * @category models
 * @since 0.1.0
 */
export type Reply =
  | { readonly _tag: "Simple"; readonly text: string }
  | { readonly _tag: "Error"; readonly message: string }
  | { readonly _tag: "Bulk"; readonly value: string | Uint8Array }
  | { readonly _tag: "Integer"; readonly value: number | bigint }
  | { readonly _tag: "Null" }
  | { readonly _tag: "NullArray" }
  | { readonly _tag: "Array"; readonly items: ReadonlyArray<Reply> }
  | { readonly _tag: "Map"; readonly entries: ReadonlyArray<readonly [Reply, Reply]> }
  | { readonly _tag: "Set"; readonly items: ReadonlyArray<Reply> }
  | { readonly _tag: "Push"; readonly items: ReadonlyArray<Reply> }
  | { readonly _tag: "Double"; readonly value: number }
  | { readonly _tag: "Boolean"; readonly value: boolean }
  | { readonly _tag: "BigNumber"; readonly value: bigint }
  | { readonly _tag: "Verbatim"; readonly format: string; readonly text: string | Uint8Array }
  | { readonly _tag: "BulkError"; readonly message: string }
  | { readonly _tag: "Attribute"; readonly entries: ReadonlyArray<readonly [Reply, Reply]>; readonly reply: Reply }

/**
 * The constructors of {@link Reply}.
 *
 * **Example** (A reply of EXEC with one failed command)
 *
 * ```ts
 * import * as Resp from "@redisc/core/Resp"
 *
 * const reply = Resp.Reply.array([Resp.Reply.simple("OK"), Resp.Reply.error("WRONGTYPE not a list")])
 *
 * Resp.encodeReply(reply, 3)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Reply = {
  simple: (text: string): Reply => ({ _tag: "Simple", text }),
  error: (message: string): Reply => ({ _tag: "Error", message }),
  bulk: (value: string | Uint8Array): Reply => ({ _tag: "Bulk", value }),
  integer: (value: number | bigint): Reply => ({ _tag: "Integer", value }),
  null: { _tag: "Null" } as Reply,
  nullArray: { _tag: "NullArray" } as Reply,
  array: (items: ReadonlyArray<Reply>): Reply => ({ _tag: "Array", items }),
  map: (entries: ReadonlyArray<readonly [Reply, Reply]>): Reply => ({ _tag: "Map", entries }),
  set: (items: ReadonlyArray<Reply>): Reply => ({ _tag: "Set", items }),
  push: (items: ReadonlyArray<Reply>): Reply => ({ _tag: "Push", items }),
  double: (value: number): Reply => ({ _tag: "Double", value }),
  boolean: (value: boolean): Reply => ({ _tag: "Boolean", value }),
  bigNumber: (value: bigint): Reply => ({ _tag: "BigNumber", value }),
  /** `format` has three characters, such as `txt` or `mkd`. */
  verbatim: (format: string, text: string | Uint8Array): Reply => ({ _tag: "Verbatim", format, text }),
  bulkError: (message: string): Reply => ({ _tag: "BulkError", message }),
  attribute: (entries: ReadonlyArray<readonly [Reply, Reply]>, reply: Reply): Reply => ({
    _tag: "Attribute",
    entries,
    reply
  })
} as const

/**
 * The bytes of a reply, as Redis sends it to a connection that speaks the given protocol.
 *
 * **Details**
 *
 * For RESP2 the newer types are sent as a server sends them to an old client: a map as a flat array, a set and a push as an
 * array, a double, a big number and a verbatim string as a bulk string, a boolean as 1 or 0, null as a bulk string of length
 * -1, a bulk error as a simple one. An attribute is left out.
 *
 * A line break in a simple string or error would end it early, so each CR and LF becomes a blank.
 *
 * Source: RESP protocol specification, "RESP protocol description"; `addReply*` in the server's networking.c.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeReply = (reply: Reply, protocol: 2 | 3): Uint8Array => {
  const parts: Array<Uint8Array> = []
  write(reply, protocol, parts)
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const crlf = encodeText("\r\n")

const line = (type: string, text: string, parts: Array<Uint8Array>) => {
  parts.push(encodeText(`${type}${text.replace(/[\r\n]/g, " ")}\r\n`))
}

const blob = (type: string, value: string | Uint8Array, parts: Array<Uint8Array>) => {
  const bytes = typeof value === "string" ? encodeText(value) : value
  parts.push(encodeText(`${type}${bytes.length}\r\n`), bytes, crlf)
}

const sequence = (type: string, items: ReadonlyArray<Reply>, protocol: 2 | 3, parts: Array<Uint8Array>) => {
  line(type, String(items.length), parts)
  for (const item of items) write(item, protocol, parts)
}

const pairs = (
  type: string,
  entries: ReadonlyArray<readonly [Reply, Reply]>,
  protocol: 2 | 3,
  parts: Array<Uint8Array>
) => {
  line(type, String(protocol === 3 ? entries.length : entries.length * 2), parts)
  for (const [key, value] of entries) {
    write(key, protocol, parts)
    write(value, protocol, parts)
  }
}

const formatDouble = (value: number): string => {
  if (Number.isNaN(value)) return "nan"
  if (value === Infinity) return "inf"
  if (value === -Infinity) return "-inf"
  return Object.is(value, -0) ? "-0" : String(value)
}

const write = (reply: Reply, protocol: 2 | 3, parts: Array<Uint8Array>): void => {
  const resp3 = protocol === 3
  switch (reply._tag) {
    case "Simple":
      return line("+", reply.text, parts)
    case "Error":
      return line("-", reply.message, parts)
    case "Bulk":
      return blob("$", reply.value, parts)
    case "Integer":
      return line(":", String(reply.value), parts)
    case "Null":
      return resp3 ? line("_", "", parts) : line("$", "-1", parts)
    case "NullArray":
      return resp3 ? line("_", "", parts) : line("*", "-1", parts)
    case "Array":
      return sequence("*", reply.items, protocol, parts)
    case "Map":
      return pairs(resp3 ? "%" : "*", reply.entries, protocol, parts)
    case "Set":
      return sequence(resp3 ? "~" : "*", reply.items, protocol, parts)
    case "Push":
      return sequence(resp3 ? ">" : "*", reply.items, protocol, parts)
    case "Double":
      return resp3 ? line(",", formatDouble(reply.value), parts) : blob("$", formatDouble(reply.value), parts)
    case "Boolean":
      return resp3 ? line("#", reply.value ? "t" : "f", parts) : line(":", reply.value ? "1" : "0", parts)
    case "BigNumber":
      return resp3 ? line("(", String(reply.value), parts) : blob("$", String(reply.value), parts)
    case "Verbatim": {
      if (!resp3) return blob("$", reply.text, parts)
      const text = typeof reply.text === "string" ? encodeText(reply.text) : reply.text
      const bytes = new Uint8Array(4 + text.length)
      bytes.set(encodeText(`${reply.format}:`))
      bytes.set(text, 4)
      return blob("=", bytes, parts)
    }
    case "BulkError":
      return resp3 ? blob("!", reply.message, parts) : line("-", reply.message, parts)
    case "Attribute": {
      if (resp3) pairs("|", reply.entries, protocol, parts)
      return write(reply.reply, protocol, parts)
    }
  }
}
