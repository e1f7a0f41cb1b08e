import { fork } from "node:child_process"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import type { ClientName } from "../clients/contestants.ts"
import type { Over } from "../cluster/cluster.ts"
import type { Figures } from "../figures/meter.ts"
import type { Outcome, Task } from "./worker.ts"

/** Identifies a run. */
export interface Run {
  readonly workload: string
  readonly over: Over
  readonly client: ClientName
  readonly round: number
}

export interface Sample extends Run, Figures {
  /** The load average at the start of the run: if it is high, other programs were busy. */
  readonly load: number
}

export interface Failure extends Run {
  readonly problem: string
}

const worker = fileURLToPath(new URL("worker.ts", import.meta.url))

/** In milliseconds. A run that takes longer is stuck. */
const patience = 120_000

const perform = (task: Task): Promise<Outcome> =>
  new Promise((resolve) => {
    const child = fork(worker, { stdio: "inherit", execArgv: [...process.execArgv, "--expose-gc"] })
    const kill = () => child.kill("SIGKILL")
    const timer = setTimeout(() => {
      resolve(`took longer than ${patience / 1000} s`)
      kill()
    }, patience)
    process.once("exit", kill)
    child.on("message", (outcome) => resolve(outcome as Outcome))
    child.on("error", (error) => resolve(error.message))
    child.on("exit", (code, signal) => {
      clearTimeout(timer)
      process.off("exit", kill)
      resolve(`ended without figures (${signal ?? `exit code ${code}`})`)
    })
    child.send(task)
  })

/** Runs one workload with one client in a process of its own. */
export const measure = async (task: Task, run: Run): Promise<Sample | Failure> => {
  const load = loadavg()[0]
  const outcome = await perform(task)
  return typeof outcome === "string" ? { ...run, problem: outcome } : { ...run, load, ...outcome }
}
