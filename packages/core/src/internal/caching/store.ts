/**
 * The replies that a cache keeps: by key and command, in a bounded amount of memory.
 *
 * What goes first when there is too much is decided as in S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
 * SOSP 2023), counted in bytes:
 *
 * ```
 *   add ----------> small, a tenth ------ was used ------> main -- not used --> dropped
 *    |                 |                                 ^  ^    |
 *    |              otherwise                            |  +----+
 *    |                 v                                 |  used: once more through the queue
 *    +---------> ghosts, hashes only --- asked again ----+
 * ```
 *
 * Most keys that are new are never asked for again, and leave after a short time, having pushed nothing out of main. A hit
 * changes a small number, and moves nothing. The paper moves entries to main that were used twice, and remembers as many ghosts as
 * main has entries; by our traces (`CachingStore.test.ts`) one use is better, and as many ghosts as there are entries.
 */
import type { Entry, Question } from "./entry.ts"
import { Ghosts } from "./ghosts.ts"
import { Queue } from "./queue.ts"
import { Shelves } from "./shelves.ts"

export { copied, forReader } from "./copies.ts"
export { Entry, isSame } from "./entry.ts"
export type { Kept, Question } from "./entry.ts"
export { sizeOf } from "./weight.ts"

/** An entry that takes more than this part of the store would push out too many others. */
const largest = 1 / 8
const smallPart = 1 / 10
/** At most so many used entries of a queue are spared until one is dropped: there is a limit to what that costs. */
const mostSpared = 1000
/** There is room for one ghost in so many bytes of the store. */
const bytesPerGhost = 512

export class Store<E extends Entry> {
  private readonly maxBytes: number
  private readonly onEvicted: (entry: E) => void
  private readonly shelves = new Shelves<E>()
  private readonly ghosts: Ghosts
  private small = new Queue<E>()
  private main = new Queue<E>()

  /** Calls `onEvicted` for each entry that is dropped because there is too much. */
  constructor(maxBytes: number, onEvicted: (entry: E) => void) {
    this.maxBytes = maxBytes
    this.onEvicted = onEvicted
    this.ghosts = new Ghosts(maxBytes / bytesPerGhost)
  }

  /** The sizes of all entries. */
  get bytes(): number {
    return this.small.bytes + this.main.bytes
  }

  /** The number of entries. */
  get size(): number {
    return this.small.count + this.main.count
  }

  /** The kept reply to a command about a key, the first that it has; undefined if there is none. Counts as a use. */
  find(key: string, question: Question): E | undefined {
    const entry = this.shelves.find(key, question)
    entry?.use()
    return entry
  }

  /**
   * Keeps an entry under each of its keys, in place of one of the same command, and evicts others while there is too much. Returns
   * false if it takes more than an eighth of the store, and so is not kept.
   */
  add(entry: E): boolean {
    // Two commands that happen to have the same hash replace each other, too.
    for (const key of entry.keys) {
      const other = this.shelves.withHash(key, entry.hash)
      if (other !== undefined) this.remove(other)
    }
    if (entry.size > this.maxBytes * largest) return false
    entry.own()
    while (this.bytes + entry.size > this.maxBytes) this.evict()
    const isBack = this.ghosts.take(entry.hash, this.size)
    ;(isBack ? this.main : this.small).add(entry)
    this.shelves.add(entry)
    return true
  }

  /** Takes an entry out, if it is still kept. Its command is remembered, because what is written is not less asked for. */
  remove(entry: E): void {
    if (entry.queue !== this.small && entry.queue !== this.main) return
    this.drop(entry)
    this.ghosts.add(entry.hash)
  }

  /** Takes out and returns all about a key. */
  take(key: string): ReadonlyArray<E> {
    const entries = this.shelves.all(key)
    for (const entry of entries) this.remove(entry)
    return entries
  }

  clear(): void {
    this.shelves.clear()
    this.small = new Queue()
    this.main = new Queue()
  }

  private drop(entry: E): void {
    ;(entry.queue === this.small ? this.small : this.main).remove(entry)
    this.shelves.remove(entry)
  }

  /** Drops one entry. */
  private evict(): void {
    for (let moved = 0; moved < mostSpared && this.isSmallFull(); moved++) {
      const entry = this.small.oldest!
      if (entry.uses === 0) {
        this.ghosts.add(entry.hash)
        return this.letGo(entry)
      }
      entry.uses = 0
      this.small.remove(entry)
      this.main.add(entry)
    }
    this.evictMain()
  }

  private isSmallFull(): boolean {
    return this.main.count === 0 || this.small.bytes > this.maxBytes * smallPart
  }

  private evictMain(): void {
    let entry = this.main.oldest!
    for (let spared = 0; entry.uses > 0 && spared < mostSpared; spared++) {
      entry.uses--
      this.main.remove(entry)
      this.main.add(entry)
      entry = this.main.oldest!
    }
    this.letGo(entry)
  }

  private letGo(entry: E): void {
    this.drop(entry)
    this.onEvicted(entry)
  }
}
