/**
 * Gathers a payload of known length that arrives in parts. The buffer grows with the bytes that have arrived, not with the
 * length that was announced, and each byte is copied at most three times, however small the parts are.
 *
 * @since 0.1.0
 */

import { forPayloads } from "./spare.ts"

/** The first buffer of a payload is at most this large: a peer that only announces a large payload costs no more memory. */
const firstReservation = 1024 * 1024

/** The bytes of one payload that have arrived so far. The decoder, not this class, reads the CRLF that ends a payload. */
export class Blob {
  readonly type: number
  readonly length: number
  /** Holds the payload in its first `length` bytes once `have` equals `length`. The buffer may be longer than the payload. */
  bytes: Uint8Array
  have = 0
  /** Whether the CR behind the payload has been seen. */
  ending = false // The decoder sets it.

  constructor(type: number, length: number) {
    this.type = type
    this.length = length
    this.bytes = forPayloads.take(Math.min(length, firstReservation))
  }

  /** Returns the buffer for reuse. Call it once nobody reads the payload any more. */
  release(): void {
    forPayloads.give(this.bytes)
  }

  /** Copies the bytes that are still missing out of a chunk. Returns the offset behind the last byte copied. */
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
