import type { Client } from "../clients.ts"
import { checkReply, indexOf, isSampled, keys, values } from "../data.ts"
import type { Workload } from "../workloads.ts"

/** What a client with promises has to offer. */
export interface Commands {
  readonly get: (key: string) => Promise<unknown>
  readonly set: (key: string, value: string) => Promise<unknown>
  readonly close: () => Promise<unknown>
}

/** A client whose loops are async functions. */
export const fromPromises = ({ close, get, set }: Commands): Client => {
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
      const loop = work.operation === "get" ? getLoop : setLoop
      await Promise.all(Array.from({ length: work.loops }, (_, index) => loop(work, index)))
    },
    close: async () => {
      await close()
    }
  }
}
