/**
 * One database of a node: keys, their values and times to live, an index by slot, and listeners to changes.
 *
 * @since 0.1.0
 */
import * as Slot from "@redisc/core/Slot"
import { wrongType } from "../values/arguments.ts"
import { toBytes } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import { CommandError } from "../values/commandError.ts"
import { expireFields } from "./fieldExpiry.ts"
import { copyValue, isEmpty } from "./value.ts"
import type { Value } from "./value.ts"

/** The letters of `notify-keyspace-events`, one class of events each. */
export type EventKind = "g" | "$" | "l" | "s" | "h" | "z" | "t" | "d" | "x" | "e" | "n" | "m"

/** What has happened to a key: a command or the server itself has changed it, or it is only new to those who wait for it. */
export type Change = "written" | "lost" | "found"

/** Called for every change, while it happens. */
export interface Listener {
  readonly onChange: (key: Bin, database: number, change: Change) => void
  /** Called when a database was emptied, or all at once. */
  readonly onFlush: () => void
  readonly onEvent: (key: Bin, event: string, kind: EventKind, database: number) => void
}

/** A connection that watches keys (WATCH). */
export interface Watcher {
  dirty: boolean
}

interface Entry {
  readonly key: Bin
  /** Rises with every created key, and gives its place in the order. */
  readonly serial: number
  value: Value
}

/** What SWAPDB exchanges. */
interface Contents {
  readonly entries: Map<Bin, Entry>
  readonly expires: Map<Bin, number>
  readonly bySlot: Map<number, Set<Bin>>
  readonly order: Array<Entry | undefined>
  readonly serials: Array<number>
  readonly nextSerial: number
  readonly volatileHashes: Set<Bin>
  readonly earliest: number
}

const highBytes = /[\u0080-\u00ff]/

/** The hash slot of a key. */
export const slotOf = (key: Bin): number => Slot.fromKey(highBytes.test(key) ? toBytes(key) : key)

const emptyCompaction = 64

/** One database of a node. Linked replicas use their primary's, so one keyspace may have several listeners. */
export class Keyspace {
  readonly listeners: Set<Listener>
  /** The number of the database. */
  readonly database: number
  /** The number of changes, which Redis calls dirty. */
  changes = 0
  readonly now: () => number

  private entries = new Map<Bin, Entry>()
  private expires = new Map<Bin, number>()
  private bySlot = new Map<number, Set<Bin>>()
  private readonly watchers = new Map<Bin, Set<Watcher>>()
  /** The entries by serial, with holes where keys were deleted. */
  private order: Array<Entry | undefined> = []
  private serials: Array<number> = []
  private nextSerial = 1
  /** Hashes with fields that may expire. Some may have no such fields left. */
  private volatileHashes = new Set<Bin>()
  /** The earliest time at which a key may expire. */
  private earliest = Infinity

  constructor(now: () => number, database = 0, listeners = new Set<Listener>()) {
    this.now = now
    this.database = database
    this.listeners = listeners
  }

  /** The value of a key that has not expired. */
  get(key: Bin): Value | undefined {
    if (this.expires.size > 0 && this.expireIfDue(key)) return undefined
    const value = this.entries.get(key)?.value
    if (value?.type !== "hash" || value.expiry.size === 0 || !expireFields(value, this.now())) return value
    this.signal(key, "lost")
    this.notify(key, "hexpired", "h")
    return this.removeIfEmpty(key) ? undefined : value
  }

  has(key: Bin): boolean {
    return this.get(key) !== undefined
  }

