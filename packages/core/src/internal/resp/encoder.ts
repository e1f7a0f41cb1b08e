/**
 * Commands to bytes. Knows the framing of a request, an array of bulk strings, and nothing of what the words mean.
 *
 * **Who owns the bytes.** Everything is appended to a slab, and a chunk that was handed out stays as it is while the socket
 * works on it; encoding goes on behind it. Who hears that all has been sent says so by `reuse`, and the slab is written to from
 * its beginning again, by this encoder or another. A full slab is left to its readers and the garbage collector. A payload too
 * large to be worth a copy becomes a chunk of its own: that one still belongs to the caller, who must not change it until it has
 * been sent.
 *
 * @since 0.1.0
 */
import { forPayloads, Spare } from "./spare.ts"
import { encodeText, writeText } from "./text.ts"
import { defaultLimits } from "./value.ts"

/**
 * The constant part of a command, its name, encoded once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Head {
  /** The words of the name, each as a bulk string. */
  readonly bytes: Uint8Array
  /** How many words there are. */
  readonly count: number
}

/**
 * Encodes the name of a command, words separated by blanks.
 *
 * **Example** (A command of two words)
 *
 * ```ts
 * import * as Resp from "@redisc/core/Resp"
 *
 * const clusterSlots = Resp.head("CLUSTER SLOTS")
 *
 * clusterSlots.count // => 2
 * ```
 *
 * Source: RESP protocol specification, "Sending commands to a Redis server".
 *
 * @category constructors
 * @since 0.1.0
 */
export const head = (name: string): Head => {
  const words = name.split(" ").filter((word) => word !== "")
  const frames = words.map((word) => `$${encodeText(word).length}\r\n${word}\r\n`)
  return { bytes: encodeText(frames.join("")), count: words.length }
}

const slabSize = 64 * 1024

/** One would be enough for all connections if what is written were always sent at once. */
const slabs = new Spare(8, slabSize)

/** So many buffers are remembered that a slow socket holds. */
const mostLent = 8

const none = new Uint8Array(0)

/** Payloads above this go out as chunks of their own. It fits into a fresh slab, frame included. */
const copyLimit = 32 * 1024

/** What has to be free behind a text, to see that all of it was written. See `writeText`. */
const margin = 4

const longest = defaultLimits.maxBulkLength

/** Up to here a loop, at 2 ns a byte, beats a call into the platform, at 25 to 80 ns whatever the length. */
const loopLimit = 16

/** Room for a type byte, the digits of any length, and two CRLFs. */
const frameRoom = 24

/**
 * A command can't be written. The message says why, and shows nothing of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class EncodeError extends Error {
  readonly _tag = "EncodeError"
  override readonly name = "EncodeError"
}

/**
 * What the platform itself says of bytes. A subclass may say otherwise of itself, and what goes by that would write a frame
 * that its payload does not fill.
 */
const intrinsic = (name: PropertyKey): (this: unknown) => unknown =>
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name)!.get!
const tagOf = intrinsic(Symbol.toStringTag)
const lengthOf = intrinsic("length") as (this: Uint8Array) => number
const bufferOf = intrinsic("buffer") as (this: Uint8Array) => ArrayBufferLike & { readonly resizable?: boolean }
const offsetOf = intrinsic("byteOffset") as (this: Uint8Array) => number

/** How many bytes there are. Types are no help: who has none can give anything. */
const measure = (arg: Uint8Array): number => {
  if (tagOf.call(arg) !== "Uint8Array") throw new EncodeError("an argument is neither text nor bytes")
  const length = lengthOf.call(arg)
  if (length > 0) return length
  try {
    // Throws where there is no memory any more, which is not to be taken for an empty value.
    Uint8Array.prototype.at.call(arg, 0)
  } catch {
    throw new EncodeError("the memory of an argument was given away, or has shrunk")
  }
  return 0
}

/**
 * Bytes that are as long as they say to whoever reads them, for as long as they are on their way: they themselves, as a rule.
 */
