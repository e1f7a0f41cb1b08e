import { decodeText } from "./text.ts"
import * as Type from "./type.ts"

/** A payload whose length has more digits is left to who can refuse it. */
const maxDigits = 7

/** From so many on it pays to get ready for more. */
const several = 8

/**
 * How a push message begins: up to and with its second element, such as `message` and a channel. Those of one busy channel
 * all begin alike, and comparing bytes takes a quarter of the time that reading them does.
 */
export class PushHead {
  items: readonly [string, string] = ["", ""]
  /** The elements behind these. */
  missing = 0
  length = 0
  /** Second result of `read`: where the usual reading goes on. */
  next = 0
  private bytes = new Uint8Array(256)
  /** Second result of `readSize`. */
  private payloadAt = 0

  /** Takes the place of the one before: where channels take turns, that happens often. */
  become(items: readonly [string, string], missing: number, data: Uint8Array, start: number, end: number): void {
    this.items = items
    this.missing = missing
    this.length = end - start
    if (this.length > this.bytes.length) this.bytes = new Uint8Array(this.length)
    for (let i = 0; i < this.length; i++) this.bytes[i] = data[start + i]
  }

  /** Whether a push message that is in these bytes, as far as this, begins like this. */
  matches(data: Uint8Array, at: number, end: number): boolean {
    const { bytes, length } = this
    if (at + length > end) return false
    // The end differs sooner than the beginning: there is the name of the channel.
    for (let i = length - 1; i >= 0; i--) if (bytes[i] !== data[at + i]) return false
    return true
  }

  /**
   * Reads the payloads of messages that begin like this and follow each other, of at most so many, as long as they are whole
   * and nothing comes behind them. The first is known to begin like this.
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
        // An array that grows is copied again and again: now it has room for as many as come, if all are as long.
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

  /** The length of a payload, or -1 for what is no such length, or is not all there. */
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

/** Whether the bytes from two places on are the same, so many of them, which are four at least: they are compared by fours. */
const isRepeated = (view: DataView, one: number, other: number, length: number): boolean => {
  for (let i = length - 4; i > 0; i -= 4) if (view.getInt32(one + i) !== view.getInt32(other + i)) return false
  return view.getInt32(one) === view.getInt32(other)
}
