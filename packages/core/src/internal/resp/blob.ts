/**
 * A payload of known length that arrives in parts. Memory follows what has arrived, not what was announced, and a byte is
 * copied at most three times however small the parts are.
 *
 * @since 0.1.0
 */

import { forPayloads } from "./spare.ts"

/** A payload that was announced but has not arrived gets at most this much memory. */
const firstReservation = 1024 * 1024

/** The parts of a payload so far. The CRLF behind it is the decoder's concern. */
export class Blob {
  readonly type: number
  readonly length: number
  /** The payload, once `have` equals `length`; behind it there may be more. */
  bytes: Uint8Array
  have = 0
  /** Whether the CR behind the payload has been seen. */
  ending = false

  constructor(type: number, length: number) {
    this.type = type
    this.length = length
    this.bytes = forPayloads.take(Math.min(length, firstReservation))
  }

  /** Nobody reads the payload any more. */
  release(): void {
    forPayloads.give(this.bytes)
  }

  /** Takes what it still needs from a part of a chunk, and returns how far it came. */
  add(data: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.length - this.have, end - start)
    const have = this.have + count
    if (have > this.bytes.length) {
      const grown = new Uint8Array(Math.min(this.length, Math.max(have, this.bytes.length * 2)))
      grown.set(this.bytes.subarray(0, this.have))
      this.bytes = grown
    }
    this.bytes.set(data.subarray(start, start + count), this.have)
    this.have = have
    return start + count
  }
}
