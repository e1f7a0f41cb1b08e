import { ClusterBatch, GlideClusterClient } from "@valkey/valkey-glide"
import type { Open } from "../clients.ts"
import { keys, values } from "../data.ts"
import { fromPromises } from "./promises.ts"

export const open = (batched: boolean): Open => async (ports) => {
  const client = await GlideClusterClient.createClient({
    addresses: ports.map((port) => ({ host: "127.0.0.1", port })),
    // By default it refuses commands beyond 1000, and gives up after 250 ms.
    inflightRequestsLimit: 20_000,
    requestTimeout: 30_000
  })
  return fromPromises({
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    batch: !batched ? undefined : async (operation, indexes) => {
      const batch = new ClusterBatch(false)
      for (const index of indexes) {
        if (operation === "get") batch.get(keys[index])
        else batch.set(keys[index], values[index])
      }
      return await client.exec(batch, false, { timeout: 30_000 }) ?? []
    },
    close: async () => client.close()
  })
}
