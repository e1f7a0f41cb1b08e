/** The process of one reader: reads all keys over and over, until it is told to stop, and tells which versions it has seen. */
import { setTimeout as sleep } from "node:timers/promises"
import { ample } from "../part.ts"
import { readers } from "../readers.ts"
import type { Nodes, ReaderName } from "../readers.ts"
import { now } from "./now.ts"

export interface Task {
  readonly reader: ReaderName
  readonly isCached: boolean
  readonly nodes: Nodes
  readonly keys: ReadonlyArray<string>
}

/** A version that was read several times in a row, and when the first and the last of these reads began. */
export interface Sighting {
  readonly version: number
  readonly from: number
  to: number
}

export interface Told {
  /** By key, in the order of `keys`. */
  readonly sightings: ReadonlyArray<ReadonlyArray<Sighting>>
  readonly reads: number
  readonly errors: number
}

export type Message =
  | { readonly _tag: "Begun" }
  | { readonly _tag: "Done"; readonly told: Told }
  | { readonly _tag: "Failed"; readonly problem: string }

const send = (message: Message): void => {
  process.send?.(message)
}

/** Between two reads of a key, and after one that failed, in milliseconds. */
const pause = 2
const pauseAfterError = 20

const load = { isStopped: false }

const perform = async ({ isCached, keys, nodes, reader }: Task): Promise<void> => {
  const { get } = await readers[reader](nodes, isCached ? ample : undefined)
  const counts = { reads: 0, errors: 0 }
  const note = (seen: Array<Sighting>, version: number, at: number): void => {
    const last = seen.at(-1)
    if (last?.version === version) last.to = at
    else seen.push({ version, from: at, to: at })
  }
  const watch = async (key: string, seen: Array<Sighting>): Promise<void> => {
    while (!load.isStopped) {
      const at = now()
      try {
        const text = await get(key)
        counts.reads++
        if (text !== null) note(seen, Number(text), at)
        await sleep(pause)
      } catch {
        counts.errors++
        await sleep(pauseAfterError)
      }
    }
  }
  const sightings = keys.map(() => new Array<Sighting>())
  await Promise.all(keys.map(get))
  keys.forEach((key, n) => void watch(key, sightings[n]))
  send({ _tag: "Begun" })
  while (!load.isStopped) await sleep(20)
  send({ _tag: "Done", told: { sightings, ...counts } })
}

process.on("message", (message) => {
  if (message === "stop") load.isStopped = true
  else {
    perform(message as Task).catch((error) =>
      send({ _tag: "Failed", problem: error instanceof Error ? error.message : `${error}` })
    )
  }
})
// Some clients reject promises of their own that nobody has.
process.on("unhandledRejection", () => {})
process.once("disconnect", () => process.exit(0))
