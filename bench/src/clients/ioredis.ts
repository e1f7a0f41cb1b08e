import { Cluster } from "ioredis"
import { once } from "node:events"
import type { Open } from "../clients.ts"
import { keys, values } from "../data.ts"
import { byNode, fromPromises } from "./promises.ts"

export const open = (how: "plain" | "auto" | "pipeline"): Open => async (ports) => {
  const cluster = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })), {
    enableAutoPipelining: how === "auto"
  })
  await once(cluster, "ready")
  return fromPromises({
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    batch: how !== "pipeline" ? undefined : (operation, indexes) =>
      byNode(ports.length, indexes, async (indexes) => {
        const pipeline = cluster.pipeline()
        for (const index of indexes) {
          if (operation === "get") pipeline.get(keys[index])
          else pipeline.set(keys[index], values[index])
        }
        return (await pipeline.exec() ?? []).map(([, reply]) => reply)
      }),
    close: () => cluster.quit()
  })
}
