/** Cursors: those that CLUSTERSCAN begins a slot with, and whether the cursors of a scan go in a circle. Pure. */
import * as Slot from "../../Slot.ts"

/**
 * Notices cursors that go in a circle, in constant memory: one cursor is kept, and a later one after twice as many steps
 * (R. P. Brent's algorithm).
 */
export class Circle {
  private readonly mostReturns: number
  private kept = ""
  private steps = 0
  private until = 1
  private returns = 0

  /** A cursor may come back `mostReturns` times. */
  constructor(mostReturns: number) {
    this.mostReturns = mostReturns
  }

  /** Whether the cursor has come back too often. */
  closes(cursor: string): boolean {
    if (cursor === this.kept && ++this.returns > this.mostReturns) return true
    if (++this.steps === this.until) {
      this.kept = cursor
      this.steps = 0
      this.returns = 0
      this.until *= 2
    }
    return false
  }
}

let tags: ReadonlyArray<string> | undefined

/** The shortest number in the slot, for each slot. */
const makeTags = (): ReadonlyArray<string> => {
  const found = Array.from({ length: Slot.count }, () => "")
  for (let number = 0, left = Slot.count; left > 0; number++) {
    const tag = `${number}`
    const slot = Slot.fromKey(tag)
    if (found[slot] !== "") continue
    found[slot] = tag
    left--
  }
  return found
}

/**
 * The cursor with which CLUSTERSCAN begins a slot, at the node that owns it. Servers route by its tag, as by that of a key; the first
 * part stands for no particular process.
 */
export const beginningOf = (slot: number): string => `0-{${(tags ??= makeTags())[slot]}}-0`

/** The slot that CLUSTERSCAN goes on with; those before it are done. A number above all slots at the end. */
export const slotOf = (cursor: string): number => cursor === "0" ? Slot.count : Slot.fromKey(cursor)
