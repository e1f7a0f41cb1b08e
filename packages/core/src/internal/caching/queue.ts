/** A first-in first-out queue of entries that are linked to each other, so that one leaves from anywhere at once. */
import type { Entry } from "./entry.ts"

export class Queue<E extends Entry> {
  oldest: E | undefined = undefined
  private newest: E | undefined = undefined
  /** The sizes of all entries in it. */
  bytes = 0
  count = 0

  add(entry: E): void {
    entry.queue = this
    entry.older = this.newest
    if (this.newest === undefined) this.oldest = entry
    else this.newest.newer = entry
    this.newest = entry
    this.bytes += entry.size
    this.count++
  }

  remove(entry: E): void {
    const older = entry.older as E | undefined
    const newer = entry.newer as E | undefined
    if (older === undefined) this.oldest = newer
    else older.newer = newer
    if (newer === undefined) this.newest = older
    else newer.older = older
    // An old entry that somebody still holds would keep its neighbours alive.
    entry.queue = undefined
    entry.older = undefined
    entry.newer = undefined
    this.bytes -= entry.size
    this.count--
  }
}
