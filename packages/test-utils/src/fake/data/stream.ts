/**
 * The value of type `stream`: entries in order of their IDs, consumer groups, and what each consumer has pending.
 *
 * **Details**
 *
 * The server keeps entries in blocks (the listpacks of a radix tree), and this shows: an approximate trim removes whole blocks
 * only, and XINFO STREAM counts them. So the blocks are here too, and how many bytes they would take.
 *
 * @since 0.1.0
 */
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "../values/binary.ts"
import { IdMap } from "./idMap.ts"
import * as StreamId from "./streamId.ts"
import { elementSize, entrySize, headSize, treeNodes } from "./streamLayout.ts"

type StreamId = StreamId.StreamId

/** One entry. */
export interface Entry {
  readonly id: StreamId
  /** Fields and values in turn. */
  readonly fields: ReadonlyArray<Bin>
}

interface Block {
  /** The ID of the entry that it was begun with, which may be gone. */
  readonly key: StreamId
  /** The fields of that entry: entries with the same ones take less room. */
  readonly template: ReadonlyArray<Bin>
  /** The ID that was added last, which may be gone. */
  last: StreamId
  entries: Array<Entry>
  deleted: number
  /** Of all entries, deleted or not, and without the counters at the head. */
  bytes: number
}

/** How large a block may become: `stream-node-max-entries` and `stream-node-max-bytes`, 0 for no limit. */
export interface Limits {
  readonly entries: number
  readonly bytes: number
}

/** What a trim removes: all but the newest so many, or all before an ID. */
export interface Trim {
  readonly keep: { readonly length: bigint } | { readonly from: StreamId }
  /** Whole blocks only. */
  readonly approximate: boolean
  /** At most so many entries; 0 for no limit. */
  readonly limit: number
}

/** An entry that was delivered and not acknowledged. */
export interface Pending {
  readonly id: StreamId
  consumer: Consumer
  deliveredAt: number
  deliveries: bigint
}

/** A consumer of a group. */
export interface Consumer {
  readonly name: Bin
  seenAt: number
  /** When it last got entries, or claimed some: -1 for never. */
  activeAt: number
  readonly pending: IdMap<Pending>
}

/** A consumer group. */
export class Group {
  readonly name: Bin
  lastId: StreamId
  /** How many entries it has read since the first there ever was. Undefined: not known. */
  entriesRead: bigint | undefined
  readonly pending = new IdMap<Pending>()
  private readonly byName = new Map<Bin, Consumer>()

  constructor(name: Bin, lastId: StreamId, entriesRead: bigint | undefined) {
    this.name = name
    this.lastId = lastId
    this.entriesRead = entriesRead
  }

  consumer(name: Bin): Consumer | undefined {
    return this.byName.get(name)
  }

  /** In the order of their names. */
  get consumers(): ReadonlyArray<Consumer> {
    return [...this.byName.values()].sort((a, b) => a.name < b.name ? -1 : 1)
  }

  addConsumer(name: Bin, now: number): Consumer {
    const consumer: Consumer = { name, seenAt: now, activeAt: -1, pending: new IdMap() }
    this.byName.set(name, consumer)
    return consumer
  }

  /** Forgets a consumer and what it had pending. */
  removeConsumer(consumer: Consumer): void {
    for (const pending of consumer.pending.values()) this.pending.delete(pending.id)
    this.byName.delete(consumer.name)
  }

  /** Makes an entry pending for a consumer, whoever had it before. */
  assign(id: StreamId, consumer: Consumer, deliveredAt: number, deliveries: bigint): Pending {
    const known = this.pending.get(id)
    if (known !== undefined) {
      known.consumer.pending.delete(id)
      known.consumer = consumer
      known.deliveredAt = deliveredAt
      known.deliveries = deliveries
      consumer.pending.set(id, known)
      return known
    }
    const pending: Pending = { id, consumer, deliveredAt, deliveries }
    this.pending.set(id, pending)
    consumer.pending.set(id, pending)
    return pending
  }

  /** What XACK does to one ID. */
  release(id: StreamId): boolean {
    const pending = this.pending.get(id)
    if (pending === undefined) return false
    pending.consumer.pending.delete(id)
    return this.pending.delete(id)
  }

