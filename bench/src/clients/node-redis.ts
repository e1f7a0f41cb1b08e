import { createCluster } from "redis"
import type { Nodes } from "../cluster/cluster.ts"
import type { Open, Subscribe } from "./client.ts"
import { byNode, fromPromises } from "./promises.ts"

const connect = ({ ca, ports }: Nodes) => {
  const cluster = createCluster({
    rootNodes: ports.map((port) => ({ url: `${ca === undefined ? "redis" : "rediss"}://127.0.0.1:${port}` })),
    defaults: ca === undefined ? {} : { socket: { tls: true, ca } }
  })
  return cluster.connect()
}

export const open = (how: "each" | "pipeline"): Open => async (nodes) => {
  const cluster = await connect(nodes)
  return fromPromises({
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    batch: how !== "pipeline" ? undefined : (batch) =>
      byNode(nodes.ports.length, batch, ({ keys, values }) => {
        const multi = cluster.multi()
        for (let n = 0; n < keys.length; n++) {
          if (values === undefined) multi.get(keys[n])
          else multi.set(keys[n], values[n])
        }
        return multi.execAsPipeline()
      }),
    close: () => cluster.close()
  })
}

export const subscribe: Subscribe = async (nodes, channel, hear) => {
  const cluster = await connect(nodes)
  await cluster.subscribe(channel, (payload) => hear(payload))
}
