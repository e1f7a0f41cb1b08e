/**
 * Remembers, by 32 bits each, the commands whose replies were dropped lately. It takes a fixed amount of memory, forgets the oldest
 * first, and may be wrong now and then: two commands can have the same bits.
 */

/** A command can stand in one of this many neighbouring places, of which it takes the one of the oldest. */
const ways = 4
const mostPlaces = 2 ** 24

export class Ghosts {
  private readonly places: number
  /** Pairs of a hash and the time at which it was added. There are none until the first is added. */
  private pairs: Uint32Array | undefined = undefined
  /** The time is counted in additions. Of a number of 32 bits, only differences mean anything. */
  private now = 0

  /** Room for so many, up to a power of two, which is 128 MiB at most: the bound of a store may be a number that stands for none. */
  constructor(places: number) {
    this.places = 2 ** Math.ceil(Math.log2(Math.min(Math.max(places, ways), mostPlaces)))
  }

  private startOf(hash: number): number {
    return (hash & (this.places / ways - 1)) * ways * 2
  }

  add(hash: number): void {
    this.pairs ??= new Uint32Array(this.places * 2)
    const { pairs } = this
    const start = this.startOf(hash)
    this.now = (this.now + 1) >>> 0
    let at = start
    for (let i = start; i < start + ways * 2; i += 2) {
      if (pairs[i] === hash >>> 0) {
        at = i
        break
      }
      if (this.age(pairs[i + 1]) > this.age(pairs[at + 1])) at = i
    }
    pairs[at] = hash
    pairs[at + 1] = this.now
  }

  private age(time: number): number {
    return (this.now - time) >>> 0
  }

  /** Forgets a command. Returns whether it was among the last so many that were added. */
  take(hash: number, among: number): boolean {
    const { pairs } = this
    if (pairs === undefined) return false
    const start = this.startOf(hash)
    for (let i = start; i < start + ways * 2; i += 2) {
      if (pairs[i] !== hash >>> 0) continue
      const found = this.age(pairs[i + 1]) < among
      pairs[i] = 0
      pairs[i + 1] = this.now - this.places * 2
      return found
    }
    return false
  }
}
