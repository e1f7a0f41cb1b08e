/**
 * A pool of used buffers. Reuse is faster than fresh memory, which has to be cleared and paged in (that takes longer than
 * filling it), and a buffer that was used just now is in the processor's cache.
 *
 * @since 0.1.0
 */
export class Spare {
  private readonly buffers: Array<Uint8Array> = []
  private readonly most: number
  private readonly largest: number

  /** Keeps at most `most` buffers, none larger than `largest` bytes. */
  constructor(most: number, largest: number) {
    this.most = most
    this.largest = largest
  }

  /** Takes the smallest buffer of at least `length` bytes, or allocates one. It still contains old data. */
  take(length: number): Uint8Array {
    const { buffers } = this
    let best = -1
    for (let i = 0; i < buffers.length; i++) {
      if (buffers[i].length >= length && (best < 0 || buffers[i].length < buffers[best].length)) best = i
    }
    if (best < 0) return new Uint8Array(length)
    const buffer = buffers[best]
    buffers[best] = buffers[buffers.length - 1]
    buffers.pop()
    return buffer
  }

  /** Takes back a buffer that nobody reads or writes any more. When the pool is full, it replaces a smaller one. */
  give(buffer: Uint8Array): void {
    const { buffers } = this
    if (buffer.length > this.largest) return
    if (buffers.length < this.most) {
      buffers.push(buffer)
      return
    }
    const smaller = buffers.findIndex(({ length }) => length < buffer.length)
    if (smaller >= 0) buffers[smaller] = buffer
  }
}

/** Buffers for payloads that do not fit into one chunk when received, or into a slab when sent. */
export const forPayloads = new Spare(4, 2 * 1024 * 1024)
