import { once } from "node:events"
import type { EventEmitter } from "node:events"
import type { Nodes } from "../cluster/cluster.ts"
import type { Open, Subscribe } from "./client.ts"
import { byNode, fromPromises } from "./promises.ts"

interface Pipeline {
  readonly get: (key: string) => unknown
  readonly set: (key: string, value: string) => unknown
  readonly exec: () => Promise<ReadonlyArray<readonly [error: Error | null, reply: unknown]> | null>
}

/** The parts of ioredis, or of a client derived from it, that are used here. */
interface Cluster extends EventEmitter {
  get(key: string): Promise<unknown>
  set(key: string, value: string): Promise<unknown>
  pipeline(): Pipeline
  subscribe(channel: string): Promise<unknown>
  quit(): Promise<unknown>
}

type Connect = (
  nodes: Array<{ readonly host: string; readonly port: number }>,
  options: { readonly enableAutoPipelining: boolean; readonly redisOptions: { readonly tls?: { readonly ca: string } } }
) => Cluster

const addressesOf = ({ ports }: Nodes) => ports.map((port) => ({ host: "127.0.0.1", port }))
const securityOf = ({ ca }: Nodes) => ca === undefined ? {} : { tls: { ca } }

export const openWith = (connect: Connect) => (how: "plain" | "auto" | "pipeline"): Open => async (nodes) => {
  const cluster = connect(addressesOf(nodes), {
    enableAutoPipelining: how === "auto",
    redisOptions: securityOf(nodes)
  })
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

export const subscribeWith = (connect: Connect): Subscribe => async (nodes, channel, hear) => {
  const cluster = connect(addressesOf(nodes), { enableAutoPipelining: false, redisOptions: securityOf(nodes) })
  cluster.on("message", (_channel: string, payload: string) => hear(payload))
  await cluster.subscribe(channel)
}
