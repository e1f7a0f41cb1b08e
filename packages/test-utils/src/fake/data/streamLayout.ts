/**
 * The server's memory layout of a stream, as far as clients can see it: when a block of entries is full, and the number of
 * nodes in the radix tree above the blocks.
 *
 * Source: the listpack specification (https://github.com/antirez/listpack), "Elements representation"; the comments at the
 * head of the server's rax.h and t_stream.c.
 *
 * @since 0.1.0
 */
import { parseInt64 } from "../values/arguments.ts"
import type { Bin } from "../values/binary.ts"
import * as StreamId from "./streamId.ts"

const integerSize = (value: bigint): number => {
  if (value >= 0n && value < 128n) return 1
  for (const [bits, size] of [[13, 2], [16, 3], [24, 4], [32, 5]] as const) {
    if (BigInt.asIntN(bits, value) === value) return size
  }
  return 9
}

const stringSize = (length: number): number => length + (length < 64 ? 1 : length < 4096 ? 2 : 5)

/** The number of bytes in which an element stores its own size, for walking backwards. */
const backSize = (size: number): number =>
  size < 128 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 : size < 268435455 ? 4 : 5

/** The size of one element of a listpack in bytes. */
export const elementSize = (element: Bin): number => {
  const integer = parseInt64(element)
  const size = integer === undefined ? stringSize(element.length) : integerSize(integer)
  return size + backSize(size)
}

const sizeOf = (elements: ReadonlyArray<Bin>): number =>
  elements.reduce((sum, element) => sum + elementSize(element), 0)

const frame = 7

/** The size of a block without entries and without its two counters, in bytes. */
export const headSize = (template: ReadonlyArray<Bin>): number =>
  frame + sizeOf([String(template.length), ...template, "0"])

/** The size of one entry of a block in bytes. */
export const entrySize = (
  id: StreamId.StreamId,
  fields: ReadonlyArray<Bin>,
  key: StreamId.StreamId,
  template: ReadonlyArray<Bin>
): number => {
  const count = fields.length / 2
  const same = count === template.length && template.every((name, index) => fields[2 * index] === name)
  const offsets = [
    String(BigInt.asIntN(64, StreamId.millis(id) - StreamId.millis(key))),
    String(BigInt.asIntN(64, StreamId.sequence(id) - StreamId.sequence(key)))
  ]
  const stored = same ? fields.filter((_, index) => index % 2 === 1) : [String(count), ...fields]
  const elements = 3 + stored.length
  return sizeOf(["0", ...offsets, ...stored, String(elements)])
}

const keyLength = 16

/** The number of nodes of a radix tree with the given keys, which have to be sorted. */
export const treeNodes = (ids: ReadonlyArray<StreamId.StreamId>): number => {
  if (ids.length === 0) return 1
  const keys = ids.map((id) => id.toString(16).padStart(2 * keyLength, "0"))
  const byte = (key: string, depth: number): string => key.slice(2 * depth, 2 * depth + 2)
  const count = (from: number, to: number, depth: number): number => {
    if (to - from === 1) return depth === keyLength ? 1 : 2
    let fork = depth
    while (byte(keys[from], fork) === byte(keys[to - 1], fork)) fork++
    // The characters that all keys share form one node, and the fork behind them another.
    let nodes = fork > depth ? 2 : 1
    for (let start = from; start < to;) {
      let end = start + 1
      while (end < to && byte(keys[end], fork) === byte(keys[start], fork)) end++
      nodes += count(start, end, fork + 1)
      start = end
    }
    return nodes
  }
  return count(0, keys.length, 0)
}
