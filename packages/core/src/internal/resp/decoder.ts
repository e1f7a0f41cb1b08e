/**
 * Turns bytes into replies. The chunks may be cut anywhere. The decoder reads in place, keeps an explicit stack of open
 * aggregates, and looks at each byte of a payload once, however the payload is cut. It does not pair replies with requests
 * and knows nothing of commands.
 *
 * Between two chunks it is in one of three states: at the start of a line; inside a line, whose beginning is kept in `carry`;
 * inside a payload of known length, which is gathered in `blob`.
 *
 * **Who owns the bytes.** A chunk is borrowed while `push` runs, and everything that outlives the call is copied. Memory grows
 * with the bytes that have arrived, never with the lengths that were announced.
 *
 * @since 0.1.0
 */
import { Blob } from "./blob.ts"
import { PushHead } from "./pushHead.ts"
import { copyBytes, fromLine, simpleString, toMap, toWideInteger } from "./scalar.ts"
import { decodeText } from "./text.ts"
import * as Type from "./type.ts"
import { defaultLimits, ProtocolError, ReplyError } from "./value.ts"
import type { Handler, Limit, Limits, Value } from "./value.ts"

/** An aggregate (array, map, set, push, attribute) whose elements are still arriving. */
interface Frame {
  readonly type: number
  readonly items: Array<Value>
  readonly parent: Frame | undefined
  missing: number
}

/** Keys and values of the largest Map that V8 can hold: it throws beyond 2^24 entries. */
const maxMapElements = 2 * 2 ** 24

/**
 * Decodes the replies of one connection.
 *
 * **Details**
 *
 * Give it the chunks as they come; it calls its handler, synchronously, for every reply and push message that a chunk
 * completes. RESP2 and RESP3 need no switch, because their types do not collide. Attributes are read and dropped.
 *
 * On malformed input `push` first hands over the replies before it, then throws a {@link ProtocolError}. It throws the same
 * error on every later call until `reset`. The only other errors it throws are those of a handler, once the rest of the chunk
 * is decoded.
 *
 * **Gotchas**
 *
 * The streamed types of RESP3 (`$?`, `*?` and their like) are refused: no server sends them.
 *
 * **Example** (A reply in two chunks)
 *
 * ```ts
 * import * as Resp from "@redisc/core/Resp"
 *
 * const replies: Array<Resp.Value> = []
 * const decoder = new Resp.Decoder({
 *   wantsBytes: () => false,
 *   onReply: (value) => void replies.push(value),
 *   onPush: () => {}
 * })
 * decoder.push(Uint8Array.of(0x3a, 0x34)) // :4
 * decoder.push(Uint8Array.of(0x32, 0x0d, 0x0a)) // 2\r\n
 *
 * replies // => [42]
 * ```
 *
 * Source: RESP protocol specification, "RESP protocol description".
 *
 * @category decoding
 * @since 0.1.0
 */
export class Decoder {
  private readonly handler: Handler
  private readonly maxBytes: number
  private readonly maxBulkLength: number
  private readonly maxElements: number
  private readonly maxDepth: number
  private readonly maxLineLength: number
  private readonly maxSimpleLength: number

  private top: Frame | undefined
  private depth = 0
  /** The outermost open aggregate. Means nothing while `depth` is 0. */
  private root: Frame | undefined
  /** The root at the end of the last chunk, and the bytes that have arrived for it since that chunk. */
  private measured: Frame | undefined
  private size = 0
  /** The elements of the aggregates of this reply that are complete. */
  private elements = 0
  /** Whether the strings of the current reply or push message are returned as bytes instead of text. */
  private asBytes = false
  /** The first `carried` bytes hold the beginning of a line whose end has not arrived. */
  private carry = new Uint8Array(256)
  private carried = 0
  /** How many bytes of that line were dropped: an error that is too long is kept only in part. */
  private dropped = 0
  private blob: Blob | undefined
  private broken: ProtocolError | undefined
  /** Offset in the chunk where the current push message began; -1 outside one. */
  private pushAt = -1
  /** The second element (the channel) of the last push message. */
  private where: string | undefined
  private head: PushHead | undefined
  /** The first error that a handler threw during this `push`. */
  private thrown: { readonly error: unknown } | undefined
  /** Counts resets, so that `run` notices when a handler calls `reset`. */
  private generation = 0
  /** Offsets in the stream: of the next chunk, and of the buffer that is being read (a chunk, or `carry`). */
  private received = 0
  private base = 0
  /** Out-parameters of `readNumber` and `readLine`: offset behind the line (-1: incomplete) and number of digits. */
  private next = 0
  private digits = 0

