/** What it costs servers that clients want to know of writes: memory, and processor time of writes. */
import { setTimeout as sleep } from "node:timers/promises"
import { withClient } from "./client.ts"
import { write } from "./entries.ts"
import { ample, attempt } from "./part.ts"
import type { Part } from "./part.ts"
import type { ReaderName } from "./readers.ts"
import { memoryOf, processorOf, trackedBy, withServers } from "./servers.ts"
import type { Servers } from "./servers.ts"
import { number, print, ratio } from "./table.ts"

const keys = 1_000_000
const written = 200_000

const all = { kind: "text", loops: 500, first: 0, keys } as const
const known = { kind: "text", first: 0, keys: written } as const
/** Keys that no client has read. */
const unknown = { kind: "text", first: keys, keys: written } as const

const costOf = async (servers: Servers, work: Parameters<typeof write>[1]): Promise<number> => {
  const before = await processorOf(servers)
  await write(servers, work)
  return (await processorOf(servers) - before) / work.keys
}

/** The processor time of a write, in microseconds, while no client is there. */
const alone = async (servers: Servers): Promise<number> => {
  await costOf(servers, known)
  return costOf(servers, known)
}

/** Waits until a client has read what it was told. */
const settled = async (processor: () => Promise<number>): Promise<number> => {
  for (let before = await processor();;) {
    await sleep(200)
    const after = await processor()
    if (after - before < 5000) return after
    before = after
  }
}

const measure = (name: ReaderName, servers: Servers) =>
  withClient(name, servers, ample, async ({ once, processor }) => {
    const before = await memoryOf(servers)
    await once(all)
    const memory = await memoryOf(servers) - before
    const tracked = await trackedBy(servers)
    const idle = await settled(processor)
    const ofKnown = await costOf(servers, known)
    const heard = await settled(processor) - idle
    const ofUnknown = await costOf(servers, unknown)
    const unasked = await settled(processor) - idle - heard
    return { memory, tracked, ofKnown, ofUnknown, heard: heard / written, unasked: unasked / written }
  })

export const tracked: Part = async (settings) => {
  const notes: Array<string> = []
  const rows: Array<ReadonlyArray<string>> = []
  for (const name of settings.clients) {
    // Servers remember what they were asked to track, so each client has its own.
    await withServers(settings.servers[0], async (servers) => {
      await write(servers, all)
      await write(servers, unknown)
      const bare = await alone(servers)
      const of = await attempt(notes, () => measure(name, servers))
      rows.push([
        name,
        of === undefined ? "-" : of.tracked.keys > 0 ? number(of.tracked.keys) : `all, ${of.tracked.prefixes} prefixes`,
        number((of?.memory ?? NaN) / keys, 1),
        number(bare, 2),
        number(of?.ofKnown ?? NaN, 2),
        ratio((of?.ofKnown ?? NaN) / bare),
        number(of?.heard ?? NaN, 2),
        number(of?.ofUnknown ?? NaN, 2),
        ratio((of?.ofUnknown ?? NaN) / bare),
        number(of?.unasked ?? NaN, 2)
      ])
    })
  }
  print(
    `${number(keys)} keys read through the cache, then ${number(written)} of them written, and ${
      number(written)
    } that nobody has read`,
    [
      "",
      "tracked keys",
      "servers, bytes a key",
      "a write alone, µs",
      "of a read key",
      "ratio",
      "client, µs",
      "of another",
      "ratio",
      "client, µs"
    ],
    rows,
    notes
  )
}
