import { createCluster } from "redis"
import type { Open } from "../clients.ts"
import { keys, values } from "../data.ts"
import { byNode, fromPromises } from "./promises.ts"

export const open = (pipelined: boolean): Open => async (ports) => {
  const cluster = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) })
  await cluster.connect()
  return fromPromises({
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    batch: !pipelined ? undefined : (operation, indexes) =>
      byNode(ports.length, indexes, (indexes) => {
        const multi = cluster.multi()
        for (const index of indexes) {
          if (operation === "get") multi.get(keys[index])
          else multi.set(keys[index], values[index])
        }
        return multi.execAsPipeline()
      }),
    close: () => cluster.close()
  })
}