  constructor(handler: Handler, limits: { readonly [K in keyof Limits]?: Limits[K] | undefined } = {}) {
    this.handler = handler
    this.maxBytes = limits.maxBytes ?? defaultLimits.maxBytes
    this.maxBulkLength = Math.min(limits.maxBulkLength ?? defaultLimits.maxBulkLength, this.maxBytes)
    this.maxElements = limits.maxElements ?? defaultLimits.maxElements
    this.maxDepth = limits.maxDepth ?? defaultLimits.maxDepth
    this.maxLineLength = limits.maxLineLength ?? defaultLimits.maxLineLength
    this.maxSimpleLength = limits.maxLineLength ?? this.maxBulkLength
  }

  /** Whether a part of a reply has been read. Push messages and attributes are no part of a reply. */
  get isInReply(): boolean {
    const { depth, root } = this
    if (depth > 0 && root !== undefined) return root.type !== Type.push && root.type !== Type.attribute
    if (this.blob !== undefined) return true
    return this.carried > 0 && this.carry[0] !== Type.push && this.carry[0] !== Type.attribute
  }

  /** Decodes a chunk. The caller may reuse the chunk as soon as the call returns. */
  push(chunk: Uint8Array): void {
    if (this.broken !== undefined) throw this.broken
    let problem: ProtocolError | undefined
    try {
      this.consume(chunk)
    } catch {
      // `fail` sets `broken`. Any other error is a failed allocation, after which a reply is half read.
      problem = this.broken ??= new ProtocolError("no memory for a reply", this.received)
    }
    if (this.thrown !== undefined) {
      const { error } = this.thrown
      this.thrown = undefined
      throw error
    }
    if (problem !== undefined) throw problem
  }

  /** Forgets everything, as for a new connection: a half-read reply, a failure, the count of bytes. */
  reset(): void {
    this.top = undefined
    this.depth = 0
    this.measured = undefined
    this.carried = 0
    this.dropped = 0
    this.blob = undefined
    this.broken = undefined
    this.received = 0
    this.generation++
  }

  private consume(chunk: Uint8Array): void {
    const generation = this.generation
    let at = 0
    if (this.carried > 0) {
      at = this.finishLine(chunk)
      if (this.generation !== generation) return
    }
    this.base = this.received
    this.pushAt = -1
    if (this.blob !== undefined) at = this.gather(this.blob, chunk, at, chunk.length)
    if (this.generation === generation) at = this.run(chunk, at, chunk.length)
    if (this.generation !== generation) return
    if (at < chunk.length) this.keepLine(chunk, at, chunk.length)
    if (this.depth > 0) this.measure(chunk.length)
    else this.measured = undefined
    this.received += chunk.length
  }

  /** Counts the bytes of a chunk at whose end an aggregate is open. */
  private measure(length: number): void {
    const { root } = this
    if (root !== this.measured) {
      this.measured = root
      this.size = 0
    } else {
      this.size += length
      if (this.size > this.maxBytes) {
        this.base = this.received
        this.fail(`a reply is longer than the limit of ${this.maxBytes} bytes`, 0, this.limit("bytes", this.maxBytes))
      }
    }
  }

  /** Decodes all whole lines, and the payloads between them. Returns where the first incomplete line begins. */
  private run(data: Uint8Array, start: number, end: number): number {
    const generation = this.generation
    let at = start
    while (at < end && this.generation === generation) {
      const type = data[at]
      if (type === Type.push && this.depth === 0 && this.head?.matches(data, at, end) === true) {
        const behind = this.repeat(this.head, data, at, end)
        if (behind > at) {
          at = behind
          continue
        }
      }
      const line = Type.lines[type]
      if (line === Type.unknownLine) this.fail(`expected a reply, found ${Type.describe(type)}`, at)
      const number = line === Type.numberLine ? this.readNumber(data, at, end) : this.readLine(data, at, end)
      const next = this.next
      if (next === -1) return at
      let last = next - 2
      if (last - at > this.maxLineLength) {
        if (last - at > this.longestLine(type)) this.failLine(at)
        // Only the beginning of a long error is kept: readers need no more.
        if (type === Type.error) last = at + this.maxLineLength
      }
      if (this.depth === 0 && type !== Type.attribute) this.begin(type === Type.push)
      switch (type) {
        case Type.bulk:
        case Type.verbatim:
        case Type.bulkError: {
          at = this.readBlob(type, number, data, at, next, end)
          if (this.pushAt >= 0 && this.blob === undefined) this.noteHead(data, at)
          continue
        }
        case Type.integer:
          this.complete(this.digits <= 15 ? number + 0 : this.wideInteger(data, at, next))
          break
        case Type.simple:
          this.complete(
            last - at > this.maxLineLength ? this.text(data, at + 1, last, at) : simpleString(data, at + 1, last)
          )
          break
        case Type.array:
        case Type.set:
        case Type.map:
        case Type.push:
        case Type.attribute:
          this.open(type, number, data, at)
          break
        default:
          this.complete(this.scalar(type, data, at, last))
      }
      at = next
    }
    return at
  }