const steady = (bytes: Uint8Array, length: number): Uint8Array => {
  const buffer = bufferOf.call(bytes)
  if (!(buffer instanceof ArrayBuffer) || buffer.resizable === true) {
    const copy = new Uint8Array(length)
    copy.set(bytes)
    return copy
  }
  const isPlain = Object.getPrototypeOf(bytes) === Uint8Array.prototype &&
    !extent.some((name) => Object.hasOwn(bytes, name))
  return isPlain ? bytes : new Uint8Array(buffer, offsetOf.call(bytes), length)
}

const extent = ["length", "byteLength", "byteOffset", "buffer"] as const

/**
 * Gathers commands into few large chunks.
 *
 * **Details**
 *
 * Text is sent as UTF-8, a lone surrogate as U+FFFD. Between two calls of `take` the commands are contiguous, so there is
 * mostly one chunk; a full slab or a payload above 32 KiB starts another.
 *
 * What is neither text nor bytes, or longer than the 512 MiB that Redis takes, throws an {@link EncodeError}. Something of
 * the command may have been appended by then: `rollback` takes back all that came since the last `mark`.
 *
 * **Gotchas**
 *
 * A `Uint8Array` argument above 32 KiB is not copied. It must not change until it has been sent.
 *
 * **Example** (Two commands, one chunk)
 *
 * ```ts
 * import * as Resp from "@redisc/core/Resp"
 *
 * const get = Resp.head("GET")
 * const encoder = new Resp.Encoder()
 * encoder.command(get, ["user:1"])
 * encoder.command(get, ["user:2"])
 *
 * encoder.take().length // => 1
 * ```
 *
 * Source: RESP protocol specification, "Sending commands to a Redis server".
 *
 * @category encoding
 * @since 0.1.0
 */
export class Encoder {
  private slab: Uint8Array = none
  /** Where the bytes that were not handed out begin, and where the next one goes. */
  private start = 0
  private at = 0
  /** Buffers besides the slab in which chunks are that were handed out, or will be. */
  private lent: Array<Uint8Array> | undefined
  /** What was finished since the last take, and its bytes. */
  private chunks: Array<Uint8Array> | undefined
  private finished = 0
  private markedChunks = 0
  private markedFinished = 0
  private markedSlab: Uint8Array = none
  private markedStart = 0
  private markedAt = 0

  /** Appends a command: its name, then its arguments. */
  command(head: Head, args: ReadonlyArray<string | Uint8Array>): void {
    const count = args.length
    // It decides where the server sees the next command begin.
    if (count >>> 0 !== count) throw new EncodeError("the arguments are no array")
    this.reserve(frameRoom)
    this.frame(0x2a, head.count + count)
    this.bytes(head.bytes, head.bytes.length)
    for (let index = 0; index < count; index++) {
      const arg = args[index]
      if (typeof arg !== "string") this.bulk(arg, measure(arg))
      else if (arg.length > copyLimit) this.longText(arg)
      else this.text(arg)
    }
  }

  /** Remembers this place for {@link rollback}. */
  mark(): void {
    this.markedChunks = this.chunks === undefined ? 0 : this.chunks.length
    this.markedFinished = this.finished
    this.markedSlab = this.slab
    this.markedStart = this.start
    this.markedAt = this.at
  }

  /** Takes back what was appended since the last {@link mark}. Nothing may have been taken since. */
  rollback(): void {
    if (this.chunks !== undefined) this.chunks.length = this.markedChunks
    this.finished = this.markedFinished
    this.start = this.markedStart
    this.at = this.markedAt
    if (this.slab === this.markedSlab) return
    this.slab = this.markedSlab
    // It is among these, and must not be given to another encoder now.
    this.lent = undefined
  }

  /** How many bytes wait to be taken. */
  get size(): number {
    return this.finished + this.at - this.start
  }

  /** Hands out what was appended since the last call, in order; nothing if there is nothing. */
  take(): ReadonlyArray<Uint8Array> {
    this.cut()
    const chunks = this.chunks ?? []
    this.chunks = undefined
    this.finished = 0
    return chunks
  }

  /** All that was handed out has been sent, or copied: its memory can be written to again. */
  reuse(): void {
    if (this.size > 0) return
    if (this.lent !== undefined) {
      for (const buffer of this.lent) (buffer.length === slabSize ? slabs : forPayloads).give(buffer)
      this.lent = undefined
    }
    if (this.slab === none) return
    slabs.give(this.slab)
    this.slab = none
    this.start = 0
    this.at = 0
  }

