/**
 * The data of one node: keys, their values and times to live, an index by slot, and who wants to know of changes.
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

/** Told of every change, while it happens. */
export interface Listener {
  /** The key was changed: by a command, or because its time was up. */
  readonly onChange: (key: Bin) => void
  readonly onEvent: (key: Bin, event: string, kind: EventKind) => void
}

/** A connection that has said WATCH. */
export interface Watcher {
  dirty: boolean
}

interface Entry {
  readonly key: Bin
  /** Grows with every key created: its place in the order is found by it. */
  readonly serial: number
  value: Value
}

const highBytes = /[\u0080-\u00ff]/

/** The hash slot of a key. */
export const slotOf = (key: Bin): number => Slot.fromKey(highBytes.test(key) ? toBytes(key) : key)

const emptyCompaction = 64

/** The database of a node. A replica that is linked uses its primary's, so one keyspace may have several listeners. */
export class Keyspace {
  readonly listeners = new Set<Listener>()
  /** Counts every change: what Redis calls dirty. */
  changes = 0
  readonly now: () => number

  private readonly entries = new Map<Bin, Entry>()
  private readonly expires = new Map<Bin, number>()
  private readonly bySlot = new Map<number, Set<Bin>>()
  private readonly watchers = new Map<Bin, Set<Watcher>>()
  /** The entries by serial, with holes where keys were deleted. */
  private order: Array<Entry | undefined> = []
  private serials: Array<number> = []
  private nextSerial = 1
  /** Hashes of which fields expire. Some may have none left. */
  private readonly volatileHashes = new Set<Bin>()
  /** No key expires before. */
  private earliest = Infinity

  constructor(now: () => number) {
    this.now = now
  }

  /** The value of a key that has not expired. */
  get(key: Bin): Value | undefined {
    if (this.expires.size > 0 && this.expireIfDue(key)) return undefined
    const value = this.entries.get(key)?.value
    if (value?.type !== "hash" || value.expiry.size === 0 || !expireFields(value, this.now())) return value
    this.touch(key, "hexpired", "h")
    return this.removeIfEmpty(key) ? undefined : value
  }

  has(key: Bin): boolean {
    return this.get(key) !== undefined
  }

  /** The value, which has to be of a type if there is one: else it throws WRONGTYPE. */
  typed<T extends Value["type"]>(key: Bin, type: T): Extract<Value, { type: T }> | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (value.type !== type) throw new CommandError(wrongType)
    return value as Extract<Value, { type: T }>
  }

  /** Stores a value under a key, whatever was there. Like SET, it ends the time to live, unless told to keep it. */
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

  /** Removes a key without an event, for commands that have one of their own; they call `touch` afterwards. */
  remove(key: Bin): boolean {
    if (this.expires.size > 0 && this.expireIfDue(key)) return false
    return this.drop(key)
  }

  /** Deletes an aggregate that has become empty, and tells whether it did. */
  removeIfEmpty(key: Bin): boolean {
    const value = this.entries.get(key)?.value
    return value !== undefined && isEmpty(value) && this.delete(key)
  }

  /** When a key expires, in milliseconds of the Clock. Undefined: never, or there is no such key. */
  expireAt(key: Bin): number | undefined {
    if (this.expires.size > 0) this.expireIfDue(key)
    return this.expires.get(key)
  }

  /** Sets or removes the time to live of a key that exists. The caller touches it. */
  setExpiry(key: Bin, at: number | undefined): void {
    if (at === undefined) {
      this.expires.delete(key)
    } else if (this.entries.has(key)) {
      this.expires.set(key, at)
      if (at < this.earliest) this.earliest = at
    }
  }

  /** Every write calls it once for each key that it changed: for WATCH, for blocked clients, for keyspace events. */
  touch(key: Bin, event: string, kind: EventKind): void {
    this.signal(key)
    this.notify(key, event, kind)
  }

  /** The part of `touch` that tells nothing to subscribers. */
  signal(key: Bin): void {
    this.changes++
    const value = this.entries.get(key)?.value
    if (value?.type === "hash" && value.expiry.size > 0) this.volatileHashes.add(key)
    if (this.watchers.size > 0) {
      for (const watcher of this.watchers.get(key) ?? []) watcher.dirty = true
    }
    for (const listener of this.listeners) listener.onChange(key)
  }

  /** The part of `touch` that is an event and no change: `keymiss`, a second event of one command. */
  notify(key: Bin, event: string, kind: EventKind): void {
    for (const listener of this.listeners) listener.onEvent(key, event, kind)
  }

  /** All keys, the oldest first. They may be deleted while they are read. */
  *keys(): IterableIterator<Bin> {
    this.expireDue()
    for (const entry of this.order.slice()) if (entry !== undefined) yield entry.key
  }

  get size(): number {
    this.expireDue()
    return this.entries.size
  }

  /** How many keys have a time to live. */
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

  /** Any key. */
  random(random: () => number): Bin | undefined {
    this.expireDue()
    if (this.entries.size === 0) return undefined
    for (;;) {
      // At most half of the places are holes.
      const entry = this.order[Math.floor(random() * this.order.length)]
      if (entry !== undefined) return entry.key
    }
  }

  /** Empties the database. Whoever watches a key that is gone now is told. */
  clear(): void {
    this.changes++
    const gone = [...this.entries.keys()]
    this.entries.clear()
    this.expires.clear()
    this.volatileHashes.clear()
    this.bySlot.clear()
    this.order = []
    this.serials = []
    this.earliest = Infinity
    for (const key of gone) this.signal(key)
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

  /** Deletes what has expired. Every look at more than one key does it first; a timer only where somebody listens. */
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

  /** When the next key or field may expire. Infinity: none has a time to live. */
  get nextExpiry(): number {
    let next = this.expires.size === 0 ? Infinity : this.earliest
    for (const key of this.volatileHashes) {
      const value = this.entries.get(key)?.value
      if (value?.type !== "hash") continue
      for (const at of value.expiry.values()) next = Math.min(next, at)
    }
    return next
  }

  /** The same keys and values, sharing nothing. */
  clone(): Keyspace {
    this.expireDue()
    const copy = new Keyspace(this.now)
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
    this.drop(key)
    this.touch(key, "expired", "x")
    return true
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

  /** The first place whose serial is not below. */
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
