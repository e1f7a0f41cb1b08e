/** Checkpoints: how far a scan has come, as plain data that a later scan can go on from. */
import { sha1 } from "../commands/sha1.ts"
import type { Checkpoint, Round } from "../values/checkpoint.ts"
import { isPlain } from "../values/settings.ts"
import * as Pattern from "./pattern.ts"
import { Progress } from "./progress.ts"
import * as Slots from "./slots.ts"

/** A digest of what is scanned, by which a checkpoint of another scan is recognized. */
export const of = (match: Uint8Array | undefined, type: string | undefined): string =>
  sha1(JSON.stringify([match === undefined ? null : Array.from(match), type?.toLowerCase() ?? null]))

export const make = (progress: Progress, of: string): Checkpoint => ({
  version: 1,
  of,
  done: progress.doneRanges,
  rounds: progress.roundList
})

const isCursor = (value: unknown): boolean => typeof value === "string" && /^\d{1,20}$/.test(value)

const isTraffic = (value: unknown): boolean =>
  isPlain(value) && Number.isSafeInteger(value["sent"]) && Number.isSafeInteger(value["received"])

const isRound = (value: unknown): value is Round =>
  isPlain(value) && typeof value["node"] === "string" && typeof value["run"] === "string" &&
  Number.isSafeInteger(value["epoch"]) && isTraffic(value["traffic"]) && isCursor(value["cursor"]) &&
  Slots.areRanges(value["slots"])

const right = "checkpoint has to be that of a page of Scan.pages, as it was"

const isCheckpoint = (value: unknown): value is Checkpoint => {
  try {
    return isPlain(value) && value["version"] === 1 && typeof value["of"] === "string" &&
      Slots.areRanges(value["done"]) && Array.isArray(value["rounds"]) && value["rounds"].every(isRound)
  } catch {
    // A value whose getter throws is none.
    return false
  }
}

/** The progress at the start of a scan, or the problem with the checkpoint. */
export const begin = (checkpoint: unknown, expected: string, match: Uint8Array | undefined): Progress | string => {
  if (checkpoint !== undefined) {
    if (!isCheckpoint(checkpoint)) return right
    const { done, of, rounds } = checkpoint
    return of === expected
      ? new Progress(Slots.fromRanges(done), rounds)
      : "checkpoint is one of a scan with another match or type: a scan goes on only with the same"
  }
  const slot = match === undefined ? undefined : Pattern.slotOf(match)
  const done = slot === undefined ? Slots.none() : Slots.all()
  if (slot !== undefined) done[slot] = 0
  return new Progress(done, [])
}
