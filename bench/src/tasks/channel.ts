import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Subscribe } from "../clients/client.ts"
import type { Nodes } from "../cluster/cluster.ts"
import { startMeter } from "../figures/meter.ts"
import type { Figures } from "../figures/meter.ts"
import type { Channel } from "../work/workloads.ts"

const publisher = fileURLToPath(new URL("publisher.ts", import.meta.url))

/** Hears a channel on which another process publishes, at `publishTo`, which is never over TLS. */
export const hearChannel = (
  subscribe: Subscribe,
  nodes: Nodes,
  publishTo: number,
  work: Channel
): Promise<Figures> =>
  new Promise((resolve, reject) => {
    // What comes first runs uncompiled, and is not measured.
    const first = work.messages / 4
    const measured = work.messages - first
    // Nobody hears what was meant for a process that is gone.
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
