import { Cluster } from "iovalkey"
import { once } from "node:events"
import type { Open, Subscribe } from "../clients.ts"
import type { Nodes } from "../cluster.ts"
import { byNode, fromPromises } from "./promises.ts"

const connect = ({ ca, ports }: Nodes, enableAutoPipelining: boolean): Cluster =>
  new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })), {
    enableAutoPipelining,
    redisOptions: ca === undefined ? {} : { tls: { ca } }
  })

export const open = (how: "plain" | "auto" | "pipeline"): Open => async (nodes) => {
  const cluster = connect(nodes, how === "auto")
  await once(cluster, "ready")
  return fromPromises({
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    batch: how !== "pipeline" ? undefined : (batch) =>
      byNode(nodes.ports.length, batch, async ({ keys, values }) => {
        const pipeline = cluster.pipeline()
        for (let n = 0; n < keys.length; n++) {
          if (values === undefined) pipeline.get(keys[n])
          else pipeline.set(keys[n], values[n])
        }
        return (await pipeline.exec() ?? []).map(([, reply]) => reply)
      }),
    close: () => cluster.quit()
  })
}

export const subscribe: Subscribe = async (nodes, channel, hear) => {
  const cluster = connect(nodes, false)
  cluster.on("message", (_channel: string, payload: string) => hear(payload))
  await cluster.subscribe(channel)
}
