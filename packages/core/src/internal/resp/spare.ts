/**
 * Keeps buffers that are done with for whoever needs one next. Fresh memory is cleared and paged in first, which takes
 * longer than to fill it, and a buffer that was used just now is in the processor's cache.
 *
 * @since 0.1.0
 */
export class Spare {
  private readonly buffers: Array<Uint8Array> = []
  private readonly most: number
  private readonly largest: number

  /** Keeps `most` buffers at the most, and none above `largest` bytes. */
  constructor(most: number, largest: number) {
    this.most = most
    this.largest = largest
  }

  /** A buffer of at least that many bytes, the smallest there is. What is in it is left from before. */
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

  /** Takes a buffer back that nobody reads or writes any more. Of too many, the larger ones stay. */
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

/** For payloads that are too large for what is at hand, on their way in or out. */
export const forPayloads = new Spare(4, 2 * 1024 * 1024)
