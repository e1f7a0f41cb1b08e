/** Sequences of keys that are asked for one by one, to compare policies of eviction. They are the same in each run. */

/** Numbers from 0 to 1 from a seed (mulberry32). */
export const randomFrom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** Ranks by Zipf's law: the most popular of `count` is asked for `n ** exponent` times as often as the n-th. */
const zipf = (count: number, exponent: number, random: () => number) => {
  const sums: Array<number> = []
  let sum = 0
  for (let rank = 1; rank <= count; rank++) sums.push(sum += 1 / rank ** exponent)
  return (): number => {
    const wanted = random() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle] < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

export interface Trace {
  readonly name: string
  readonly keys: ReadonlyArray<string>
}

/** Traces of `length` keys for a cache with room for `room` entries; 20 times as many keys are asked for more than once. */
export const traces = (room: number, length: number): ReadonlyArray<Trace> => {
  const trace = (
    name: string,
    exponent: number,
    seed: number,
    other: (index: number, random: () => number) => string | undefined
  ) => {
    const random = randomFrom(seed)
    const next = zipf(room * 20, exponent, random)
    return { name, keys: Array.from({ length }, (_, index) => other(index, random) ?? `popular:${next()}`) }
  }
  const none = () => undefined
  let scanned = 0
  return [
    trace("Zipf 0.8", 0.8, 1, none),
    trace("Zipf 1.0", 1, 2, none),
    trace("Zipf 1.2", 1.2, 3, none),
    trace(
      "Zipf 1.0, and scans of more than there is room for",
      1,
      4,
      (index) => index % (room * 20) < room * 1.5 ? `scanned:${scanned++}` : undefined
    ),
    trace("Zipf 1.0, and half of all keys new", 1, 5, (index, random) => random() < 0.5 ? `new:${index}` : undefined),
    trace(
      "Zipf 1.0, and a loop of more than there is room for",
      1,
      6,
      (index, random) => random() < 0.3 ? `loop:${index % Math.round(room * 1.5)}` : undefined
    ),
    trace("a loop of more than there is room for", 1, 7, (index) => `loop:${index % Math.round(room * 1.5)}`)
  ]
}
