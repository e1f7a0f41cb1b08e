/**
 * The data of one node: its databases, which are numbered from 0. Most nodes of a cluster have only one.
 *
 * @since 0.1.0
 */
import { Keyspace } from "./keyspace.ts"
import type { Listener } from "./keyspace.ts"

/** The databases of a node. Linked replicas use their primary's, so they may have several listeners. */
export class Databases {
  readonly count: number
  readonly now: () => number
  readonly listeners = new Set<Listener>()
  private readonly known: Array<Keyspace | undefined> = []

  constructor(now: () => number, count: number) {
    this.now = now
    this.count = count
  }

  /** The database with this number, which is below `count`. */
  at(index: number): Keyspace {
    return this.known[index] ??= new Keyspace(this.now, index, this.listeners)
  }

  /** Whether a keyspace is one of these. */
  holds(keyspace: Keyspace): boolean {
    return this.known[keyspace.database] === keyspace
  }

  /** The databases that have been used, in order. */
  get used(): ReadonlyArray<Keyspace> {
    return this.known.filter((keyspace) => keyspace !== undefined)
  }

  /** The number of keys in all databases. */
  get size(): number {
    return this.used.reduce((sum, { size }) => sum + size, 0)
  }

  /** The number of changes in all databases. */
  get changes(): number {
    let sum = 0
    for (const keyspace of this.known) sum += keyspace?.changes ?? 0
    return sum
  }

  /** The next time at which a key or field may expire; Infinity if none has a time to live. */
  get nextExpiry(): number {
    return this.used.reduce((next, { nextExpiry }) => Math.min(next, nextExpiry), Infinity)
  }

  expireDue(): void {
    for (const keyspace of this.used) keyspace.expireDue()
  }

  slotSize(slot: number): number {
    return this.used.reduce((sum, keyspace) => sum + keyspace.slotSize(slot), 0)
  }

  /** Empties all databases. */
  clear(): void {
    for (const keyspace of this.used) keyspace.empty()
    for (const listener of this.listeners) listener.onFlush()
  }

  /** A copy of all databases that shares nothing with these. */
  clone(): Databases {
    const copy = new Databases(this.now, this.count)
    for (const keyspace of this.used) copy.known[keyspace.database] = keyspace.clone(copy.listeners)
    return copy
  }
}
