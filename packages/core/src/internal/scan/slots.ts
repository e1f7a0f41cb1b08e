/** Sets of slots: a byte for each of the 16384, and their ranges as plain data. */
import * as Slot from "../../Slot.ts"

/** A set of slots: 1 at the index of each member, else 0. */
export type Slots = Uint8Array

/** Slots from the first to the second of each pair, both included, in ascending order. */
export type Ranges = ReadonlyArray<readonly [start: number, end: number]>

export const none = (): Slots => new Uint8Array(Slot.count)

export const all = (): Slots => none().fill(1)

export const only = (...slots: ReadonlyArray<number>): Slots => {
  const set = none()
  for (const slot of slots) set[slot] = 1
  return set
}

export const count = (set: Slots): number => {
  let found = 0
  for (let slot = 0; slot < Slot.count; slot++) found += set[slot]
  return found
}

/** The members of which `keep` says yes. */
export const filter = (set: Slots, keep: (slot: number) => boolean): Slots => {
  const kept = none()
  for (let slot = 0; slot < Slot.count; slot++) if (set[slot] === 1 && keep(slot)) kept[slot] = 1
  return kept
}

export const list = (set: Slots): ReadonlyArray<number> => {
  const slots: Array<number> = []
  for (let slot = 0; slot < Slot.count; slot++) if (set[slot] === 1) slots.push(slot)
  return slots
}

export const toRanges = (set: Slots): Ranges => {
  const ranges: Array<readonly [number, number]> = []
  for (let start = 0; start < Slot.count; start++) {
    if (set[start] === 0) continue
    let end = start
    while (set[end + 1] === 1) end++
    ranges.push([start, end])
    start = end
  }
  return ranges
}

export const fromRanges = (ranges: Ranges): Slots => {
  const set = none()
  for (const [start, end] of ranges) set.fill(1, start, end + 1)
  return set
}

/** Whether a value is ranges of slots, as a checkpoint that came from outside has to have. */
export const areRanges = (value: unknown): value is Ranges =>
  Array.isArray(value) &&
  value.every((range) =>
    Array.isArray(range) && range.length === 2 && range.every((slot) => Number.isInteger(slot)) &&
    range[0] >= 0 && range[0] <= range[1] && range[1] < Slot.count
  )
