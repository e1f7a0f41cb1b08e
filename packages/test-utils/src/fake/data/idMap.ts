/**
 * A map with stream IDs as keys, in their order. Appending the highest ID, the usual case, costs nothing.
 *
 * **Details**
 *
 * It uses sorted lists instead of a `Map`, because V8 hashes only the lower 64 bits of a bigint, and those are 0 for nearly
 * every ID.
 *
 * @since 0.1.0
 */
import type { StreamId } from "./streamId.ts"

/** The pending entries of a group or of a consumer. */
export class IdMap<A> {
  private readonly ids: Array<StreamId> = []
  private readonly items: Array<A> = []

  get size(): number {
    return this.ids.length
  }

  get first(): StreamId | undefined {
    return this.ids[0]
  }

  get last(): StreamId | undefined {
    return this.ids.at(-1)
  }

  get(id: StreamId): A | undefined {
    const at = this.place(id)
    return this.ids[at] === id ? this.items[at] : undefined
  }

  set(id: StreamId, value: A): void {
    const at = this.place(id)
    if (this.ids[at] === id) {
      this.items[at] = value
      return
    }
    this.ids.splice(at, 0, id)
    this.items.splice(at, 0, value)
  }

  delete(id: StreamId): boolean {
    const at = this.place(id)
    if (this.ids[at] !== id) return false
    this.ids.splice(at, 1)
    this.items.splice(at, 1)
    return true
  }

  /** The lowest ID that is not below the given one. */
  next(from: StreamId): StreamId | undefined {
    return this.ids[this.place(from)]
  }

  /** The values by rising ID, from one ID to another, both included. The map must not change in the meantime. */
  *values(start?: StreamId, end?: StreamId): IterableIterator<A> {
    const from = start === undefined ? 0 : this.place(start)
    const to = end === undefined ? this.ids.length : this.place(end + 1n)
    for (let at = from; at < to; at++) yield this.items[at]
  }

  private place(id: StreamId): number {
    if (this.ids.length === 0 || this.ids[this.ids.length - 1] < id) return this.ids.length
    let low = 0
    let high = this.ids.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.ids[middle] < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