  clone(): Group {
    const copy = new Group(this.name, this.lastId, this.entriesRead)
    for (const consumer of this.byName.values()) {
      copy.addConsumer(consumer.name, consumer.seenAt).activeAt = consumer.activeAt
    }
    for (const pending of this.pending.values()) {
      const owner = copy.byName.get(pending.consumer.name)
      if (owner !== undefined) copy.assign(pending.id, owner, pending.deliveredAt, pending.deliveries)
    }
    return copy
  }
}

/** The first place in a sorted list that is not below. */
const place = <T>(items: ReadonlyArray<T>, id: StreamId, idOf: (item: T) => StreamId): number => {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (idOf(items[middle]) < id) low = middle + 1
    else high = middle
  }
  return low
}

const placeOf = (entries: ReadonlyArray<Entry>, id: StreamId): number => place(entries, id, (entry) => entry.id)

/** A stream. */
export class Stream {
  length = 0
  lastId: StreamId = StreamId.zero
  /** The ID of the first entry, as the server has recorded it. */
  firstId: StreamId = StreamId.zero
  maxDeletedId: StreamId = StreamId.zero
  entriesAdded = 0n
  /** Counts what wakes blocked readers: entries that come, and groups that go. */
  signals = 0
  private blocks: Array<Block> = []
  private readonly byName = new Map<Bin, Group>()

  group(name: Bin): Group | undefined {
    return this.byName.get(name)
  }

  /** In the order of their names. */
  get groups(): ReadonlyArray<Group> {
    return [...this.byName.values()].sort((a, b) => a.name < b.name ? -1 : 1)
  }

  addGroup(name: Bin, lastId: StreamId, entriesRead: bigint | undefined): Group {
    const group = new Group(name, lastId, entriesRead)
    this.byName.set(name, group)
    return group
  }

  removeGroup(name: Bin): boolean {
    this.signals++
    return this.byName.delete(name)
  }

  /** The radix tree of the server: how many blocks it leads to, and how many nodes it is made of. */
  get tree(): { readonly keys: number; readonly nodes: number } {
    return { keys: this.blocks.length, nodes: treeNodes(this.blocks.map((block) => block.key)) }
  }

  /** The entry that is there with the highest ID. */
  get last(): Entry | undefined {
    return this.blocks.findLast((block) => block.entries.length > 0)?.entries.at(-1)
  }

  get first(): Entry | undefined {
    return this.blocks.find((block) => block.entries.length > 0)?.entries[0]
  }

  find(id: StreamId): Entry | undefined {
    const block = this.blockOf(id)
    const entry = block?.entries[placeOf(block.entries, id)]
    return entry?.id === id ? entry : undefined
  }

  /** From the lower ID to the higher one, or from there backwards. Both are included. */
  *range(start: StreamId, end: StreamId, reverse = false): IterableIterator<Entry> {
    if (start > end) return
    const first = Math.max(place(this.blocks, start + 1n, (block) => block.key) - 1, 0)
    if (reverse) {
      for (let b = place(this.blocks, end + 1n, (block) => block.key) - 1; b >= first; b--) {
        const { entries } = this.blocks[b]
        for (let i = placeOf(entries, end + 1n) - 1; i >= 0 && entries[i].id >= start; i--) yield entries[i]
      }
      return
    }
    for (let b = first; b < this.blocks.length && this.blocks[b].key <= end; b++) {
      const { entries } = this.blocks[b]
      for (let i = placeOf(entries, start); i < entries.length && entries[i].id <= end; i++) yield entries[i]
    }
  }

  /** Adds an entry behind all others. The ID has to be higher than `lastId`. */
  append(id: StreamId, fields: ReadonlyArray<Bin>, limits: Limits): void {
    let block = this.blocks.at(-1)
    if (block === undefined || isFull(block, fields, limits)) {
      const template = fields.filter((_, index) => index % 2 === 0)
      block = { key: id, template, last: id, entries: [], deleted: 0, bytes: headSize(template) }
      this.blocks.push(block)
    }
    block.bytes += entrySize(id, fields, block.key, block.template)
    block.entries.push({ id, fields })
    block.last = id
    this.length++
    this.entriesAdded++
    this.signals++
    this.lastId = id
    if (this.length === 1) this.firstId = id
  }