  /** Reads a type byte, an integer and a CRLF. The result is exact up to 15 digits; beyond, only its magnitude counts. */
  private readNumber(data: Uint8Array, start: number, end: number): number {
    let at = start + 1
    let negative = false
    if (at < end) {
      const sign = data[at]
      if (sign === Type.minus) {
        negative = true
        at++
      } else if (sign === Type.plus && data[start] === Type.integer) {
        at++
      }
    }
    const first = at
    let value = 0
    let byte = 0
    while (at < end) {
      byte = data[at]
      if (byte < 0x30 || byte > 0x39) break
      value = value * 10 + (byte - 0x30)
      at++
    }
    this.next = -1
    if (at === end) return 0
    if (byte !== Type.cr || at === first) this.failDigit(data[start], byte, at)
    if (at + 1 === end) return 0
    if (data[at + 1] !== Type.lf) this.fail(`expected LF after CR, found ${Type.describe(data[at + 1])}`, at + 1)
    this.next = at + 2
    this.digits = at - first
    return negative ? -value : value
  }

  /** Finds the CRLF of a line and sets `next`. The result means nothing: `run` calls this in place of `readNumber`. */
  private readLine(data: Uint8Array, start: number, end: number): number {
    let at = start + 1
    let byte = 0
    while (at < end) {
      byte = data[at]
      if (byte === Type.cr || byte === Type.lf) break
      at++
    }
    this.next = -1
    if (at === end) return 0
    if (byte === Type.lf) this.fail(`expected CR before LF in ${Type.name(data[start])}`, at)
    if (at + 1 === end) return 0
    if (data[at + 1] !== Type.lf) this.fail(`expected LF after CR, found ${Type.describe(data[at + 1])}`, at + 1)
    this.next = at + 2
    return 0
  }

  /** Reads a payload in place if all of it is there, else begins to gather it. Returns the offset behind what it read. */
  private readBlob(type: number, length: number, data: Uint8Array, at: number, next: number, end: number): number {
    if (data[at + 1] === Type.minus) {
      if (type !== Type.bulk || length !== -1) this.fail(`negative length of ${Type.name(type)}`, at + 1)
      this.complete(null)
      return next
    }
    if (length > this.maxBulkLength) {
      const limit = type === Type.bulkError ? undefined : this.limit("bytes", this.maxBulkLength)
      this.fail(`${Type.name(type)} is longer than the limit of ${this.maxBulkLength} bytes`, at, limit)
    }
    const last = next + length
    if (last + 2 > end) {
      this.blob = new Blob(type, length)
      return this.gather(this.blob, data, next, end)
    }
    if (data[last] !== Type.cr) this.failBlobEnd(type, data[last], last)
    if (data[last + 1] !== Type.lf) this.failBlobEnd(type, data[last + 1], last + 1)
    this.complete(this.payload(type, data, next, last, next))
    return last + 2
  }

  /** Gathers the bytes of a payload, and of the CRLF behind it, from a chunk. Returns the offset behind what it read. */
  private gather(blob: Blob, data: Uint8Array, start: number, end: number): number {
    let at = blob.add(data, start, end)
    if (at < end && !blob.ending) {
      if (data[at] !== Type.cr) this.failBlobEnd(blob.type, data[at], at)
      blob.ending = true
      at++
    }
    if (at < end) {
      if (data[at] !== Type.lf) this.failBlobEnd(blob.type, data[at], at)
      at++
      this.blob = undefined
      const value = this.payload(blob.type, blob.bytes, 0, blob.length, at - 2 - blob.length)
      blob.release()
      this.complete(value)
    }
    return at
  }

  /** The value of a whole payload. `origin` is where the payload began, relative to the chunk, for error messages. */
  private payload(type: number, data: Uint8Array, start: number, end: number, origin: number): Value {
    if (type === Type.bulkError) return new ReplyError(this.text(data, start, end, origin))
    let from = start
    if (type === Type.verbatim) {
      if (end - start < 4 || data[start + 3] !== Type.colon) this.fail("verbatim string without a format", origin)
      from += 4
    }
    return this.asBytes ? copyBytes(data, from, end) : this.text(data, from, end, origin)
  }

