/** The process of one client: it does what its parent asks for, one thing after the other, and answers with figures. */
import { startMeter } from "../figures/meter.ts"
import type { Work } from "./entries.ts"
import { readers } from "./readers.ts"
import type { Cache, Nodes, Reader, ReaderName } from "./readers.ts"

export type Request =
  | { readonly _tag: "Open"; readonly reader: ReaderName; readonly nodes: Nodes; readonly cache: Cache | undefined }
  /** Reads each key once. */
  | { readonly _tag: "Once"; readonly work: Work }
  /** Reads for about so many seconds, after as long a time for the compiler. */
  | { readonly _tag: "During"; readonly work: Work; readonly seconds: number }
  | { readonly _tag: "Memory" }
  /** The processor time so far. */
  | { readonly _tag: "Processor" }

export interface Figures {
  readonly reads: number
  readonly seconds: number
  /** Processor time of the process, in microseconds. */
  readonly processor: number
  /** Memory in use in bytes: in and around JavaScript's heap, and all of the process. */
  readonly heap: number
  readonly resident: number
}

export type Answer = { readonly figures: Figures } | { readonly problem: string }

let reader: Reader | undefined

const none: Figures = { reads: 0, seconds: 0, processor: 0, heap: 0, resident: 0 }

const read = async (work: Work, reads: number): Promise<Figures> => {
  if (reader === undefined) throw new Error("no client is open")
  const meter = startMeter()
  await reader.read(work, reads)
  const { seconds, system, user } = meter.stop()
  return { ...none, reads, seconds, processor: user + system }
}

const during = async (work: Work, seconds: number): Promise<Figures> => {
  let figures = await read(work, Math.max(work.keys, work.loops))
  for (const share of [0.2, 0.3, 0.5, 1]) {
    const reads = Math.ceil(figures.reads / figures.seconds * seconds * share)
    figures = await read(work, Math.max(reads, work.loops))
  }
  return figures
}

const memory = async (): Promise<Figures> => {
  if (globalThis.gc === undefined) throw new Error("memory is measured with --expose-gc")
  // Objects that have just ended are released only a few turns later.
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc()
  }
  const { external, heapUsed, rss } = process.memoryUsage()
  return { ...none, heap: heapUsed + external, resident: rss }
}

const perform = async (request: Request): Promise<Figures> => {
  switch (request._tag) {
    case "Open":
      reader = await readers[request.reader](request.nodes, request.cache)
      return none
    case "Once":
      return read(request.work, request.work.keys)
    case "During":
      return during(request.work, request.seconds)
    case "Memory":
      return memory()
    case "Processor": {
      const { system, user } = process.cpuUsage()
      return { ...none, processor: user + system }
    }
  }
}

const answer = (answer: Answer): void => {
  process.send?.(answer)
}

process.on("message", (request) => {
  perform(request as Request).then(
    (figures) => answer({ figures }),
    (error) => answer({ problem: error instanceof Error ? error.message : `${error}` })
  )
})
process.once("disconnect", () => process.exit(0))
