/**
 * The string of a HyperLogLog: its registers, packed as on the server, and the estimate from them.
 *
 * Source: the server's hyperloglog.c for the format; O. Ertl, "New cardinality estimation algorithms for HyperLogLog
 * sketches", for the estimate.
 *
 * @since 0.1.0
 */
import { fromBytes, toBytes, viewOf, writeBytes } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"

const registerCount = 16_384
const indexBits = 14
const hashBits = 64 - indexBits
const headerSize = 16
const denseSize = headerSize + registerCount * 6 / 8
const largestSparse = 3000
const largestSparseValue = 32

/** The parts of the string. */
export interface HyperLogLog {
  readonly registers: Uint8Array
  dense: boolean
  /** The count when it was last calculated. */
  count: bigint
  /** Whether the registers are unchanged since then. */
  counted: boolean
}

/** A new, empty one. */
export const empty = (): HyperLogLog => ({
  registers: new Uint8Array(registerCount),
  dense: false,
  count: BigInt(0),
  counted: true
})

/** Whether a string begins and ends like a HyperLogLog. */
export const isValid = (text: Bin): boolean =>
  text.length >= headerSize && text.startsWith("HYLL") &&
  (text.charCodeAt(4) === 1 || (text.charCodeAt(4) === 0 && text.length === denseSize))

const readDense = (bytes: Uint8Array, registers: Uint8Array): void => {
  for (let i = 0; i < registerCount; i++) {
    const bit = i * 6
    const at = headerSize + (bit >> 3)
    registers[i] = (((bytes[at + 1] ?? 0) << 8 | bytes[at]) >> (bit & 7)) & 63
  }
}

/** One run of equal registers. */
interface Run {
  readonly value: number
  readonly length: number
  /** Whether the run is written in two bytes. */
  readonly long: boolean
}

const readRuns = (bytes: Uint8Array): ReadonlyArray<Run> => {
  const runs: Array<Run> = []
  for (let at = headerSize; at < bytes.length; at++) {
    const head = bytes[at]
    if (head >= 0x80) runs.push({ value: ((head >> 2) & 31) + 1, length: (head & 3) + 1, long: false })
    else if (head < 0x40) runs.push({ value: 0, length: head + 1, long: false })
    else runs.push({ value: 0, length: ((head & 0x3f) << 8 | (bytes[++at] ?? 0)) + 1, long: true })
  }
  return runs
}

const isCounted = (text: Bin): boolean => text.charCodeAt(15) < 0x80

const countOf = (text: Bin): bigint => {
  const bytes = toBytes(text.slice(8, headerSize))
  bytes[7] &= 0x7f
  return viewOf(bytes).getBigUint64(0, true)
}

/** The count stored in a valid string; undefined if it has to be calculated. */
export const keptCount = (text: Bin): bigint | undefined => isCounted(text) ? countOf(text) : undefined

/** Reads a valid string; undefined if its registers are corrupt. */
export const decode = (text: Bin): HyperLogLog | undefined => {
  const bytes = toBytes(text)
  const value = empty()
  value.count = countOf(text)
  value.counted = isCounted(text)
  value.dense = bytes[4] === 0
  if (value.dense) {
    readDense(bytes, value.registers)
    return value
  }
  let at = 0
  for (const run of readRuns(bytes)) {
    if (at + run.length > registerCount) return undefined
    value.registers.fill(run.value, at, at + run.length)
    at += run.length
  }
  return at === registerCount ? value : undefined
}

const packDense = (registers: Uint8Array): ReadonlyArray<number> => {
  const bytes = Array.from({ length: denseSize - headerSize }, () => 0)
  registers.forEach((value, i) => {
    const bit = i * 6
    const shifted = value << (bit & 7)
    bytes[bit >> 3] |= shifted & 0xff
    if (shifted > 0xff) bytes[(bit >> 3) + 1] |= shifted >> 8
  })
  return bytes
}

/** The registers in the sparse form; undefined if they need the dense form. */
const packSparse = (registers: Uint8Array): ReadonlyArray<number> | undefined => {
  const bytes: Array<number> = []
  for (let at = 0; at < registerCount;) {
    const value = registers[at]
    const limit = value === 0 ? registerCount : Math.min(at + 4, registerCount)
    let end = at + 1
    while (end < limit && registers[end] === value) end++
    const length = end - at - 1
    if (value > largestSparseValue) return undefined
    if (value > 0) bytes.push(0x80 | (value - 1) << 2 | length)
    else if (length < 64) bytes.push(length)
    else bytes.push(0x40 | length >> 8, length & 0xff)
    if (bytes.length > largestSparse) return undefined
    at = end
  }
  return bytes
}

