/** A part of the comparison: it measures, and prints a table. */
import type { ReaderName } from "./readers.ts"

export interface Settings {
  readonly clients: ReadonlyArray<ReaderName>
  /** Paths; the launcher's own choice if there is none. */
  readonly servers: ReadonlyArray<string>
  /** How long each measurement takes, in seconds. */
  readonly seconds: number
  /** The events to look at. */
  readonly events: ReadonlyArray<string>
}

export type Part = (settings: Settings) => Promise<void>

/** Room for everything that is read. */
export const ample = { bytes: 1024 ** 3, entries: 0 }

/** What a client could not do, as a note below the table. */
export const attempt = async <A>(notes: Array<string>, work: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await work()
  } catch (error) {
    notes.push(error instanceof Error ? error.message : `${error}`)
    return undefined
  }
}
