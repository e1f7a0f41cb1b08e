import { decodeText } from "./text.ts"
import * as Type from "./type.ts"

/** Lengths with more digits are left to the decoder's usual path, which checks them against its limit. */
const maxDigits = 7

/** After this many messages in a row, preparing for many more (a DataView, a larger array) pays off. */
const several = 8

/**
 * The beginning of a push message, up to and including its second element, such as `message` and a channel. All messages of
 * a busy channel begin with the same bytes, and comparing bytes takes a quarter of the time of decoding them.
 */
export class PushHead {
  items: readonly [string, string] = ["", ""]
  /** The number of elements behind these two. */
  missing = 0
  length = 0
  /** Out-parameter of `read`: the offset at which the decoder continues. */
  next = 0
  private bytes = new Uint8Array(256)
  /** Out-parameter of `readSize`: the offset of the payload. */
  private payloadAt = 0

  /** Replaces the remembered beginning. It reuses the object, because this happens often where channels alternate. */
  become(items: readonly [string, string], missing: number, data: Uint8Array, start: number, end: number): void {
    this.items = items
    this.missing = missing
    this.length = end - start
    if (this.length > this.bytes.length) this.bytes = new Uint8Array(this.length)
    for (let i = 0; i < this.length; i++) this.bytes[i] = data[start + i]
  }

  /** Whether the bytes at `at` begin with this head; false if they end before it does. */
  matches(data: Uint8Array, at: number, end: number): boolean {
    const { bytes, length } = this
    if (at + length > end) return false
    // Compare backwards: heads differ in the channel's name, which is at the end.
    for (let i = length - 1; i >= 0; i--) if (bytes[i] !== data[at + i]) return false
    return true
  }

  /**
   * Reads the payloads of up to `most` consecutive messages with this head, as long as they are complete and the payload is
   * their last element. The caller has checked that the first one `matches`.
   */
  read(data: Uint8Array, start: number, end: number, most: number, longest: number): Array<string> | undefined {
    this.next = start
    if (this.missing !== 1) return undefined
    let payloads: Array<string> | undefined
    let count = 0
    let size = -1
    let before = 0
    let view: DataView | undefined
    while (true) {
      const at = this.next
      if (size < 0) {
        size = this.readSize(data, at + this.length, end)
        before = this.payloadAt - at
        if (size < 0 || size > longest) break
      }
      const first = at + before
      const last = first + size
      if (last + 2 > end || data[last] !== Type.cr || data[last + 1] !== Type.lf) break
      const next = last + 2
      const payload = decodeText(data, first, last)
      if (payloads === undefined) payloads = [payload]
      else payloads[count] = payload
      count++
      this.next = next
      if (count === most || next + before > end) break
      if (count < several) {
        if (!this.matches(data, next, end)) break
        size = -1
        continue
      }
      if (view === undefined) {
        view = new DataView(data.buffer, data.byteOffset, data.byteLength)
        // Reserve room for the rest of the chunk, as if all messages were this long: a growing array is copied repeatedly.
        payloads.length += Math.floor((end - next) / (next - at))
      }
      if (!isRepeated(view, at, next, before)) {
        if (!isRepeated(view, at, next, this.length)) break
        size = -1
      }
    }
    if (payloads !== undefined && payloads.length > count) payloads.length = count
    return payloads
  }

  /** Reads the length line of a payload. Returns -1 if it is incomplete, or is not a length this class handles. */
  private readSize(data: Uint8Array, at: number, end: number): number {
    if (at >= end || data[at] !== Type.bulk) return -1
    let digit = at + 1
    let size = 0
    while (digit < end) {
      const byte = data[digit]
      if (byte < 0x30 || byte > 0x39) break
      size = size * 10 + (byte - 0x30)
      digit++
    }
    const digits = digit - at - 1
    if (digits === 0 || digits > maxDigits || digit + 2 > end) return -1
    this.payloadAt = digit + 2
    return data[digit] === Type.cr && data[digit + 1] === Type.lf ? size : -1
  }
}

/** Whether `length` bytes at the two offsets are equal. Compares four at a time; `length` must be at least four. */
const isRepeated = (view: DataView, one: number, other: number, length: number): boolean => {
  for (let i = length - 4; i > 0; i -= 4) if (view.getInt32(one + i) !== view.getInt32(other + i)) return false
  return view.getInt32(one) === view.getInt32(other)
}
