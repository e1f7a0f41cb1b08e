/**
 * The members of a sorted set, ordered by score and then by bytes.
 *
 * @since 0.1.0
 */
import type { Bin } from "../values/binary.ts"
import type { LexBound, LexRange, ScoreRange } from "../values/ranges.ts"

/** A member and its score. */
export interface Entry {
  readonly member: Bin
  readonly score: number
}

/** Ranks from `start` to below `end`. Empty if they are equal. */
export interface Span {
  readonly start: number
  readonly end: number
}

const precedes = (a: Entry, score: number, member: Bin): boolean =>
  a.score < score || (a.score === score && a.member < member)

const compare = (a: Entry, b: Entry): number => precedes(a, b.score, b.member) ? -1 : 1

/** A place in the pieces of a set. */
interface Place {
  readonly piece: number
  readonly index: number
}

const pieceSize = 512

/** The first index whose item is not `before`. */
const search = <T>(items: ReadonlyArray<T>, before: (item: T) => boolean): number => {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (before(items[middle])) low = middle + 1
    else high = middle
  }
  return low
}

/** The class of values of type `zset`. Ranks count from 0, from the lowest score. */
export class SortedSet {
  private readonly scores = new Map<Bin, number>()
  /**
   * The entries in order, in pieces that are never empty. So a change moves only the rest of one piece, however large the set
   * is.
   */
  private pieces: Array<Array<Entry>> = []

  /** A set of the given entries, in any order, without duplicate members. */
  static from(entries: Iterable<Entry>): SortedSet {
    const made = new SortedSet()
    const sorted = [...entries].sort(compare)
    for (let i = 0; i < sorted.length; i += pieceSize) made.pieces.push(sorted.slice(i, i + pieceSize))
    for (const { member, score } of sorted) made.scores.set(member, score)
    return made
  }

  get size(): number {
    return this.scores.size
  }

  score(member: Bin): number | undefined {
    return this.scores.get(member)
  }

  has(member: Bin): boolean {
    return this.scores.has(member)
  }

  /** Adds a member or changes its score, and returns which of these it did. A score of -0 becomes 0. */
  add(member: Bin, given: number): "added" | "updated" | "same" {
    const score = given + 0
    const old = this.scores.get(member)
    if (old === score) return "same"
    if (old !== undefined) this.takeOut(old, member)
    this.scores.set(member, score)
    const { index, piece } = this.placeOf(score, member)
    // An entry after all others goes to the end of the last piece.
    const at = piece < this.pieces.length ? piece : Math.max(piece - 1, 0)
    const items = this.pieces[at] ?? (this.pieces[at] = [])
    items.splice(at === piece ? index : items.length, 0, { member, score })
    if (items.length > pieceSize) this.pieces.splice(at + 1, 0, items.splice(pieceSize >> 1))
    return old === undefined ? "added" : "updated"
  }

  remove(member: Bin): boolean {
    const score = this.scores.get(member)
    if (score === undefined) return false
    this.scores.delete(member)
    this.takeOut(score, member)
    return true
  }

  rank(member: Bin): number | undefined {
    const score = this.scores.get(member)
    return score === undefined ? undefined : this.rankAt(this.placeOf(score, member))
  }

  at(rank: number): Entry | undefined {
    return this.slice(rank, rank + 1)[0]
  }

  /** The entries of a span, from the lowest. */
  slice(start: number, end: number): ReadonlyArray<Entry> {
    const found: Array<Entry> = []
    let first = 0
    for (const piece of this.pieces) {
      if (first >= end) break
      if (first + piece.length > start) {
        for (let i = Math.max(start - first, 0); i < piece.length && first + i < end; i++) found.push(piece[i])
      }
      first += piece.length
    }
    return found
  }

  /** Removes the entries of a span and returns them. */
  removeSpan({ end, start }: Span): ReadonlyArray<Entry> {
    const removed = this.slice(start, end)
    let first = 0
    for (const piece of this.pieces) {
      const { length } = piece
      if (first < end && first + length > start) {
        const from = Math.max(start - first, 0)
        piece.splice(from, Math.min(end - first, length) - from)
      }
      first += length
    }
    this.pieces = this.pieces.filter((piece) => piece.length > 0)
    for (const { member } of removed) this.scores.delete(member)
    return removed
  }

  /** All entries, from the lowest. */
  *entries(): IterableIterator<Entry> {
    for (const piece of this.pieces) yield* piece
  }

  /** All members, in no particular order. */
  keys(): IterableIterator<Bin> {
    return this.scores.keys()
  }

  byScore({ max, maxExclusive, min, minExclusive }: ScoreRange): Span {
    const start = this.count((entry) => minExclusive ? entry.score <= min : entry.score < min)
    const end = this.count((entry) => maxExclusive ? entry.score < max : entry.score <= max)
    return { start, end: Math.max(start, end) }
  }

  /** Assumes, like Redis, that all scores are equal. */
  byLex({ max, min }: LexRange): Span {
    const start = this.lexRank(min, true)
    return { start, end: Math.max(start, this.lexRank(max, false)) }
  }

  clone(): SortedSet {
    const copy = new SortedSet()
    copy.pieces = this.pieces.map((piece) => piece.slice())
    for (const [member, score] of this.scores) copy.scores.set(member, score)
    return copy
  }

  private lexRank(bound: LexBound, lower: boolean): number {
    if (bound === "-") return 0
    if (bound === "+") return this.size
    const { exclusive, member } = bound
    // The lower bound counts the entries before the range, the upper bound also those in it.
    return this.count((entry) => entry.member < member || (entry.member === member && exclusive === lower))
  }

  /** The number of entries, from the lowest, that are `before`. */
  private count(before: (entry: Entry) => boolean): number {
    return this.rankAt(this.place(before))
  }

  private placeOf(score: number, member: Bin): Place {
    return this.place((entry) => precedes(entry, score, member))
  }

  /** The first place whose entry is not `before`, or the place after the last piece. */
  private place(before: (entry: Entry) => boolean): Place {
    const piece = search(this.pieces, (items) => before(items[items.length - 1]))
    return { piece, index: piece < this.pieces.length ? search(this.pieces[piece], before) : 0 }
  }

  private rankAt({ index, piece }: Place): number {
    let rank = index
    for (let i = 0; i < piece; i++) rank += this.pieces[i].length
    return rank
  }

  private takeOut(score: number, member: Bin): void {
    const { index, piece } = this.placeOf(score, member)
    this.pieces[piece].splice(index, 1)
    if (this.pieces[piece].length === 0) this.pieces.splice(piece, 1)
  }
}