  private lend(buffer: Uint8Array): void {
    this.lent ??= []
    this.lent.push(buffer)
    if (this.lent.length > mostLent) this.lent.shift()
  }

  /** Closes the chunk in progress. */
  private cut(): void {
    if (this.at === this.start) return
    this.finish(this.slab.subarray(this.start, this.at))
    this.start = this.at
  }

  private finish(chunk: Uint8Array): void {
    this.chunks ??= []
    this.chunks.push(chunk)
    this.finished += chunk.length
  }

  /** Makes sure that the slab has room for a piece, which is smaller than a slab. */
  private reserve(length: number): void {
    if (this.at + length <= this.slab.length) return
    this.cut()
    if (this.slab !== none) this.lend(this.slab)
    this.slab = slabs.take(slabSize)
    this.start = 0
    this.at = 0
  }

  private bytes(bytes: Uint8Array, length: number): void {
    if (length > copyLimit) {
      this.cut()
      this.finish(steady(bytes, length))
    } else {
      this.reserve(length)
      this.copy(bytes, length)
    }
  }

  private copy(bytes: Uint8Array, length: number): void {
    const slab = this.slab
    const at = this.at
    if (length > loopLimit) {
      slab.set(bytes, at)
    } else {
      for (let index = 0; index < length; index++) slab[at + index] = bytes[index]
    }
    this.at = at + length
  }

  private bulk(payload: Uint8Array, length: number): void {
    if (length > longest) throw new EncodeError("an argument is longer than the 512 MiB that Redis takes")
    this.reserve(frameRoom)
    this.frame(0x24, length)
    this.bytes(payload, length)
    this.reserve(2)
    this.crlf()
  }

  private text(text: string): void {
    this.reserve(frameRoom + text.length + margin + frameRoom)
    const begin = this.at
    // Most text is ASCII: its length in UTF-16 units is the length in bytes.
    this.frame(0x24, text.length)
    if (!this.ascii(text)) {
      const payload = this.at
      const end = this.slab.length - frameRoom
      const written = writeText(text, this.slab, payload, end)
      if (written !== text.length) {
        this.at = begin
        if (payload + written + margin > end) return this.bytesOf(text)
        // A longer number moves the payload, which has to make room before the number is written.
        const shift = digits(written) - digits(text.length)
        if (shift > 0) this.slab.copyWithin(payload + shift, payload, payload + written)
        this.frame(0x24, written)
      }
      this.at += written
    }
    this.crlf()
  }

  /** Text that becomes a chunk of its own is written to a buffer that was used before, if all of it is ASCII. */
  private longText(text: string): void {
    const buffer = forPayloads.take(text.length + margin)
    const written = writeText(text, buffer, 0, buffer.length)
    if (written !== text.length) {
      forPayloads.give(buffer)
      return this.bytesOf(text)
    }
    this.lend(buffer)
    this.bulk(buffer.subarray(0, written), written)
  }

  private bytesOf(text: string): void {
    const bytes = encodeText(text)
    this.bulk(bytes, bytes.length)
  }

  /** Writes a short text and moves on, or gives up on the first character that is not ASCII and stays. */
  private ascii(text: string): boolean {
    const length = text.length
    if (length > loopLimit) return false
    const slab = this.slab
    const at = this.at
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      slab[at + index] = code
    }
    this.at = at + length
    return true
  }

  /** Writes a type byte, a number and a CRLF. */
  private frame(type: number, count: number): void {
    const slab = this.slab
    let at = this.at
    slab[at++] = type
    let power = 1
    while (count >= power * 10) power *= 10
    for (; power > 1; power /= 10) slab[at++] = 0x30 + Math.floor(count / power) % 10
    slab[at++] = 0x30 + count % 10
    this.at = at
    this.crlf()
  }

  private crlf(): void {
    this.slab[this.at] = 0x0d
    this.slab[this.at + 1] = 0x0a
    this.at += 2
  }
}

const digits = (count: number): number => {
  let digits = 1
  for (let rest = count; rest >= 10; rest = Math.floor(rest / 10)) digits++
  return digits
}
