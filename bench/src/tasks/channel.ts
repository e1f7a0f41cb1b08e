import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Subscribe } from "../clients/client.ts"
import type { Nodes } from "../cluster/cluster.ts"
import { startMeter } from "../figures/meter.ts"
import type { Figures } from "../figures/meter.ts"
import type { Channel } from "../work/workloads.ts"

const publisher = fileURLToPath(new URL("publisher.ts", import.meta.url))

/** Subscribes to a channel. Another process publishes on it at the port `publishTo`, which never uses TLS. */
export const hearChannel = (
  subscribe: Subscribe,
  nodes: Nodes,
  publishTo: number,
  work: Channel
): Promise<Figures> =>
  new Promise((resolve, reject) => {
    // The first messages run uncompiled code, and are not measured.
    const first = work.messages / 4
    const measured = work.messages - first
    // A name that is unique to this process, so that messages for an earlier one are not received.
    const channel = `busy:${process.pid}`
    let heard = 0
    let meter = startMeter()
    const hear = (payload: string): void => {
      if (payload.length !== 100) return reject(new Error(`a payload of ${payload.length} characters`))
      heard++
      if (heard === first) meter = startMeter()
      else if (heard === work.messages) resolve({ operations: measured, ...meter.stop() })
    }
    subscribe(nodes, channel, hear).then(() => {
      const args = [publisher, `${publishTo}`, channel, `${work.messages}`]
      spawn(process.execPath, args, { stdio: ["pipe", "inherit", "inherit"] })
    }).catch(reject)
  })
