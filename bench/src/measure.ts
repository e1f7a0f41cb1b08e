import { fork } from "node:child_process"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { clients } from "./clients.ts"
import type { ClientName } from "./clients.ts"
import type { Figures, Task } from "./worker.ts"
import type { Workload } from "./workloads.ts"

export interface Sample extends Figures {
  readonly client: ClientName
  readonly workload: string
  readonly round: number
  /** The load average when the run began: a high one without us says that others were busy. */
  readonly load: number
}

const worker = fileURLToPath(new URL("worker.ts", import.meta.url))

/** A run that takes longer has got stuck. */
const patience = 300_000

/** Runs one workload with one client in a process of its own. Returns what went wrong as text. */
export const measure = (run: {
  readonly client: ClientName
  readonly workload: Workload
  readonly round: number
  readonly nodes: ReadonlyArray<number>
}): Promise<Sample | string> =>
  new Promise((resolve) => {
    const { client, nodes, round, workload } = run
    const failed = (problem: string) => resolve(`${clients[client].label}, ${workload.title}: ${problem}`)
    const load = loadavg()[0]
    const child = fork(worker, { stdio: "inherit" })
    const kill = () => child.kill("SIGKILL")
    const timer = setTimeout(kill, patience)
    process.once("exit", kill)
    child.on("message", (figures) => {
      resolve({ client, workload: workload.name, round, load, ...figures as Figures })
    })
    child.on("error", (error) => failed(error.message))
    child.on("exit", (code, signal) => {
      clearTimeout(timer)
      process.off("exit", kill)
      failed(`ended without figures (${signal ?? `exit code ${code}`})`)
    })
    const task: Task = { client, workload, nodes }
    child.send(task)
  })