  private text(data: Uint8Array, start: number, end: number, origin: number): string {
    try {
      return decodeText(data, start, end)
    } catch {
      // V8's limit for one string is just below 512 MiB.
      return this.fail(`${end - start} bytes are more than this platform holds in one text`, origin)
    }
  }

  private open(type: number, count: number, data: Uint8Array, at: number): void {
    if (data[at + 1] === Type.minus) {
      if (type !== Type.array || count !== -1) this.fail(`negative length of ${Type.name(type)}`, at + 1)
      return this.complete(null)
    }
    if (type === Type.push && this.depth > 0) this.fail("push message inside a reply", at)
    const missing = type === Type.map || type === Type.attribute ? count * 2 : count
    const limit = type === Type.map ? Math.min(this.maxElements, maxMapElements) : this.maxElements
    if (missing > limit) {
      const told = type === Type.push ? undefined : this.limit("elements", limit)
      this.fail(`${Type.name(type)} has more elements than the limit of ${limit}`, at, told)
    }
    if (this.depth >= this.maxDepth) {
      const told = this.limit("depth", this.maxDepth)
      this.fail(`aggregates are nested deeper than the limit of ${this.maxDepth}`, at, told)
    }
    if (this.depth === 0 && type === Type.attribute) this.asBytes = true
    const frame: Frame = { type, items: [], parent: this.top, missing }
    if (this.depth === 0) {
      this.root = frame
      this.elements = 0
    }
    this.top = frame
    this.depth++
    if (type === Type.push) this.pushAt = at
    if (missing === 0) this.close(frame)
  }

  /**
   * Reads push messages that begin like the last one. If the first of them is incomplete, reads only its beginning and
   * leaves the rest to `run`. Returns the offset behind what it read.
   */
  private repeat(head: PushHead, data: Uint8Array, at: number, end: number): number {
    this.begin(true)
    if (this.asBytes) return at
    const most = this.handler.onPushes === undefined ? 1 : Infinity
    const payloads = head.read(data, at, end, most, this.maxBulkLength)
    if (payloads !== undefined) {
      const { next } = head
      this.emitPushes(head, payloads)
      return next
    }
    this.top = { type: Type.push, items: [...head.items], parent: undefined, missing: head.missing }
    this.root = this.top
    this.elements = 0
    this.depth = 1
    return at + head.length
  }

  /** Remembers the beginning of the current push message if it has the same second element as the last one. */
  private noteHead(data: Uint8Array, at: number): void {
    const frame = this.top
    if (frame?.type !== Type.push || frame.items.length !== 2 || this.asBytes) return
    const [what, where] = frame.items
    if (typeof what !== "string" || typeof where !== "string") return
    if (where === this.where) {
      this.head ??= new PushHead()
      this.head.become([what, where], frame.missing, data, this.pushAt, at)
    }
    this.where = where
    this.pushAt = -1
  }

  /** Adds a finished value to the innermost open aggregate, or gives it to the handler when none is open. */
  private complete(value: Value): void {
    const frame = this.top
    if (frame === undefined) return this.emit(value)
    frame.items.push(value)
    if (--frame.missing === 0) this.close(frame)
  }

  /** Closes an aggregate, and every aggregate that this completes. */
  private close(last: Frame): void {
    let frame = last
    while (true) {
      const parent = frame.parent
      this.top = parent
      this.depth--
      if (parent !== undefined) this.countElements(frame.items.length)
      if (frame.type === Type.attribute) return
      if (frame.type === Type.push) return this.emitPush(frame.items)
      const value = frame.type === Type.map ? toMap(frame.items) : frame.items
      if (parent === undefined) return this.emit(value)
      parent.items.push(value)
      if (--parent.missing > 0) return
      frame = parent
    }
  }

  /** Counts the elements of a complete aggregate inside another one. */
  private countElements(count: number): void {
    this.elements += count
    if (this.elements <= this.maxElements) return
    const limit = this.limit("elements", this.maxElements)
    this.fail(`a reply has more elements than the limit of ${this.maxElements}`, 0, limit)
  }

  /** Reads the rarer types that are one line of text: errors, nulls, booleans, doubles, big numbers. */
  private scalar(type: number, data: Uint8Array, at: number, last: number): Value {
    const value = fromLine(type, decodeText(data, at + 1, last))
    return value === undefined ? this.fail(`malformed ${Type.name(type)}`, at + 1) : value
  }

  private wideInteger(data: Uint8Array, at: number, next: number): Value {
    return toWideInteger(decodeText(data, at + 1, next - 2)) ?? this.fail("integer does not fit into 64 bits", at + 1)
  }