  /** The value of a key; throws WRONGTYPE if it has another type. */
  typed<T extends Value["type"]>(key: Bin, type: T): Extract<Value, { type: T }> | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (value.type !== type) throw new CommandError(wrongType)
    return value as Extract<Value, { type: T }>
  }

  /** Stores a value, and replaces any other. Like SET, it ends the time to live, unless `keepTtl` is true. */
  set(key: Bin, value: Value, options?: { readonly keepTtl?: boolean | undefined }): void {
    if (this.expires.size > 0) {
      this.expireIfDue(key)
      if (options?.keepTtl !== true) this.expires.delete(key)
    }
    if (value.type === "hash" && value.expiry.size > 0) this.volatileHashes.add(key)
    const entry = this.entries.get(key)
    if (entry !== undefined) {
      entry.value = value
      return
    }
    const made: Entry = { key, serial: this.nextSerial++, value }
    this.entries.set(key, made)
    this.order.push(made)
    this.serials.push(made.serial)
    const slot = slotOf(key)
    const peers = this.bySlot.get(slot)
    if (peers === undefined) this.bySlot.set(slot, new Set([key]))
    else peers.add(key)
    this.notify(key, "new", "n")
  }

  /** Removes a key as DEL does, with its event. */
  delete(key: Bin): boolean {
    if (!this.remove(key)) return false
    this.touch(key, "del", "g")
    return true
  }

  /** Removes a key without an event, for commands with an event of their own, which call `touch` afterwards. */
  remove(key: Bin): boolean {
    if (this.expires.size > 0 && this.expireIfDue(key)) return false
    return this.drop(key)
  }

  /** Deletes a key if its value is an empty aggregate, and returns whether it did. */
  removeIfEmpty(key: Bin): boolean {
    const value = this.entries.get(key)?.value
    return value !== undefined && isEmpty(value) && this.delete(key)
  }

  /** The time at which a key expires, in milliseconds of the Clock; undefined if it does not expire or exist. */
  expireAt(key: Bin): number | undefined {
    if (this.expires.size > 0) this.expireIfDue(key)
    return this.expires.get(key)
  }

  /** Sets or removes the time to live of an existing key. The caller then calls `touch`. */
  setExpiry(key: Bin, at: number | undefined): void {
    if (at === undefined) {
      this.expires.delete(key)
    } else if (this.entries.has(key)) {
      this.expires.set(key, at)
      if (at < this.earliest) this.earliest = at
    }
  }

  /** To be called by every write for each changed key. Informs WATCH, blocked clients, and subscribers to keyspace events. */
  touch(key: Bin, event: string, kind: EventKind): void {
    this.signal(key)
    this.notify(key, event, kind)
  }

  /** The part of `touch` without keyspace events. `lost`: no command has changed the key, it has expired for instance. */
  signal(key: Bin, change: "written" | "lost" = "written"): void {
    this.changes++
    const value = this.entries.get(key)?.value
    if (value?.type === "hash" && value.expiry.size > 0) this.volatileHashes.add(key)
    if (this.watchers.size > 0) {
      for (const watcher of this.watchers.get(key) ?? []) watcher.dirty = true
    }
    for (const listener of this.listeners) listener.onChange(key, this.database, change)
  }

  /** The part of `touch` for those who wait for the key alone. */
  wake(key: Bin): void {
    for (const listener of this.listeners) listener.onChange(key, this.database, "found")
  }

  /** The part of `touch` that only publishes an event: `keymiss`, or a second event of one command. */
  notify(key: Bin, event: string, kind: EventKind): void {
    for (const listener of this.listeners) listener.onEvent(key, event, kind, this.database)
  }

  /** All keys, oldest first. Keys may be deleted during the iteration. */
  *keys(): IterableIterator<Bin> {
    this.expireDue()
    for (const entry of this.order.slice()) if (entry !== undefined) yield entry.key
  }

  get size(): number {
    this.expireDue()
    return this.entries.size
  }

  /** The number of keys with a time to live. */
  get volatile(): number {
    this.expireDue()
    return this.expires.size
  }

  slotKeys(slot: number): ReadonlyArray<Bin> {
    this.expireDue()
    return [...this.bySlot.get(slot) ?? []]
  }

  slotSize(slot: number): number {
    this.expireDue()
    return this.bySlot.get(slot)?.size ?? 0
  }

  /** The slots that have keys. */
  usedSlots(): ReadonlyArray<number> {
    this.expireDue()
    return [...this.bySlot.keys()].sort((a, b) => a - b)
  }

  /** A random key. */
  random(random: () => number): Bin | undefined {
    this.expireDue()
    if (this.entries.size === 0) return undefined
    for (;;) {
      // At most half of the places are holes, so this ends soon.
      const entry = this.order[Math.floor(random() * this.order.length)]
      if (entry !== undefined) return entry.key
    }
  }

  /** Empties the database. Connections that watch a deleted key are informed, and those that cache. */
  clear(): void {
    this.empty()
    for (const listener of this.listeners) listener.onFlush()
  }

  /** Empties the database without the word to those who cache. */
  empty(): void {
    this.changes++
    const gone = [...this.entries.keys()]
    this.entries.clear()
    this.expires.clear()
    this.volatileHashes.clear()
    this.bySlot.clear()
    this.order = []
    this.serials = []
    this.earliest = Infinity
    for (const key of gone) {
      this.changes++
      for (const watcher of this.watchers.get(key) ?? []) watcher.dirty = true
      this.wake(key)
    }
  }

  /**
   * Exchanges the contents with another database, as SWAPDB does. Those who watch a key of either or wait for it stay with the
   * number of the database.
   */
  exchange(other: Keyspace): void {
    const mine = this.contents
    this.take(other.contents)
    other.take(mine)
    this.arrived(other)
    other.arrived(this)
  }

  private get contents(): Contents {
    const { bySlot, earliest, entries, expires, nextSerial, order, serials, volatileHashes } = this
    return { bySlot, earliest, entries, expires, nextSerial, order, serials, volatileHashes }
  }

  private take(contents: Contents): void {
    Object.assign(this, contents)
  }

  /** Informs those who watch a key that is or was here, and those who wait for one that is. */
  private arrived(left: Keyspace): void {
    this.changes++
    for (const [key, watchers] of this.watchers) {
      if (!this.entries.has(key) && !left.entries.has(key)) continue
      for (const watcher of watchers) watcher.dirty = true
    }
    for (const key of this.entries.keys()) this.wake(key)
  }

  watch(key: Bin, watcher: Watcher): void {
    this.get(key)
    const known = this.watchers.get(key)
    if (known === undefined) this.watchers.set(key, new Set([watcher]))
    else known.add(watcher)
  }

  unwatch(key: Bin, watcher: Watcher): void {
    const known = this.watchers.get(key)
    if (known?.delete(watcher) === true && known.size === 0) this.watchers.delete(key)
  }

  /** Deletes expired keys. Called before every access to several keys; by a timer only if there are listeners for expiry. */
  expireDue(): void {
    for (const key of this.volatileHashes) {
      const value = this.get(key)
      if (value?.type !== "hash" || value.expiry.size === 0) this.volatileHashes.delete(key)
    }
    if (this.expires.size === 0) return
    const now = this.now()
    if (this.earliest > now) return
    let earliest = Infinity
    for (const [key, at] of Array.from(this.expires)) {
      if (at <= now) this.expireIfDue(key)
      else if (at < earliest) earliest = at
    }
    this.earliest = earliest
  }

  /** The next time at which a key or field may expire; Infinity if none has a time to live. */
  get nextExpiry(): number {
    let next = this.expires.size === 0 ? Infinity : this.earliest
    for (const key of this.volatileHashes) {
      const value = this.entries.get(key)?.value
      if (value?.type !== "hash") continue
      for (const at of value.expiry.values()) next = Math.min(next, at)
    }
    return next
  }

  /** A copy of all keys and values that shares nothing with this one. */
  clone(listeners = new Set<Listener>()): Keyspace {
    this.expireDue()
    const copy = new Keyspace(this.now, this.database, listeners)
    for (const entry of this.order) {
      if (entry === undefined) continue
      copy.set(entry.key, copyValue(entry.value))
      copy.setExpiry(entry.key, this.expires.get(entry.key))
    }
    copy.changes = this.changes
    return copy
  }

  private expireIfDue(key: Bin): boolean {
    const at = this.expires.get(key)
    if (at === undefined || at > this.now()) return false
    this.lose(key, "expired", "x")
    return true
  }

  /** Removes a key whose slot is another node's now: without an event, and if `silent` without a word to anybody. */
  abandon(key: Bin, silent: boolean): void {
    this.drop(key)
    if (silent) this.changes++
    else this.signal(key, "lost")
  }

  /** Removes a key to make room, and returns whether it existed. */
  evict(key: Bin): boolean {
    if (!this.has(key)) return false
    this.lose(key, "evicted", "e")
    return true
  }

  /** Removes a key that no command has removed. */
  private lose(key: Bin, event: string, kind: EventKind): void {
    this.drop(key)
    this.signal(key, "lost")
    this.notify(key, event, kind)
  }

  private drop(key: Bin): boolean {
    const entry = this.entries.get(key)
    if (entry === undefined) return false
    this.entries.delete(key)
    this.expires.delete(key)
    const slot = slotOf(key)
    const peers = this.bySlot.get(slot)
    if (peers?.delete(key) === true && peers.size === 0) this.bySlot.delete(slot)
    this.order[this.position(entry.serial)] = undefined
    if (this.order.length > emptyCompaction && this.entries.size * 2 < this.order.length) this.compact()
    return true
  }

  private compact(): void {
    this.order = this.order.filter((entry) => entry !== undefined)
    this.serials = this.order.map((entry) => entry!.serial)
  }

  /** The first place whose serial is at least the given one. */
  private position(serial: number): number {
    let low = 0
    let high = this.serials.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.serials[middle] < serial) low = middle + 1
      else high = middle
    }
    return low
  }
}
