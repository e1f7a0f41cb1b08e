/** The process that one client runs in: takes one task from its parent, measures it, sends the figures and ends. */
import { clients } from "./clients.ts"
import type { ClientName } from "./clients.ts"
import { operations, warmUp } from "./workloads.ts"
import type { Workload } from "./workloads.ts"

export interface Task {
  readonly client: ClientName
  readonly workload: Workload
  readonly nodes: ReadonlyArray<number>
}

export interface Figures {
  readonly operations: number
  readonly seconds: number
  /** Processor time of the client's process, all threads, in microseconds. */
  readonly user: number
  readonly system: number
}

const perform = async ({ client, nodes, workload }: Task): Promise<Figures> => {
  const { close, run } = await clients[client].open(nodes)
  const repeat = async (work: Workload) => {
    for (let time = 0; time < work.times; time++) await run(work)
  }
  await repeat(warmUp(workload))
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  await repeat(workload)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const { system, user } = process.cpuUsage(cpu)
  await close()
  return { operations: operations(workload), seconds, user, system }
}

process.once("message", (task) => {
  perform(task as Task).then(
    (figures) => process.send?.(figures, () => process.exit(0)),
    (error) => {
      console.error(error)
      process.exit(1)
    }
  )
})
// The parent is gone, and nobody would read the figures.
process.once("disconnect", () => process.exit(1))
