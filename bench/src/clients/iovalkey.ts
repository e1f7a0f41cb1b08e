import { Cluster } from "iovalkey"
import { once } from "node:events"
import type { Open } from "../clients.ts"
import { fromPromises } from "./promises.ts"

export const open: Open = async (ports) => {
  const nodes = ports.map((port) => ({ host: "127.0.0.1", port }))
  const cluster = new Cluster(nodes, { enableAutoPipelining: true })
  await once(cluster, "ready")
  return fromPromises({
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    close: () => cluster.quit()
  })
}
