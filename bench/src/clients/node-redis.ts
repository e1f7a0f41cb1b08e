import { createCluster } from "redis"
import type { Open } from "../clients.ts"
import { fromPromises } from "./promises.ts"

export const open: Open = async (ports) => {
  const cluster = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) })
  await cluster.connect()
  return fromPromises({
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    close: () => cluster.close()
  })
}