  /** What XDEL does to one ID. `settle` has to follow. */
  delete(id: StreamId): boolean {
    const block = this.blockOf(id)
    if (block === undefined) return false
    const at = placeOf(block.entries, id)
    if (block.entries[at]?.id !== id) return false
    block.entries.splice(at, 1)
    block.deleted++
    this.length--
    if (block.entries.length === 0) this.blocks.splice(this.blocks.indexOf(block), 1)
    if (id > this.maxDeletedId) this.maxDeletedId = id
    return true
  }

  /** Records the first entry anew after deletions. */
  settle(): void {
    this.firstId = this.first?.id ?? StreamId.zero
  }

  /** Removes entries from the beginning, and answers how many. */
  trim(trim: Trim): number {
    const { keep } = trim
    const surplus = () => "length" in keep ? BigInt(this.length) - keep.length : 0n
    let removed = 0
    while (this.blocks.length > 0) {
      if ("length" in keep && surplus() <= 0n) break
      const [block] = this.blocks
      const count = block.entries.length
      if (trim.limit > 0 && removed + count > trim.limit) break
      if ("length" in keep ? surplus() >= BigInt(count) : block.last < keep.from) {
        this.blocks.shift()
        this.length -= count
        removed += count
        continue
      }
      if (trim.approximate) break
      const some = "length" in keep ? Number(surplus()) : placeOf(block.entries, keep.from)
      block.entries = block.entries.slice(some)
      block.deleted += some
      this.length -= some
      removed += some
      break
    }
    if (removed > 0) this.settle()
    return removed
  }

  /** Whether an entry was deleted, by XDEL, from an ID on: numbers of entries can't be told by difference then. */
  hasTombstones(from: StreamId): boolean {
    const { firstId, maxDeletedId } = this
    return this.length > 0 && maxDeletedId !== StreamId.zero && maxDeletedId >= firstId && from <= maxDeletedId
  }

  /** How many entries were ever added up to an ID. Undefined: it can't be told. */
  ordinal(id: StreamId): bigint | undefined {
    if (this.entriesAdded === 0n) return 0n
    if (this.length === 0 && id <= this.lastId) return this.entriesAdded
    if (id === this.lastId) return this.entriesAdded
    if (id > this.lastId) return undefined
    if (this.maxDeletedId === StreamId.zero || this.maxDeletedId < this.firstId) {
      const before = this.entriesAdded - BigInt(this.length)
      if (id < this.firstId) return before
      if (id === this.firstId) return before + 1n
    }
    return undefined
  }

  /** How many entries a group has not read yet. Undefined: it can't be told. */
  lag(group: Group, version: Version): bigint | undefined {
    if (this.entriesAdded === 0n) return 0n
    // All that is there, if the group and all that was deleted stand before it: known since 7.4.
    const { firstId, length } = this
    if (since(version, 7.4) && length > 0 && group.lastId < firstId && this.maxDeletedId < firstId) {
      return BigInt(length)
    }
    const read = group.entriesRead !== undefined && !this.hasTombstones(group.lastId)
      ? group.entriesRead
      : this.ordinal(group.lastId)
    return read === undefined ? undefined : this.entriesAdded - read
  }

  clone(): Stream {
    const copy = new Stream()
    copy.length = this.length
    copy.lastId = this.lastId
    copy.firstId = this.firstId
    copy.maxDeletedId = this.maxDeletedId
    copy.entriesAdded = this.entriesAdded
    copy.blocks = this.blocks.map((block) => ({ ...block, entries: block.entries.slice() }))
    for (const [name, group] of this.byName) copy.byName.set(name, group.clone())
    return copy
  }

  /** The only block that an ID can be in. */
  private blockOf(id: StreamId): Block | undefined {
    return this.blocks[place(this.blocks, id + 1n, (block) => block.key) - 1]
  }
}

const largestBlock = 1 << 30

const isFull = (block: Block, fields: ReadonlyArray<Bin>, limits: Limits): boolean => {
  const counters = elementSize(String(block.entries.length)) + elementSize(String(block.deleted))
  const more = fields.reduce((sum, field) => sum + field.length, 0)
  const most = limits.bytes === 0 || limits.bytes > largestBlock ? largestBlock : limits.bytes
  if (block.bytes + counters + more >= most) return true
  return limits.entries > 0 && block.entries.length + block.deleted >= limits.entries
}
