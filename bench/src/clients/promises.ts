import type { Client } from "../clients.ts"
import { batch, checkReplies, checkReply, indexOf, isSampled, keys, values } from "../data.ts"
import { ownerOf } from "../fill.ts"
import type { Workload } from "../workloads.ts"

/** What a client with promises has to offer. */
export interface Commands {
  readonly get: (key: string) => Promise<unknown>
  readonly set: (key: string, value: string) => Promise<unknown>
  /** Does it with many keys at once, by their indexes, and replies in their order. By default, a promise for each. */
  readonly batch?: ((operation: Workload["operation"], indexes: ReadonlyArray<number>) => Promise<Replies>) | undefined
  readonly close: () => Promise<unknown>
}

export type Replies = ReadonlyArray<unknown>

/**
 * Runs a batch on a client whose pipelines hold keys of one node only, and that leaves it to its user to see to that:
 * one pipeline a node, all at once.
 */
export const byNode = async (
  nodes: number,
  indexes: ReadonlyArray<number>,
  run: (indexes: ReadonlyArray<number>) => Promise<Replies>
): Promise<Replies> => {
  const places: ReadonlyArray<Array<number>> = Array.from({ length: nodes }, () => [])
  for (let place = 0; place < indexes.length; place++) places[ownerOf(keys[indexes[place]], nodes)].push(place)
  const replies: Array<unknown> = indexes.map(() => undefined)
  await Promise.all(places.map(async (places) => {
    const own = await run(places.map((place) => indexes[place]))
    for (let n = 0; n < places.length; n++) replies[places[n]] = own[n]
  }))
  return replies
}

/** A client whose loops are async functions. */
export const fromPromises = (commands: Commands): Client => {
  const { close, get, set } = commands
  const all = commands.batch ?? ((operation, indexes) =>
    Promise.all(
      operation === "get"
        ? indexes.map((index) => get(keys[index]))
        : indexes.map((index) => set(keys[index], values[index]))
    ))
  const getLoop = async ({ perLoop }: Workload, loop: number): Promise<void> => {
    for (let n = 0; n < perLoop; n++) {
      const index = indexOf(loop, n)
      const reply = await get(keys[index])
      if (isSampled(loop, n)) checkReply("get", index, reply)
    }
  }
  const setLoop = async ({ perLoop }: Workload, loop: number): Promise<void> => {
    for (let n = 0; n < perLoop; n++) {
      const index = indexOf(loop, n)
      const reply = await set(keys[index], values[index])
      if (isSampled(loop, n)) checkReply("set", index, reply)
    }
  }
  return {
    run: async (work) => {
      const { operation } = work
      if (work.shape === "batch") return checkReplies(operation, await all(operation, batch))
      const loop = operation === "get" ? getLoop : setLoop
      await Promise.all(Array.from({ length: work.loops }, (_, index) => loop(work, index)))
    },
    close: async () => {
      await close()
    }
  }
}
