/** Reads of keys that were never read before: what the cache adds to them, for the client and for the servers. */
import { withClient } from "./client.ts"
import { write } from "./entries.ts"
import { ample, attempt } from "./part.ts"
import type { Part } from "./part.ts"
import type { ReaderName } from "./readers.ts"
import { processorOf, withServers } from "./servers.ts"
import type { Servers } from "./servers.ts"
import { number, print, ratio } from "./table.ts"
import type { Figures } from "./worker.ts"

/** Keys that are read before it is measured, for the compiler, and keys of each measurement. */
const warm = 50_000
const keys = 100_000
const concurrencies = [50, 500]

interface Measured extends Figures {
  /** Processor time of all servers, in microseconds. */
  readonly servers: number
}

const measure = (name: ReaderName, servers: Servers, isCached: boolean): Promise<ReadonlyMap<number, Measured>> =>
  withClient(name, servers, isCached ? ample : undefined, async ({ once }) => {
    const figures = new Map<number, Measured>()
    await once({ kind: "text", loops: 100, first: 0, keys: warm })
    for (const [turn, loops] of concurrencies.entries()) {
      const before = await processorOf(servers)
      const measured = await once({ kind: "text", loops, first: warm + turn * keys, keys })
      figures.set(loops, { ...measured, servers: await processorOf(servers) - before })
    }
    return figures
  })

const rate = (figures: Figures | undefined): number => figures === undefined ? NaN : figures.reads / figures.seconds

const each = (figures: Measured | undefined, what: "processor" | "servers"): number =>
  figures === undefined ? NaN : figures[what] / figures.reads

export const misses: Part = (settings) =>
  withServers(settings.servers[0], async (servers) => {
    await write(servers, { kind: "text", first: 0, keys: warm + concurrencies.length * keys })
    const notes: Array<string> = []
    const rows: Array<ReadonlyArray<string>> = []
    for (const name of settings.clients) {
      const plain = await attempt(notes, () => measure(name, servers, false))
      const cached = await attempt(notes, () => measure(name, servers, true))
      for (const loops of concurrencies) {
        const [miss, read] = [cached?.get(loops), plain?.get(loops)]
        rows.push([
          `${loops} loops, ${name}`,
          number(rate(miss)),
          number(rate(read)),
          ratio(rate(miss) / rate(read)),
          number(each(miss, "processor"), 2),
          number(each(read, "processor"), 2),
          number(each(miss, "servers"), 2),
          number(each(read, "servers"), 2),
          ratio(each(miss, "servers") / each(read, "servers"))
        ])
      }
    }
    print(
      `GET of 100 bytes, ${number(keys)} keys, each for the first time`,
      ["", "misses a second", "uncached", "ratio", "client, µs", "uncached", "servers, µs", "uncached", "ratio"],
      rows,
      notes
    )
  })