  /** The limit for a line. Errors and simple strings may be as long as a bulk string: they carry text of any length. */
  private longestLine(type: number): number {
    return type === Type.error ? this.maxBulkLength : type === Type.simple ? this.maxSimpleLength : this.maxLineLength
  }

  /** Keeps the incomplete line at the end of a chunk. */
  private keepLine(data: Uint8Array, start: number, end: number): void {
    const length = this.carried + this.dropped + end - start
    const type = this.carried > 0 ? this.carry[0] : data[start]
    // `+ 1`: the line may end in its CR.
    if (length > this.maxLineLength + 1 && length > this.longestLine(type) + 1) {
      this.failLine(start - this.carried - this.dropped)
    }
    this.append(type, data, start, end)
  }

  /** Continues the line in `carry` with the next chunk, and decodes the line once it is whole. Returns the offset behind it. */
  private finishLine(chunk: Uint8Array): number {
    this.base = this.received
    const feed = chunk.indexOf(Type.lf)
    if (feed === -1) {
      this.keepLine(chunk, 0, chunk.length)
      return chunk.length
    }
    const end = feed + 1
    const length = this.carried + this.dropped + end
    const type = this.carry[0]
    if (length > this.maxLineLength + 2 && length > this.longestLine(type) + 2) {
      this.failLine(-this.carried - this.dropped)
    }
    this.base -= this.carried + this.dropped
    this.append(type, chunk, 0, end)
    const line = this.carried
    this.carried = 0
    this.dropped = 0
    this.run(this.carry, 0, line)
    // Long lines are rare, so their buffer is not kept.
    if (this.carry.length > 2 * this.maxLineLength) this.carry = new Uint8Array(256)
    return end
  }

  /** Appends to `carry`. Of an error that is too long it keeps the beginning and the last two bytes, which may be its CRLF. */
  private append(type: number, data: Uint8Array, start: number, end: number): void {
    const length = this.carried + end - start
    const most = this.maxLineLength + 2
    if (type !== Type.error || length <= most) {
      this.reserveLine(length)
      this.carry.set(data.subarray(start, end), this.carried)
      this.carried = length
      return
    }
    const beforeLast = end - start > 1 ? data[end - 2] : this.carry[this.carried - 1]
    this.reserveLine(most)
    this.carry.set(data.subarray(start, Math.min(end, start + most - this.carried)), this.carried)
    this.carry[most - 2] = beforeLast
    this.carry[most - 1] = data[end - 1]
    this.dropped += length - most
    this.carried = most
  }

  private reserveLine(length: number): void {
    if (length <= this.carry.length) return
    const grown = new Uint8Array(Math.max(length, this.carry.length * 2))
    grown.set(this.carry.subarray(0, this.carried))
    this.carry = grown
  }

  private begin(push: boolean): void {
    try {
      this.asBytes = this.handler.wantsBytes(push)
    } catch (error) {
      this.asBytes = false
      this.thrown ??= { error }
    }
  }

  private emit(value: Value): void {
    try {
      this.handler.onReply(value)
    } catch (error) {
      this.thrown ??= { error }
    }
  }

  private emitPush(values: ReadonlyArray<Value>): void {
    this.pushAt = -1
    try {
      this.handler.onPush(values)
    } catch (error) {
      this.thrown ??= { error }
    }
  }

  private emitPushes({ items }: PushHead, payloads: ReadonlyArray<string>): void {
    if (payloads.length === 1) return this.emitPush([...items, payloads[0]])
    try {
      this.handler.onPushes?.(items, payloads)
    } catch (error) {
      this.thrown ??= { error }
    }
  }

  private limit(of: Limit["of"], most: number): Limit | undefined {
    return this.depth > 0 && this.root?.type === Type.push ? undefined : { of, most }
  }

  private fail(problem: string, at: number, limit?: Limit): never {
    this.broken = new ProtocolError(problem, this.base + at, limit)
    throw this.broken
  }

  private failLine(at: number): never {
    return this.fail(`line is longer than the limit of ${this.maxLineLength} bytes`, at)
  }

  private failDigit(type: number, byte: number, at: number): never {
    if (byte === Type.question) return this.fail(`streamed ${Type.name(type)} is not supported`, at)
    return this.fail(`expected a digit of ${Type.numberName(type)}, found ${Type.describe(byte)}`, at)
  }

  private failBlobEnd(type: number, byte: number, at: number): never {
    return this.fail(`expected CRLF after ${Type.name(type)}, found ${Type.describe(byte)}`, at)
  }
}
