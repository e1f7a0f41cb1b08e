/**
 * The members of a sorted set, ordered by score and then by bytes.
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"

/** A member and its score. */
export interface Entry {
  readonly member: Bin
  readonly score: number
}

/** Bounds of ZRANGEBYSCORE. */
export interface ScoreRange {
  readonly min: number
  readonly minExclusive: boolean
  readonly max: number
  readonly maxExclusive: boolean
}

/** A bound of ZRANGEBYLEX: `-` and `+` are below and above every member. */
export type LexBound = "-" | "+" | { readonly member: Bin; readonly exclusive: boolean }

/** Bounds of ZRANGEBYLEX. */
export interface LexRange {
  readonly min: LexBound
  readonly max: LexBound
}

/** Ranks from `start` up to, not including, `end`. Empty when they are equal. */
export interface Span {
  readonly start: number
  readonly end: number
}

const precedes = (a: Entry, score: number, member: Bin): boolean =>
  a.score < score || (a.score === score && a.member < member)

/** The class behind the value of type `zset`. Ranks count from 0, from the lowest score. */
export class SortedSet {
  private readonly scores = new Map<Bin, number>()
  private readonly order: Array<Entry> = []

  get size(): number {
    return this.order.length
  }

  score(member: Bin): number | undefined {
    return this.scores.get(member)
  }

  has(member: Bin): boolean {
    return this.scores.has(member)
  }

  /** Adds a member or moves it to another score, and tells what it did. */
  add(member: Bin, score: number): "added" | "updated" | "same" {
    const old = this.scores.get(member)
    if (old === score) return "same"
    if (old !== undefined) this.order.splice(this.position(old, member), 1)
    this.scores.set(member, score)
    const last = this.order.at(-1)
    if (last === undefined || precedes(last, score, member)) this.order.push({ member, score })
    else this.order.splice(this.position(score, member), 0, { member, score })
    return old === undefined ? "added" : "updated"
  }

  remove(member: Bin): boolean {
    const score = this.scores.get(member)
    if (score === undefined) return false
    this.scores.delete(member)
    this.order.splice(this.position(score, member), 1)
    return true
  }

  rank(member: Bin): number | undefined {
    const score = this.scores.get(member)
    return score === undefined ? undefined : this.position(score, member)
  }

  /** The entry at a rank. */
  at(rank: number): Entry | undefined {
    return this.order[rank]
  }

  /** The entries of a span, from the lowest. */
  slice(start: number, end: number): ReadonlyArray<Entry> {
    return this.order.slice(start, end)
  }

  /** Removes the entries of a span and answers them. */
  removeSpan({ end, start }: Span): ReadonlyArray<Entry> {
    const removed = this.order.splice(start, Math.max(end - start, 0))
    for (const { member } of removed) this.scores.delete(member)
    return removed
  }

  /** All entries, from the lowest. */
  entries(): IterableIterator<Entry> {
    return this.order.values()
  }

  byScore({ max, maxExclusive, min, minExclusive }: ScoreRange): Span {
    const start = this.search((entry) => minExclusive ? entry.score <= min : entry.score < min)
    const end = this.search((entry) => maxExclusive ? entry.score < max : entry.score <= max)
    return { start, end: Math.max(start, end) }
  }

  /** Presumes, as Redis does, that all scores are equal. */
  byLex({ max, min }: LexRange): Span {
    const start = this.lexPosition(min, true)
    return { start, end: Math.max(start, this.lexPosition(max, false)) }
  }

  clone(): SortedSet {
    const copy = new SortedSet()
    for (const entry of this.order) {
      copy.order.push(entry)
      copy.scores.set(entry.member, entry.score)
    }
    return copy
  }

  private lexPosition(bound: LexBound, lower: boolean): number {
    if (bound === "-") return 0
    if (bound === "+") return this.order.length
    const { exclusive, member } = bound
    // The lower bound ends what lies before the range, the upper one what lies in it.
    return this.search((entry) => entry.member < member || (entry.member === member && exclusive === lower))
  }

  private position(score: number, member: Bin): number {
    return this.search((entry) => precedes(entry, score, member))
  }

  /** The first rank whose entry is not `before`. */
  private search(before: (entry: Entry) => boolean): number {
    let low = 0
    let high = this.order.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (before(this.order[middle])) low = middle + 1
      else high = middle
    }
    return low
  }
}
