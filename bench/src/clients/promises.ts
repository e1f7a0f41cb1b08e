import { batchOf, checkReplies, checkReply, dataOf, indexOf, isSampled, isWrite } from "../work/data.ts"
import { ownerOf } from "../work/fill.ts"
import type { Load } from "../work/workloads.ts"
import type { Batch, Client, Commands, Replies } from "./client.ts"

/**
 * Runs a batch as one pipeline per node, all at the same time, for clients whose pipelines may contain only keys of one node.
 */
export const byNode = async (
  nodes: number,
  { keys, values }: Batch,
  run: (batch: Batch) => Promise<Replies>
): Promise<Replies> => {
  const places: ReadonlyArray<Array<number>> = Array.from({ length: nodes }, () => [])
  for (let place = 0; place < keys.length; place++) places[ownerOf(keys[place], nodes)].push(place)
  const replies: Array<unknown> = keys.map(() => undefined)
  await Promise.all(places.map(async (places) => {
    const own = await run({
      keys: places.map((place) => keys[place]),
      values: values && places.map((place) => values[place])
    })
    for (let n = 0; n < places.length; n++) replies[places[n]] = own[n]
  }))
  return replies
}

/** The commands of a load as a batch, and a check of their replies. */
export const batchFor = (
  { operation, perLoop, size }: Load
): Batch & { readonly check: (replies: Replies) => void } => {
  const data = dataOf(size)
  const indexes = batchOf(data, perLoop)
  const write = isWrite(operation, 0, 0)
  return {
    keys: indexes.map((index) => data.keys[index]),
    values: write ? indexes.map((index) => data.values[index]) : undefined,
    check: (replies) => checkReplies(data, write, indexes, replies)
  }
}

/** A client whose loops are async functions. */
export const fromPromises = (commands: Commands): Client => {
  const { close, get, set } = commands
  const all = commands.batch ??
    (({ keys, values }) =>
      Promise.all(values === undefined ? keys.map(get) : keys.map((key, n) => set(key, values[n]))))
  return {
    prepare: (work) => {
      const { loops, operation, perLoop, shape, size } = work
      if (shape !== "loops") {
        const batch = batchFor(work)
        return async () => batch.check(await all(batch))
      }
      const data = dataOf(size)
      const { keys, values } = data
      const runLoop = async (loop: number): Promise<void> => {
        for (let n = 0; n < perLoop; n++) {
          const index = indexOf(data, loop, n)
          const write = isWrite(operation, loop, n)
          const reply = await (write ? set(keys[index], values[index]) : get(keys[index]))
          if (isSampled(loop, n)) checkReply(data, write, index, reply)
        }
      }
      return async () => {
        await Promise.all(Array.from({ length: loops }, (_, loop) => runLoop(loop)))
      }
    },
    commands,
    close: async () => {
      await close()
    }
  }
}
