/** The memory of an entry, and whether a cache that is full goes on growing. */
import { withClient } from "./client.ts"
import { write } from "./entries.ts"
import type { Work } from "./entries.ts"
import { ample, attempt } from "./part.ts"
import type { Part } from "./part.ts"
import type { ReaderName } from "./readers.ts"
import { withServers } from "./servers.ts"
import type { Servers } from "./servers.ts"
import { number, print } from "./table.ts"

const warm = 5000
const entries = 100_000

/** A cache that is full after some of the keys, and the keys that go through it afterwards. */
const small = { bytes: 4 * 1024 ** 2, entries: 10_000 }
const through = 200_000

const textsFrom = (first: number, keys: number): Work => ({ kind: "text", loops: 100, first, keys })

interface Grown {
  /** Bytes a key. */
  readonly heap: number
  readonly resident: number
}

/** What reading some keys adds, after some others were read. */
const growth = (
  name: ReaderName,
  servers: Servers,
  cache: typeof small,
  before: number,
  keys: number
): Promise<Grown> =>
  withClient(name, servers, cache, async ({ memory, once }) => {
    await once(textsFrom(0, before))
    const first = await memory()
    await once(textsFrom(before, keys))
    const then = await memory()
    return { heap: (then.heap - first.heap) / keys, resident: (then.resident - first.resident) / keys }
  })

export const memory: Part = (settings) =>
  withServers(settings.servers[0], async (servers) => {
    await write(servers, { kind: "text", first: 0, keys: entries + through })
    const notes: Array<string> = ["valkey-glide keeps its entries outside of JavaScript: all of the process counts."]
    const rows: Array<ReadonlyArray<string>> = []
    for (const name of settings.clients) {
      const entry = await attempt(notes, () => growth(name, servers, ample, warm, entries))
      const full = await attempt(notes, () => growth(name, servers, small, entries, through))
      rows.push([
        name,
        number(entry?.heap ?? NaN),
        number(entry?.resident ?? NaN),
        number(full?.heap ?? NaN, 1),
        number(full?.resident ?? NaN, 1)
      ])
    }
    print(
      `Texts of 100 bytes, ${number(entries)} entries; then ${number(through)} keys through a full cache`,
      ["", "bytes an entry", "all of the process", "full: bytes a key", "all of the process"],
      rows,
      notes
    )
  })
