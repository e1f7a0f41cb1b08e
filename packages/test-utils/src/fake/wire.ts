/**
 * The server's side of RESP: reading commands from bytes, and writing replies whose strings are bytes.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import { fromBytes } from "./binary.ts"
import type { Bin } from "./binary.ts"
import * as Format from "./format.ts"

/** The client has sent something that is no command; the connection ends after the error. */
export class BrokenRequest extends Error {}

const carriageReturn = 13
const star = 42
const dollar = 36
const maxArguments = 1024 * 1024
const maxBulk = 512 * 1024 * 1024
const maxInline = 64 * 1024

/** The words of an inline command, with quotes as a shell has them. */
const inlineWords = (line: Bin): Array<Bin> => {
  const words: Array<Bin> = []
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\')*)'|([^\s"']+))(?=\s|$)/gy
  let at = 0
  const text = line.trimEnd()
  while (at < text.length) {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) throw new BrokenRequest("ERR Protocol error: unbalanced quotes in request")
    at = pattern.lastIndex
    words.push(
      found[1] !== undefined ? unescape(found[1]) : found[2] !== undefined ? found[2].replaceAll("\\'", "'") : found[3]
    )
  }
  return words
}

const controls: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\u0007" }

const unescape = (text: Bin): Bin =>
  text.replace(
    /\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g,
    (_, hex: string | undefined, char: string) =>
      hex === undefined ? controls[char] ?? char : String.fromCharCode(Number.parseInt(hex, 16))
  )

/** Reads commands from chunks that are cut anywhere. */
export class Requests {
  private chunks: Array<Uint8Array> = []
  private held = 0
  /** Nothing can be read before so many bytes are there. */
  private needed = 1
  private rest: Buffer = Buffer.alloc(0)
  private at = 0
  private argv: Array<Bin> = []
  private left = 0
  private length = -1

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.held += chunk.byteLength
  }

  /** The next command, or undefined when more bytes are needed. Throws {@link BrokenRequest}. */
  next(): ReadonlyArray<Bin> | undefined {
    for (;;) {
      if (this.chunks.length > 0) {
        if (this.rest.length - this.at + this.held < this.needed) return undefined
        this.join()
      }
      if (this.left === 0) {
        const line = this.line()
        if (line === undefined) return undefined
        if (line.charCodeAt(0) !== star) {
          const words = inlineWords(line)
          if (words.length === 0) continue
          return words
        }
        const count = /^-?\d{1,10}$/.test(line.slice(1)) ? Number(line.slice(1)) : NaN
        if (!(count <= maxArguments)) throw new BrokenRequest("ERR Protocol error: invalid multibulk length")
        if (count <= 0) continue
        this.left = count
        this.argv = []
      }
      while (this.left > 0) {
        if (this.length < 0) {
          const line = this.line()
          if (line === undefined) return undefined
          if (line.charCodeAt(0) !== dollar) {
            throw new BrokenRequest(`ERR Protocol error: expected '$', got '${line[0] ?? "\r"}'`)
          }
          const length = /^\d{1,10}$/.test(line.slice(1)) ? Number(line.slice(1)) : NaN
          if (!(length <= maxBulk)) throw new BrokenRequest("ERR Protocol error: invalid bulk length")
          this.length = length
        }
        if (this.rest.length - this.at < this.length + 2) {
          this.needed = this.length + 2
          return undefined
        }
        this.argv.push(this.rest.toString("latin1", this.at, this.at + this.length))
        this.at += this.length + 2
        this.length = -1
        this.left--
      }
      this.needed = 1
      return this.argv
    }
  }

  private line(): Bin | undefined {
    const end = this.rest.indexOf(10, this.at)
    if (end < 0) {
      this.needed = this.rest.length - this.at + 1
      if (this.needed > maxInline) throw new BrokenRequest("ERR Protocol error: too big inline request")
      return undefined
    }
    const last = end > this.at && this.rest[end - 1] === carriageReturn ? end - 1 : end
    const line = this.rest.toString("latin1", this.at, last)
    this.at = end + 1
    return line
  }

  private join(): void {
    const before = this.rest.subarray(this.at)
    this.rest = before.length === 0 && this.chunks.length === 1
      ? asBuffer(this.chunks[0])
      : Buffer.concat([before, ...this.chunks])
    this.chunks = []
    this.held = 0
    this.at = 0
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const blob = (type: string, value: Bin | Uint8Array): Bin => {
  const bin = typeof value === "string" ? value : fromBytes(value)
  return `${type}${bin.length}\r\n${bin}\r\n`
}

const line = (type: string, text: Bin): Bin => `${type}${/[\r\n]/.test(text) ? text.replace(/[\r\n]/g, " ") : text}\r\n`

const sequence = (type: string, items: ReadonlyArray<Resp.Reply>, protocol: 2 | 3): Bin => {
  let out = `${type}${items.length}\r\n`
  for (const item of items) out += encode(item, protocol)
  return out
}

const pairs = (
  type: string,
  entries: ReadonlyArray<readonly [Resp.Reply, Resp.Reply]>,
  protocol: 2 | 3
): Bin => {
  let out = `${type}${protocol === 3 ? entries.length : entries.length * 2}\r\n`
  for (const [key, value] of entries) out += encode(key, protocol) + encode(value, protocol)
  return out
}

/**
 * A reply as it goes over the wire. It differs from core's encoder in that strings are bytes, one a character, and that
 * doubles have all the digits that Redis 7.0 prints.
 */
export const encode = (reply: Resp.Reply, protocol: 2 | 3): Bin => {
  const resp3 = protocol === 3
  switch (reply._tag) {
    case "Simple":
      return line("+", reply.text)
    case "Error":
      return line("-", reply.message)
    case "Bulk":
      return blob("$", reply.value)
    case "Integer":
      return `:${reply.value}\r\n`
    case "Null":
      return resp3 ? "_\r\n" : "$-1\r\n"
    case "NullArray":
      return resp3 ? "_\r\n" : "*-1\r\n"
    case "Array":
      return sequence("*", reply.items, protocol)
    case "Map":
      return pairs(resp3 ? "%" : "*", reply.entries, protocol)
    case "Set":
      return sequence(resp3 ? "~" : "*", reply.items, protocol)
    case "Push":
      return sequence(resp3 ? ">" : "*", reply.items, protocol)
    case "Double":
      return resp3 ? `,${Format.double(reply.value)}\r\n` : blob("$", Format.double(reply.value))
    case "Boolean":
      return resp3 ? `#${reply.value ? "t" : "f"}\r\n` : `:${reply.value ? 1 : 0}\r\n`
    case "BigNumber":
      return resp3 ? `(${reply.value}\r\n` : blob("$", String(reply.value))
    case "Verbatim": {
      const text = typeof reply.text === "string" ? reply.text : fromBytes(reply.text)
      return resp3 ? blob("=", `${reply.format}:${text}`) : blob("$", text)
    }
    case "BulkError":
      return resp3 ? blob("!", reply.message) : line("-", reply.message)
    case "Attribute":
      return (resp3 ? pairs("|", reply.entries, protocol) : "") + encode(reply.reply, protocol)
  }
}
