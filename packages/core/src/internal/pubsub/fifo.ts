/**
 * A first-in first-out queue on one array. Taking moves a head index, and the array is cut only when more than half of
 * it is behind the head, so that each item is moved at most about once.
 *
 * ```
 *   [ taken  taken  taken | item  item  item ]
 *                          ^head             ^ push
 * ```
 */
export class Fifo<A> {
  private items: Array<A | undefined> = []
  private head = 0

  get length(): number {
    return this.items.length - this.head
  }

  push(item: A): void {
    this.items.push(item)
  }

  /** Adds several, and keeps the array if there is nothing yet: it is not the caller's any more. */
  pushAll(items: Array<A>): void {
    if (this.length > items.length) {
      for (const item of items) this.items.push(item)
    } else {
      // Few before many are copied together at once, in a tenth of the time that the many take one by one.
      this.items = this.length === 0 ? items : this.items.slice(this.head).concat(items)
      this.head = 0
    }
  }

  peek(): A | undefined {
    return this.items[this.head]
  }

  shift(): A | undefined {
    if (this.head === this.items.length) return undefined
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    if (this.head === this.items.length) {
      this.items.length = 0
      this.head = 0
    } else if (this.head >= 4096 && this.head * 2 > this.items.length) {
      this.items.splice(0, this.head)
      this.head = 0
    }
    return item
  }

  /** Takes everything at once. */
  drain(): ReadonlyArray<A> {
    const items = (this.head === 0 ? this.items : this.items.slice(this.head)) as Array<A>
    this.items = []
    this.head = 0
    return items
  }

  /** The oldest item that fits. */
  find(fits: (item: A) => boolean): A | undefined {
    for (let i = this.head; i < this.items.length; i++) {
      const item = this.items[i] as A
      if (fits(item)) return item
    }
    return undefined
  }

  /** Visits what is queued, oldest first, without taking it. The visitor may not change the queue. */
  forEach(visit: (item: A) => void): void {
    for (let i = this.head; i < this.items.length; i++) visit(this.items[i] as A)
  }
}
