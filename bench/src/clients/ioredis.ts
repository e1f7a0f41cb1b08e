import { Cluster } from "ioredis"
import { once } from "node:events"
import type { Open } from "../clients.ts"
import { fromPromises } from "./promises.ts"

export const open = (enableAutoPipelining: boolean): Open => async (ports) => {
  const cluster = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })), { enableAutoPipelining })
  await once(cluster, "ready")
  return fromPromises({
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    close: () => cluster.quit()
  })
}
