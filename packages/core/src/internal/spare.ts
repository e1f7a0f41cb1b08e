/**
 * Keeps the largest of the buffers that are done with for whoever needs one next. Fresh memory is cleared and paged in
 * first, which takes longer than to fill it, and a buffer that was used just now is in the processor's cache.
 *
 * @since 0.1.0
 */
export class Spare {
  private readonly limit: number
  private buffer: Uint8Array | undefined

  /** Buffers above `limit` bytes are not kept. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** A buffer of at least that many bytes. What is in it is left from before. */
  take(length: number): Uint8Array {
    const { buffer } = this
    if (buffer === undefined || buffer.length < length) return new Uint8Array(length)
    this.buffer = undefined
    return buffer
  }

  /** Takes a buffer back that nobody reads or writes any more. */
  give(buffer: Uint8Array): void {
    const isBetter = this.buffer === undefined || buffer.length > this.buffer.length
    if (isBetter && buffer.length <= this.limit) this.buffer = buffer
  }
}

/** For payloads that are too large for what is at hand, on their way in or out. */
export const forPayloads = new Spare(2 * 1024 * 1024)
