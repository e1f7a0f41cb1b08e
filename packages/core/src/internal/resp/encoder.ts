/**
 * Turns commands into bytes. Knows the framing of a request, an array of bulk strings, and nothing of what the words mean.
 *
 * **Who owns the bytes.** Everything is appended to a slab. A chunk that was handed out does not change while the socket works
 * on it: encoding continues behind it. Once everything has been sent, the owner calls `reuse`, and the slab is written from its
 * beginning again, by this encoder or another. A full slab is left to its readers and the garbage collector. A payload too
 * large to be worth a copy becomes a chunk of its own: it still belongs to the caller, who must not change it until it has
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

/** Slabs for all encoders. One slab would do if every write were sent at once; slow sockets hold theirs longer. */
const slabs = new Spare(8, slabSize)

/** An encoder remembers at most this many lent buffers for reuse; with a slow socket, older ones go to the collector. */
const mostLent = 8

const none = new Uint8Array(0)

/** Payloads above this become chunks of their own. A payload of this size, with its frame, fits into a fresh slab. */
const copyLimit = 32 * 1024

/** Free bytes needed behind a text to be sure that all of it was written; see `writeText`. */
const margin = 4

const longest = defaultLimits.maxBulkLength

/** Up to this length a loop (2 ns a byte) is faster than a call into the platform (25 to 80 ns at any length). */
const loopLimit = 16

/** Enough bytes for a type byte, the digits of any length, and two CRLFs. */
const frameRoom = 24

/**
 * A command cannot be encoded. The message says why, and shows no argument.
 *
 * @category errors
 * @since 0.1.0
 */
export class EncodeError extends Error {
  readonly _tag = "EncodeError"
  override readonly name = "EncodeError"
}

/**
 * The getter of Uint8Array itself. A subclass can override its getters, and a wrong length would make a frame that does not
 * match its payload.
 */
const intrinsic = (name: PropertyKey): (this: unknown) => unknown =>
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name)!.get!
const tagOf = intrinsic(Symbol.toStringTag)
const lengthOf = intrinsic("length") as (this: Uint8Array) => number
const bufferOf = intrinsic("buffer") as (this: Uint8Array) => ArrayBufferLike & { readonly resizable?: boolean }
const offsetOf = intrinsic("byteOffset") as (this: Uint8Array) => number

/** The number of bytes. Checks the argument at run time, because a caller without TypeScript can pass anything. */
const measure = (arg: Uint8Array): number => {
  if (tagOf.call(arg) !== "Uint8Array") throw new EncodeError("an argument is neither text nor bytes")
  const length = lengthOf.call(arg)
  if (length > 0) return length
  try {
    // Throws if the buffer was detached or has shrunk, which must not pass for an empty value.
    Uint8Array.prototype.at.call(arg, 0)
  } catch {
    throw new EncodeError("the memory of an argument was given away, or has shrunk")
  }
  return 0
}

/**
 * Bytes whose length cannot change before they are sent, and that report their real length to every reader. Mostly these are
 * the bytes themselves; shared or resizable memory is copied, a subclass is wrapped.
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
 * An argument that is neither text nor bytes, or longer than the 512 MiB that Redis takes, throws an {@link EncodeError}.
 * Part of the command may have been appended by then: `rollback` removes everything since the last `mark`.
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
  /** Offsets in the slab: of the first byte not handed out, and of the next byte to write. */
  private start = 0
  private at = 0
  /** Other buffers that hold chunks, handed out or waiting in `chunks`. `reuse` gives them back. */
  private lent: Array<Uint8Array> | undefined
  /** The chunks finished since the last `take`, and their total length. */
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
    // A wrong count would shift where the server sees the next command begin.
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

  /** Remembers the current position for {@link rollback}. */
  mark(): void {
    this.markedChunks = this.chunks === undefined ? 0 : this.chunks.length
    this.markedFinished = this.finished
    this.markedSlab = this.slab
    this.markedStart = this.start
    this.markedAt = this.at
  }

  /** Removes everything appended since the last {@link mark}. There must have been no `take` since. */
  rollback(): void {
    if (this.chunks !== undefined) this.chunks.length = this.markedChunks
    this.finished = this.markedFinished
    this.start = this.markedStart
    this.at = this.markedAt
    if (this.slab === this.markedSlab) return
    this.slab = this.markedSlab
    // The marked slab is in `lent`, and must not go to another encoder while this one writes to it.
    this.lent = undefined
  }

  /** The number of bytes that the next `take` hands out. */
  get size(): number {
    return this.finished + this.at - this.start
  }

  /** Hands out the chunks appended since the last call, in order. The array is empty if nothing was. */
  take(): ReadonlyArray<Uint8Array> {
    this.cut()
    const chunks = this.chunks ?? []
    this.chunks = undefined
    this.finished = 0
    return chunks
  }

  /** Frees the memory of the chunks handed out. Call it once all of them have been sent or copied. */
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

  /** Finishes the current chunk. */
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

  /** Makes sure that the slab has room for `length` bytes, fewer than a slab has. */
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
        // The length in bytes can have more digits than the guess. Move the payload before writing the length.
        const shift = digits(written) - digits(text.length)
        if (shift > 0) this.slab.copyWithin(payload + shift, payload, payload + written)
        this.frame(0x24, written)
      }
      this.at += written
    }
    this.crlf()
  }

  /** Writes a text above the copy limit to a reused buffer if all of it is ASCII, else to fresh memory. */
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

  /** Writes a short ASCII text and advances `at`. Returns false, without advancing, if the text is long or not ASCII. */
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