/** The string. If it is too large for the sparse form, it becomes dense, and stays so. */
export const encode = (value: HyperLogLog): Bin => {
  const sparse = value.dense ? undefined : packSparse(value.registers)
  value.dense = sparse === undefined
  const header = new Uint8Array(headerSize)
  writeBytes("HYLL", header, 0)
  header[4] = value.dense ? 0 : 1
  viewOf(header).setBigUint64(8, value.count, true)
  if (!value.counted) header[15] |= 0x80
  return fromBytes(header) + fromBytes(Uint8Array.from(sparse ?? packDense(value.registers)))
}

/** The runs of a sparse string as PFDEBUG DECODE shows them. */
export const describe = (text: Bin): string =>
  readRuns(toBytes(text)).map(({ length, long, value }) =>
    value > 0 ? `v:${value},${length} ` : `${long ? "Z" : "z"}:${length} `
  ).join("").trimEnd()

const seed = BigInt(0xadc83b19)
const multiplier = BigInt("0xc6a4a7935bd1e995")
const fold = BigInt(47)
const times = (a: bigint, b: bigint): bigint => BigInt.asUintN(64, a * b)

/** MurmurHash2 in 64 bits, for little-endian machines. */
const murmur = (bytes: Uint8Array): bigint => {
  let hash = seed ^ times(BigInt(bytes.length), multiplier)
  const whole = bytes.length - bytes.length % 8
  const view = viewOf(bytes)
  for (let at = 0; at < whole; at += 8) {
    let part = times(view.getBigUint64(at, true), multiplier)
    part ^= part >> fold
    hash = times(hash ^ times(part, multiplier), multiplier)
  }
  if (whole < bytes.length) {
    let tail = BigInt(0)
    for (let at = bytes.length - 1; at >= whole; at--) tail = tail << BigInt(8) | BigInt(bytes[at])
    hash = times(hash ^ tail, multiplier)
  }
  hash = times(hash ^ hash >> fold, multiplier)
  return hash ^ hash >> fold
}

/** Counts an element, and returns whether a register changed. */
export const add = (value: HyperLogLog, element: Bin): boolean => {
  const hash = murmur(toBytes(element))
  const index = Number(hash & BigInt(registerCount - 1))
  let rest = hash >> BigInt(indexBits) | BigInt(1) << BigInt(hashBits)
  let rank = 1
  for (; (rest & BigInt(1)) === BigInt(0); rest >>= BigInt(1)) rank++
  if (rank <= value.registers[index]) return false
  value.registers[index] = rank
  value.counted = false
  return true
}

/** Merges another into this: each register becomes the larger of both. */
export const merge = (into: HyperLogLog, other: HyperLogLog): void => {
  other.registers.forEach((rank, i) => {
    if (rank > into.registers[i]) into.registers[i] = rank
  })
}

const sigma = (share: number): number => {
  if (share === 1) return Infinity
  let [x, y, z, before] = [share, 1, share, NaN]
  while (z !== before) {
    x *= x
    before = z
    z += x * y
    y += y
  }
  return z
}

const tau = (share: number): number => {
  if (share === 0 || share === 1) return 0
  let [x, y, z, before] = [share, 1, 1 - share, NaN]
  while (z !== before) {
    x = Math.sqrt(x)
    before = z
    y *= 0.5
    z -= (1 - x) ** 2 * y
  }
  return z / 3
}

const alpha = 1 / (2 * Math.LN2)

/** The approximate number of different elements. */
export const estimate = ({ registers }: HyperLogLog): bigint => {
  const histogram = new Uint32Array(64)
  for (const rank of registers) histogram[rank]++
  let z = registerCount * tau((registerCount - histogram[hashBits + 1]) / registerCount)
  for (let rank = hashBits; rank >= 1; rank--) z = (z + histogram[rank]) * 0.5
  z += registerCount * sigma(histogram[0] / registerCount)
  return BigInt(Math.round(alpha * registerCount * registerCount / z))
}
