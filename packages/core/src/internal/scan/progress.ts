/**
 * How far a scan has come: the slots that are done, and the nodes that are being read, each with its cursor. It changes only by what
 * has been delivered, so that what it tells of itself is true for whoever goes on from there.
 */
import * as Slot from "../../Slot.ts"
import type { Round } from "../values/checkpoint.ts"
import * as Slots from "./slots.ts"

/** Text where SCAN was asked for it, else bytes. */
export type Key = string | Uint8Array

/** What a part of a scan reports: keys, slots that are done, or a try that has come to nothing. */
export type Step =
  | { readonly _tag: "Keys"; readonly keys: ReadonlyArray<Key>; readonly round: Round | undefined }
  | { readonly _tag: "Done"; readonly node: string; readonly slots: Slots.Slots }
  | { readonly _tag: "Void"; readonly node: string }

export class Progress {
  readonly done: Slots.Slots
  readonly rounds: Map<string, Round>
  count: number
  /** How often a slot, a round and a page have come, for whoever waits for something to happen. */
  readonly seen = { done: 0, voids: 0, pages: 0 }
  private ranges: Slots.Ranges | undefined
  private list: ReadonlyArray<Round> | undefined

  constructor(done: Slots.Slots, rounds: ReadonlyArray<Round>) {
    this.done = done
    this.count = Slots.count(done)
    this.rounds = new Map(rounds.map((round) => [round.node, round]))
  }

  get isComplete(): boolean {
    return this.count === Slot.count
  }

  get undone(): Slots.Slots {
    return this.done.map((done) => 1 - done)
  }

  /** The same arrays as before if nothing has changed. */
  get doneRanges(): Slots.Ranges {
    return this.ranges ??= Slots.toRanges(this.done)
  }

  get roundList(): ReadonlyArray<Round> {
    return this.list ??= Array.from(this.rounds.values())
  }

  take(step: Step): void {
    switch (step._tag) {
      case "Keys":
        this.seen.pages++
        if (step.round === undefined) return
        this.rounds.set(step.round.node, step.round)
        break
      case "Done":
        this.rounds.delete(step.node)
        for (let slot = 0; slot < Slot.count; slot++) {
          if (step.slots[slot] === 0 || this.done[slot] === 1) continue
          this.done[slot] = 1
          this.count++
          this.seen.done++
        }
        this.ranges = undefined
        break
      case "Void":
        this.seen.voids++
        this.rounds.delete(step.node)
        break
    }
    this.list = undefined
  }
}
