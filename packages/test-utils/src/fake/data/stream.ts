/**
 * The value of type `stream`: entries in order of their IDs, consumer groups, and each consumer's pending entries.
 *
 * **Details**
 *
 * The server keeps entries in blocks (the listpacks of a radix tree), and clients can see this: an approximate trim removes
 * only whole blocks, and XINFO STREAM counts them. So the blocks and their sizes in bytes exist here too.
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

export interface Entry {
  readonly id: StreamId
  /** Fields and values, alternating. */
  readonly fields: ReadonlyArray<Bin>
}

interface Block {
  /** The ID of the block's first entry, which may have been deleted. */
  readonly key: StreamId
  /** The fields of that entry. Entries with the same fields take less room. */
  readonly template: ReadonlyArray<Bin>
  /** The ID of the last added entry, which may have been deleted. */
  last: StreamId
  entries: Array<Entry>
  deleted: number
  /** The size of all entries, deleted or not, without the counters at the head. */
  bytes: number
}

/** The maximum size of a block: `stream-node-max-entries` and `stream-node-max-bytes`, 0 for no limit. */
export interface Limits {
  readonly entries: number
  readonly bytes: number
}

/** A trim: keeps a number of the newest entries, or removes all before an ID. */
export interface Trim {
  readonly keep: { readonly length: bigint } | { readonly from: StreamId }
  /** Whether to remove only whole blocks. */
  readonly approximate: boolean
  /** The maximum number of entries to remove; 0 for no limit. */
  readonly limit: number
}

/** An entry that was delivered and not acknowledged. */
export interface Pending {
  readonly id: StreamId
  consumer: Consumer
  deliveredAt: number
  deliveries: bigint
}

export interface Consumer {
  readonly name: Bin
  seenAt: number
  /** The time at which it last got or claimed entries; -1 for never. */
  activeAt: number
  readonly pending: IdMap<Pending>
}

export class Group {
  readonly name: Bin
  lastId: StreamId
  /** The number of entries that it has read, counted from the stream's first entry ever; undefined if unknown. */
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

  /** The consumers in the order of their names. */
  get consumers(): ReadonlyArray<Consumer> {
    return [...this.byName.values()].sort((a, b) => a.name < b.name ? -1 : 1)
  }

  addConsumer(name: Bin, now: number): Consumer {
    const consumer: Consumer = { name, seenAt: now, activeAt: -1, pending: new IdMap() }
    this.byName.set(name, consumer)
    return consumer
  }

  /** Removes a consumer and its pending entries. */
  removeConsumer(consumer: Consumer): void {
    for (const pending of consumer.pending.values()) this.pending.delete(pending.id)
    this.byName.delete(consumer.name)
  }

  /** Makes an entry pending for a consumer, even if another had it before. */
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

  /** Acknowledges one ID, for XACK. */
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

/** The first place in a sorted list that is not below the ID. */
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

export class Stream {
  length = 0
  lastId: StreamId = StreamId.zero
  /** The ID of the first entry, as recorded by the server. */
  firstId: StreamId = StreamId.zero
  maxDeletedId: StreamId = StreamId.zero
  entriesAdded = 0n
  /** Counts the changes that wake blocked readers: added entries and removed groups. */
  signals = 0
  private blocks: Array<Block> = []
  private readonly byName = new Map<Bin, Group>()

  group(name: Bin): Group | undefined {
    return this.byName.get(name)
  }

  /** The groups in the order of their names. */
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

  /** The server's radix tree: the number of blocks that it leads to, and the number of its nodes. */
  get tree(): { readonly keys: number; readonly nodes: number } {
    return { keys: this.blocks.length, nodes: treeNodes(this.blocks.map((block) => block.key)) }
  }

  /** The existing entry with the highest ID. */
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

  /** The entries from the lower ID to the higher one, or backwards. Both are included. */
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

  /** Adds an entry after all others. The ID has to be higher than `lastId`. */
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

  /** Deletes one ID, for XDEL. `settle` has to be called afterwards. */
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

  /** Records the first entry again after deletions. */
  settle(): void {
    this.firstId = this.first?.id ?? StreamId.zero
  }

  /** Removes entries from the beginning, and returns how many were removed. */
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

  /** Whether XDEL has deleted an entry at or after an ID. If so, entries can't be counted by differences. */
  hasTombstones(from: StreamId): boolean {
    const { firstId, maxDeletedId } = this
    return this.length > 0 && maxDeletedId !== StreamId.zero && maxDeletedId >= firstId && from <= maxDeletedId
  }

  /** The number of entries ever added up to an ID; undefined if it can't be determined. */
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

  /** The number of entries that a group has not read yet; undefined if it can't be determined. */
  lag(group: Group, version: Version): bigint | undefined {
    if (this.entriesAdded === 0n) return 0n
    // All present entries, if the group's position and all deleted entries are before them. Known since 7.4.
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

  /** The only block that may contain an ID. */
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
