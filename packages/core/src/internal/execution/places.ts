/**
 * Who waits in the waiting room: a queue for each place, how many there are, and the places that work on several slots keeps in each
 * of them.
 */
import type * as ReadFrom from "../../ReadFrom.ts"
import { numberOf } from "./door.ts"
import { Queue } from "./queue.ts"
import type { Guest } from "./queue.ts"

/** So many may have gone and still be in their queues, and more if even more wait. */
const mostGone = 1000

/** Keeps the place of a guest in a further slot, for as long as that one waits. */
class Follower implements Guest {
  readonly slot: number
  readonly leader: Guest

  constructor(leader: Guest, slot: number) {
    this.leader = leader
    this.slot = slot
  }

  get readFrom(): ReadFrom.ReadFrom {
    return this.leader.readFrom
  }

  get beside(): boolean {
    return false
  }

  get reads(): boolean {
    return false
  }

  get until(): number {
    return this.leader.until
  }

  get ticket(): number | undefined {
    return this.leader.ticket
  }

  get gone(): boolean {
    return this.leader.gone
  }

  leave(): void {}
}

export class Places {
  /** How many wait. */
  count = 0
  private readonly queues = new Map<number, Queue>()
  /** How many may wait for one shard. */
  private readonly limit: number
  private readonly shardOf: (slot: number) => string | undefined
  /** How many wait for each shard, where that is limited. */
  private readonly counts = new Map<string, number>()
  private tickets = 0
  /** How many have gone and are still in their queues. */
  private gone = 0

  constructor(limit: number, shardOf: (slot: number) => string | undefined) {
    this.limit = limit
    this.shardOf = shardOf
  }

  get isEmpty(): boolean {
    return this.queues.size === 0
  }

  draw(): number {
    return ++this.tickets
  }

  /** Gives a guest its places, unless there is no room for it. Whoever has had one before gets it back. */
  take(guest: Guest): boolean {
    if (this.limit !== Infinity) {
      guest.shard = this.shardOf(guest.slot) ?? `${guest.slot}`
      if (guest.ticket === undefined && (this.counts.get(guest.shard) ?? 0) >= this.limit) return false
    }
    guest.ticket ??= guest.rank ?? this.draw()
    guest.gone = false
    this.counted(guest, 1)
    this.enqueue(guest)
    for (const slot of guest.also ?? []) this.enqueue(new Follower(guest, slot))
    return true
  }

  /** The stay of a guest has ended. It may still be in its queues. */
  leaves(guest: Guest): void {
    guest.gone = true
    this.counted(guest, -1)
    this.gone += guest.also?.length ?? 0
  }

  /** Notes that a guest that has gone is still in its queue. Nothing else may ever look at the queue. */
  forget(): void {
    this.gone++
    if (this.gone > mostGone && this.gone > this.count) this.tidy()
  }

  /** The numbers of the places that have a queue now. */
  all(): ReadonlyArray<number> {
    return Array.from(this.queues.keys())
  }

  /** The queue of a place; undefined if nobody waits there. */
  at(place: number): Queue | undefined {
    const queue = this.queues.get(place)
    if (queue?.isEmpty !== true) return queue
    this.queues.delete(place)
    return undefined
  }

  /** Takes a guest out of its queue. */
  remove(guest: Guest): void {
    const place = numberOf(guest.slot, guest.readFrom)
    this.at(place)!.remove(guest)
    this.at(place)
  }

  /** Takes out those whose time is up, and tells when the next one's is. */
  takeLate(now: number): { readonly late: ReadonlyArray<Guest>; readonly next: number } {
    const late: Array<Guest> = []
    let next = Infinity
    for (const [place, queue] of this.queues) {
      for (const guest of queue.takeLate(now)) late.push(guest)
      if (queue.isEmpty) this.queues.delete(place)
      else next = Math.min(next, queue.dueAt)
    }
    return { late, next }
  }

  /** Takes out everybody. */
  takeAll(): ReadonlyArray<Guest> {
    const queues = Array.from(this.queues.values())
    this.queues.clear()
    return queues.flatMap((queue) => queue.all())
  }

  private enqueue(guest: Guest): void {
    const place = numberOf(guest.slot, guest.readFrom)
    const known = this.queues.get(place)
    const queue = known ?? new Queue()
    if (known === undefined) this.queues.set(place, queue)
    queue.add(guest)
  }

  private counted({ shard }: Guest, change: 1 | -1): void {
    this.count += change
    if (shard === undefined) return
    const count = (this.counts.get(shard) ?? 0) + change
    if (count === 0) this.counts.delete(shard)
    else this.counts.set(shard, count)
  }

  private tidy(): void {
    this.gone = 0
    for (const [place, queue] of this.queues) {
      queue.tidy()
      if (queue.isEmpty) this.queues.delete(place)
    }
  }
}
