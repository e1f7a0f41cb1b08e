/**
 * The random choices of HRANDFIELD, SRANDMEMBER and ZRANDMEMBER.
 *
 * @since 0.1.0
 */
import * as Arguments from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const longMax = BigInt(2) ** BigInt(63) - BigInt(1)

/** Reads the number of items: a negative count allows repetitions. With `paired`, the range is half as large. */
export const readCount = (arg: Bin, paired: boolean): number => {
  const count = Arguments.int64(arg)
  if (count < -longMax) {
    throw new CommandError(`ERR value is out of range, value must between -${longMax} and ${longMax}`)
  }
  const half = longMax / BigInt(2)
  if (paired && (count < -half || count > half)) throw new CommandError("ERR value is out of range")
  return Number(count)
}

/** Picks items at random: `count` different ones, or for a negative count, items that may repeat. */
export const pick = <T>(items: ReadonlyArray<T>, count: number, random: () => number): ReadonlyArray<T> => {
  const any = (from: number) => from + Math.floor(random() * (items.length - from))
  if (count < 0) return items.length === 0 ? [] : Array.from({ length: -count }, () => items[any(0)])
  if (count >= items.length) return items
  const shuffled = items.slice()
  for (let i = 0; i < count; i++) {
    const other = any(i)
    const item = shuffled[other]
    shuffled[other] = shuffled[i]
    shuffled[i] = item
  }
  return shuffled.slice(0, count)
}
