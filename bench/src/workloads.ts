import { batch } from "./data.ts"

/**
 * How commands come. In `loops` so many loops run at the same time, each of which sends one command, waits for the reply,
 * and again. A `batch` is one loop whose commands are all known before: each client gets them done at once, in the way
 * that its documentation recommends.
 */
export type Shape = "loops" | "batch"

/** What is measured. */
export interface Workload {
  readonly name: string
  readonly title: string
  readonly shape: Shape
  readonly operation: "get" | "set"
  readonly loops: number
  /** Commands that each loop sends. */
  readonly perLoop: number
  /** How often all of that is done, one after the other. */
  readonly times: number
}

const get = (loops: number, count: number): Workload => ({
  name: `get-${loops}`,
  title: `GET of 100 bytes, ${loops === 1 ? "1 loop" : `${loops} loops`}`,
  shape: "loops",
  operation: "get",
  loops,
  perLoop: count / loops,
  times: 1
})

const set = (loops: number, count: number): Workload => ({
  ...get(loops, count),
  name: `set-${loops}`,
  title: `SET of 100 bytes, ${loops} loops`,
  operation: "set"
})

const batchOf = (operation: Workload["operation"]): Workload => ({
  name: `batch-${operation}`,
  title: `${operation.toUpperCase()} of 100 bytes, batches of 10,000 over all nodes`,
  shape: "batch",
  operation,
  loops: 1,
  perLoop: batch.length,
  times: 40
})

/** To add a workload, add it here. A new operation has to be added to `Work` and to the clients as well. */
export const workloads: ReadonlyArray<Workload> = [
  get(1, 10_000),
  get(50, 100_000),
  get(500, 200_000),
  set(50, 100_000),
  set(500, 200_000),
  {
    name: "burst",
    title: "GET of 100 bytes, bursts of 10,000 at once",
    shape: "loops",
    operation: "get",
    loops: 10_000,
    perLoop: 1,
    times: 20
  },
  batchOf("get"),
  batchOf("set")
]

/** That part of a workload, rounded up: as many loops, but fewer commands in each, or fewer times. A batch keeps its size. */
const part = (workload: Workload, divisor: number): Workload => ({
  ...workload,
  perLoop: workload.shape === "batch" ? workload.perLoop : Math.ceil(workload.perLoop / divisor),
  times: Math.ceil(workload.times / divisor)
})

/** For a first impression. */
export const quick = (workload: Workload): Workload => part(workload, 4)

/** What is done first and not measured, so that the measured part runs compiled. */
export const warmUp = (workload: Workload): Workload => part(workload, 2)

export const operations = ({ loops, perLoop, times }: Workload): number => loops * perLoop * times
