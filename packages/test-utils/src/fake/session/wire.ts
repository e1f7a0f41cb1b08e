/**
 * The server's side of RESP: reading commands from bytes, and writing replies whose strings are bytes.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import type { Version } from "../facts/version.ts"
import { fromBytes } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import * as Format from "../values/format.ts"
import { splitWords } from "../values/splitWords.ts"

/** Thrown for bytes that are not a command. The connection ends after the error. */
export class BrokenRequest extends Error {}

const carriageReturn = 13
const lineFeed = 10
const star = 42
const dollar = 36
const maxArguments = 2 ** 31 - 1
const maxBulk = 512 * 1024 * 1024
const maxLine = 64 * 1024
/** The limits for clients that have not authenticated. */
const stranger = { arguments: 10, bulk: 16 * 1024 }

/** Reads an integer. The server accepts only its own spelling of a number. */
const integer = (text: Bin): number => /^(?:0|-?[1-9]\d{0,18})$/.test(text) ? Number(text) : NaN

/** Reads commands from chunks with arbitrary boundaries. */
export class Requests {
  private chunks: Array<Uint8Array> = []
  private held = 0
  /** The number of bytes that have to be there before anything can be read. */
  private needed = 1
  private rest: Uint8Array = new Uint8Array(0)
  private at = 0
  private argv: Array<Bin> = []
  private left = 0
  private length = -1
  private readonly trusted: () => boolean

  /** `trusted`: whether the client may send requests of any size. If there is a password, this takes AUTH. */
  constructor(trusted: () => boolean = () => true) {
    this.trusted = trusted
  }

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
        if (this.rest[this.at] !== star) {
          const line = this.line(lineFeed, "inline request")
          if (line === undefined) return undefined
          const words = splitWords(line.endsWith("\r") ? line.slice(0, -1) : line)
          if (words === undefined) throw new BrokenRequest("ERR Protocol error: unbalanced quotes in request")
          if (words.length === 0) continue
          return words
        }
        const line = this.line(carriageReturn, "mbulk count string")
        if (line === undefined) return undefined
        const count = integer(line.slice(1))
        if (!(count <= maxArguments)) throw new BrokenRequest("ERR Protocol error: invalid multibulk length")
        if (count > stranger.arguments && !this.trusted()) {
          throw new BrokenRequest("ERR Protocol error: unauthenticated multibulk length")
        }
        if (count <= 0) continue
        this.left = count
        this.argv = []
      }
      while (this.left > 0) {
        if (this.length < 0) {
          const line = this.line(carriageReturn, "bulk count string")
          if (line === undefined) return undefined
          if (line.charCodeAt(0) !== dollar) {
            throw new BrokenRequest(`ERR Protocol error: expected '$', got '${line[0] ?? "\r"}'`)
          }
          const length = integer(line.slice(1))
          if (!(length >= 0 && length <= maxBulk)) throw new BrokenRequest("ERR Protocol error: invalid bulk length")
          if (length > stranger.bulk && !this.trusted()) {
            throw new BrokenRequest("ERR Protocol error: unauthenticated bulk length")
          }
          this.length = length
        }
        if (this.rest.length - this.at < this.length + 2) {
          this.needed = this.length + 2
          return undefined
        }
        this.argv.push(fromBytes(this.rest, this.at, this.at + this.length))
        this.at += this.length + 2
        this.length = -1
        this.left--
      }
      this.needed = 1
      return this.argv
    }
  }

  /** The rest of a line, up to its ending. After a carriage return the server skips a byte, whatever it is. */
  private line(ending: number, what: string): Bin | undefined {
    const { at, rest } = this
    const end = rest.indexOf(ending, at)
    const line = fromBytes(rest, at, Math.max(end, at))
    // The server searches for the end in a C string, and so does not find it behind a NUL.
    if (end < 0 || line.includes("\0")) {
      if (rest.length - at > maxLine) throw new BrokenRequest(`ERR Protocol error: too big ${what}`)
      this.needed = rest.length - at + 1
      return undefined
    }
    const next = ending === carriageReturn ? end + 2 : end + 1
    if (next > rest.length) {
      this.needed = next - at
      return undefined
    }
    this.at = next
    return line
  }

  private join(): void {
    const before = this.rest.subarray(this.at)
    if (before.length === 0 && this.chunks.length === 1) this.rest = this.chunks[0]
    else {
      this.rest = new Uint8Array(before.length + this.held)
      this.rest.set(before)
      let at = before.length
      for (const chunk of this.chunks) {
        this.rest.set(chunk, at)
        at += chunk.length
      }
    }
    this.chunks = []
    this.held = 0
    this.at = 0
  }
}

const blob = (type: string, value: Bin | Uint8Array): Bin => {
  const bin = typeof value === "string" ? value : fromBytes(value)
  return `${type}${bin.length}\r\n${bin}\r\n`
}

const line = (type: string, text: Bin): Bin => `${type}${/[\r\n]/.test(text) ? text.replace(/[\r\n]/g, " ") : text}\r\n`

const sequence = (type: string, items: ReadonlyArray<Resp.Reply>, protocol: 2 | 3, version: Version): Bin => {
  let out = `${type}${items.length}\r\n`
  for (const item of items) out += encode(item, protocol, version)
  return out
}

const pairs = (
  type: string,
  entries: ReadonlyArray<readonly [Resp.Reply, Resp.Reply]>,
  protocol: 2 | 3,
  version: Version
): Bin => {
  let out = `${type}${protocol === 3 ? entries.length : entries.length * 2}\r\n`
  for (const [key, value] of entries) out += encode(key, protocol, version) + encode(value, protocol, version)
  return out
}

/**
 * A reply as bytes of the protocol. Unlike core's encoder, strings are bytes, one per character, and doubles have the digits
 * that the server prints.
 */
export const encode = (reply: Resp.Reply, protocol: 2 | 3, version: Version): Bin => {
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
      return sequence("*", reply.items, protocol, version)
    case "Map":
      return pairs(resp3 ? "%" : "*", reply.entries, protocol, version)
    case "Set":
      return sequence(resp3 ? "~" : "*", reply.items, protocol, version)
    case "Push":
      return sequence(resp3 ? ">" : "*", reply.items, protocol, version)
    case "Double":
      return resp3 ? `,${Format.double(reply.value, version)}\r\n` : blob("$", Format.double(reply.value, version))
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
      return (resp3 ? pairs("|", reply.entries, protocol, version) : "") + encode(reply.reply, protocol, version)
  }
}
