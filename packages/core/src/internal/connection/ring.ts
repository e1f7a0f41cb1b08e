/**
 * A first-in first-out queue that uses its places again and again. An array that is filled and emptied in turn would be
 * reallocated all the time.
 *
 * ```
 *   [ item  item  free  free | item  item ]
 *                 ^push        ^first
 * ```
 */
const least = 16

/** A ring that has grown beyond this many places shrinks once it is empty. */
const most = 16_384

const free = <A>(count: number): Array<A | undefined> => Array.from({ length: count }, () => undefined)

export class Ring<A> {
  /** The number of places is a power of two, so that indices wrap around with a mask. */
  private places: Array<A | undefined> = free(least)
  private first = 0
  private count = 0

  get length(): number {
    return this.count
  }

  push(item: A): void {
    if (this.count === this.places.length) this.grow()
    this.places[(this.first + this.count) & (this.places.length - 1)] = item
    this.count++
  }

  /** Puts an item before all others. */
  unshift(item: A): void {
    if (this.count === this.places.length) this.grow()
    this.first = (this.first - 1) & (this.places.length - 1)
    this.places[this.first] = item
    this.count++
  }

  pushAll(items: ReadonlyArray<A>): void {
    for (const item of items) this.push(item)
  }

  private grow(): void {
    this.places = this.inOrder().concat(free(this.places.length))
    this.first = 0
  }

  private inOrder(): Array<A | undefined> {
    const { count, first, places } = this
    const end = first + count
    return end <= places.length
      ? places.slice(first, end)
      : places.slice(first).concat(places.slice(0, end - places.length))
  }

  private at(index: number): A | undefined {
    return this.places[(this.first + index) & (this.places.length - 1)]
  }

  peek(): A | undefined {
    return this.places[this.first]
  }

  shift(): A | undefined {
    if (this.count === 0) return undefined
    const item = this.places[this.first]
    this.places[this.first] = undefined
    this.first = (this.first + 1) & (this.places.length - 1)
    this.count--
    if (this.count === 0 && this.places.length > most) this.clear()
    return item
  }

  /** Removes all items and returns them, oldest first. */
  drain(): ReadonlyArray<A> {
    const items = this.inOrder() as Array<A>
    this.clear()
    return items
  }

  /** Removes the items that fit and returns them, oldest first. */
  take(fits: (item: A) => boolean): ReadonlyArray<A> {
    if (this.find(fits) === undefined) return []
    const taken: Array<A> = []
    const kept: Array<A> = []
    for (const item of this.drain()) (fits(item) ? taken : kept).push(item)
    this.pushAll(kept)
    return taken
  }

  private clear(): void {
    const { count, first, places } = this
    if (places.length > most) this.places = free(least)
    else places.fill(undefined, first, first + count).fill(undefined, 0, Math.max(0, first + count - places.length))
    this.first = 0
    this.count = 0
  }

  /** The oldest item that fits. */
  find(fits: (item: A) => boolean): A | undefined {
    for (let i = 0; i < this.count; i++) {
      const item = this.at(i) as A
      if (fits(item)) return item
    }
    return undefined
  }

  /** Visits all items, oldest first. The visitor must not change the queue. */
  forEach(visit: (item: A) => void): void {
    for (let i = 0; i < this.count; i++) visit(this.at(i) as A)
  }
}
