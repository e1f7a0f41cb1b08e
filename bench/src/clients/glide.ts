import { GlideClusterClient } from "@valkey/valkey-glide"
import type { Open } from "../clients.ts"
import { fromPromises } from "./promises.ts"

export const open: Open = async (ports) => {
  const client = await GlideClusterClient.createClient({
    addresses: ports.map((port) => ({ host: "127.0.0.1", port })),
    // By default it refuses commands beyond 1000, and gives up after 250 ms.
    inflightRequestsLimit: 20_000,
    requestTimeout: 30_000
  })
  return fromPromises({
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    close: async () => client.close()
  })
}
