/** Reads of hot keys, all of them answered by the cache, beside the same reads without a cache. */
import { withClient } from "./client.ts"
import { write } from "./entries.ts"
import type { Kind, Work } from "./entries.ts"
import { ample, attempt } from "./part.ts"
import type { Part, Settings } from "./part.ts"
import type { ReaderName } from "./readers.ts"
import { readsOf, withServers } from "./servers.ts"
import type { Servers } from "./servers.ts"
import { number, print, ratio } from "./table.ts"
import type { Figures } from "./worker.ts"

const keys = 1000
const kinds: ReadonlyArray<readonly [kind: Kind, title: string]> = [
  ["text", "GET of 100 bytes"],
  ["hash", "HGETALL of 20 fields"]
]
const concurrencies = [1, 50, 500]

const workOf = (kind: Kind, loops: number): Work => ({ kind, loops, first: 0, keys })

/** By the number of loops. */
type Measured = ReadonlyMap<number, Figures>

const measure = (
  name: ReaderName,
  servers: Servers,
  kind: Kind,
  isCached: boolean,
  { seconds }: Settings
): Promise<Measured> =>
  withClient(name, servers, isCached ? ample : undefined, async ({ during, once }) => {
    const figures = new Map<number, Figures>()
    for (const loops of concurrencies) {
      const work = workOf(kind, loops)
      await once(work)
      const before = await readsOf(servers)
      const measured = await during(work, seconds)
      const travelled = await readsOf(servers) - before
      if (isCached && travelled > measured.reads / 1000) {
        throw new Error(`${name}: ${travelled} of ${measured.reads} reads and more were no hits`)
      }
      figures.set(loops, measured)
    }
    return figures
  })

const rate = (figures: Figures | undefined): number => figures === undefined ? NaN : figures.reads / figures.seconds

const micros = (figures: Figures | undefined): number => figures === undefined ? NaN : figures.processor / figures.reads

export const hits: Part = (settings) =>
  withServers(settings.servers[0], async (servers) => {
    for (const [kind, title] of kinds) {
      await write(servers, { kind, first: 0, keys })
      const notes: Array<string> = []
      const cached = new Map<ReaderName, Measured | undefined>()
      const plain = new Map<ReaderName, Measured | undefined>()
      for (const name of settings.clients) {
        plain.set(name, await attempt(notes, () => measure(name, servers, kind, false, settings)))
        cached.set(name, await attempt(notes, () => measure(name, servers, kind, true, settings)))
      }
      const rows = concurrencies.flatMap((loops) => {
        const ours = cached.get("redisc")?.get(loops)
        return settings.clients.map((name) => {
          const hit = cached.get(name)?.get(loops)
          const read = plain.get(name)?.get(loops)
          return [
            `${loops} ${loops === 1 ? "loop" : "loops"}, ${name}`,
            number(rate(hit)),
            number(micros(hit), 2),
            number(rate(read)),
            number(micros(read), 2),
            ratio(rate(hit) / rate(read)),
            ratio(rate(ours) / rate(hit)),
            ratio(micros(hit) / micros(ours))
          ]
        })
      })
      const headings = ["", "hits a second", "µs each", "uncached", "µs each", "gain", "redisc to it", "by processor"]
      print(`${title}, ${keys} hot keys, all hits`, headings, rows, notes)
    }
  })
