import { ClusterBatch, GlideClusterClient } from "@valkey/valkey-glide"
import type { GlideClusterClientConfiguration } from "@valkey/valkey-glide"
import type { Nodes } from "../cluster/cluster.ts"
import type { Open, Subscribe } from "./client.ts"
import type { Commands } from "./client.ts"
import { fromPromises } from "./promises.ts"

const connect = ({ ca, ports }: Nodes, more: Partial<GlideClusterClientConfiguration> = {}) =>
  GlideClusterClient.createClient({
    addresses: ports.map((port) => ({ host: "127.0.0.1", port })),
    useTLS: ca !== undefined,
    advancedConfiguration: ca === undefined ? {} : { tlsAdvancedConfiguration: { rootCertificates: ca } },
    // The defaults refuse commands beyond 1000, and give up after 250 ms.
    inflightRequestsLimit: 20_000,
    requestTimeout: 30_000,
    ...more
  })

const batched = (client: GlideClusterClient): Commands["batch"] => async ({ keys, values }) => {
  const batch = new ClusterBatch(false)
  for (let n = 0; n < keys.length; n++) {
    if (values === undefined) batch.get(keys[n])
    else batch.set(keys[n], values[n])
  }
  return await client.exec(batch, false, { timeout: 30_000 }) ?? []
}

export const open = (how: "each" | "batch" | "mget"): Open => async (nodes) => {
  const client = await connect(nodes)
  const batches: Readonly<Record<typeof how, Commands["batch"]>> = {
    each: undefined,
    batch: batched(client),
    // The client itself splits the keys by slots.
    mget: ({ keys }) => client.mget(Array.from(keys))
  }
  return fromPromises({
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    batch: batches[how],
    close: async () => client.close()
  })
}

export const subscribe: Subscribe = async (nodes, channel, hear) => {
  const client = await connect(nodes, {
    pubsubSubscriptions: { channelsAndPatterns: {}, callback: ({ message }) => hear(`${message}`) }
  })
  await client.subscribe([channel], 5000)
}
