/** The servers behind the caches, and what they say of their work. */
import * as Slot from "@redisc/core/Slot"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { send } from "../cluster/wire.ts"

export interface Servers {
  readonly ports: ReadonlyArray<number>
  /** The node of a key, as an index into `ports`. */
  readonly ownerOf: (key: string) => number
}

/** The node of each slot. */
export const ownersOf = (nodes: ReadonlyArray<Pick<RealCluster.NodeState, "slots">>): Uint8Array => {
  const owners = new Uint8Array(Slot.count)
  for (const [node, { slots }] of nodes.entries()) {
    for (const [first, last] of slots) owners.fill(node, first, last + 1)
  }
  return owners
}

/** Starts primaries, and ends them in the end. */
export const withServers = <A>(server: string | undefined, use: (servers: Servers) => Promise<A>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const primaries = yield* (yield* RealCluster.make({ primaries: 3, server })).primaries
    const owners = ownersOf(primaries)
    return yield* Effect.promise(() =>
      use({ ports: primaries.map(({ address }) => address.port), ownerOf: (key) => owners[Slot.fromKey(key)] })
    )
  })))

const infos = async ({ ports }: Servers, section: string): Promise<ReadonlyArray<string>> =>
  (await Promise.all(ports.map((port) => send(port, [["INFO", section]])))).map(([info]) => info)

const sumOf = (infos: ReadonlyArray<string>, pattern: RegExp): number => {
  const values = infos.flatMap((info) => Array.from(info.matchAll(pattern), ([, value]) => Number(value)))
  return values.reduce((sum, value) => sum + value, 0)
}

/** The processor time of all nodes so far, in microseconds. */
export const processorOf = async (servers: Servers): Promise<number> =>
  sumOf(await infos(servers, "cpu"), /^used_cpu_(?:sys|user):([\d.]+)/gm) * 1e6

/** How many commands that read keys all nodes have executed so far. */
export const readsOf = async (servers: Servers): Promise<number> =>
  sumOf(await infos(servers, "commandstats"), /^cmdstat_(?:get|hgetall):calls=(\d+)/gm)

export const memoryOf = async (servers: Servers): Promise<number> =>
  sumOf(await infos(servers, "memory"), /^used_memory:(\d+)/gm)

/** Keys that the nodes remember somebody to have read, and prefixes of which somebody is told every write. */
export const trackedBy = async (servers: Servers): Promise<{ readonly keys: number; readonly prefixes: number }> => {
  const stats = await infos(servers, "stats")
  return {
    keys: sumOf(stats, /^tracking_total_keys:(\d+)/gm),
    prefixes: sumOf(stats, /^tracking_total_prefixes:(\d+)/gm)
  }
}
