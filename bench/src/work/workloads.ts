import { sizes } from "./data.ts"
import type { Operation, Size } from "./data.ts"

interface Named {
  readonly name: string
  readonly title: string
}

/**
 * A load of commands. In `loops`, a number of loops run concurrently, and each sends one command, waits for its reply, and
 * repeats. In a `burst`, many commands are sent at once, and each is awaited separately. A `batch` has as many commands, but
 * they are known together and awaited as a whole: each client runs them in the way that its documentation recommends. `many` is
 * a small batch, such as a web page would read.
 */
export interface Load extends Named {
  readonly shape: "loops" | "burst" | "batch" | "many"
  readonly operation: Operation
  readonly size: Size
  readonly loops: number
  /** The minimum number of commands of each loop. Loops go on as long as they are measured. */
  readonly perLoop: number
  /** The length of the measurement, in seconds. */
  readonly seconds: number
}

/** One channel on which a server publishes as fast as it can. */
export interface Channel extends Named {
  readonly shape: "channel"
  readonly messages: number
}

/** The time from opening a client, with its modules already imported, to the first reply to a GET. */
export interface Connect extends Named {
  readonly shape: "connect"
  readonly times: number
  /** The number of clients that are open at once when their memory is measured. */
  readonly held: number
}

export type Workload = Load | Channel | Connect

export type Shape = Workload["shape"]

const sizeNames: Readonly<Record<Size, string>> = { 100: "100 bytes", 10_000: "10 KB", 1_000_000: "1 MB" }

const operationNames: Readonly<Record<Operation, string>> = { get: "GET", set: "SET", mixed: "80 % GET, 20 % SET" }

const loops = (name: string, operation: Operation, size: Size, loops: number): Load => ({
  name,
  title: `${operationNames[operation]} of ${sizeNames[size]}, ${loops === 1 ? "1 loop" : `${loops} loops`}`,
  shape: "loops",
  operation,
  size,
  loops,
  perLoop: Math.ceil(size > 100_000 ? 20 / loops : 1000 / loops),
  seconds: 0.8
})

const atOnce = (
  name: string,
  title: string,
  { operation, perLoop, shape }: Pick<Load, "operation" | "perLoop" | "shape">
): Load => ({ name, title, shape, operation, size: 100, loops: 1, perLoop, seconds: 0.8 })

/** To add a workload, add it here. A new shape has to be added to `tasks/worker.ts`, and to the clients that it is for. */
export const workloads: ReadonlyArray<Workload> = [
  loops("get-1", "get", 100, 1),
  loops("get-50", "get", 100, 50),
  loops("get-500", "get", 100, 500),
  loops("set-1", "set", 100, 1),
  loops("set-50", "set", 100, 50),
  loops("set-500", "set", 100, 500),
  loops("mixed-50", "mixed", 100, 50),
  loops("mixed-500", "mixed", 100, 500),
  loops("get-10k", "get", 10_000, 50),
  loops("set-10k", "set", 10_000, 50),
  loops("get-1m", "get", 1_000_000, 4),
  loops("set-1m", "set", 1_000_000, 4),
  atOnce("burst", "GET of 100 bytes, bursts of 10,000 at once", { shape: "burst", operation: "get", perLoop: 10_000 }),
  atOnce("many-100", "GET of 100 bytes, 100 keys over all nodes in one call", {
    shape: "many",
    operation: "get",
    perLoop: 100
  }),
  atOnce("batch-get", "GET of 100 bytes, batches of 10,000 over all nodes", {
    shape: "batch",
    operation: "get",
    perLoop: 10_000
  }),
  atOnce("batch-set", "SET of 100 bytes, batches of 10,000 over all nodes", {
    shape: "batch",
    operation: "set",
    perLoop: 10_000
  }),
  { name: "channel", title: "One busy channel, payloads of 100 bytes", shape: "channel", messages: 2_400_000 },
  { name: "connect", title: "Open until the first reply to a GET", shape: "connect", times: 200, held: 20 }
]

/** The sizes of values in some workloads. */
export const sizesOf = (workloads: ReadonlyArray<Workload>): ReadonlyArray<Size> =>
  sizes.filter((size) => workloads.some((work) => ("size" in work ? work.size : 100) === size))

/** A shorter version of a workload, for a first impression. */
export const quick = (work: Workload): Workload => {
  switch (work.shape) {
    case "channel":
      return { ...work, messages: work.messages / 4 }
    case "connect":
      return { ...work, times: work.times / 4 }
    default:
      return { ...work, seconds: work.seconds / 4 }
  }
}

export const unitOf = ({ shape }: Pick<Workload, "shape">): string =>
  shape === "channel" ? "messages" : shape === "connect" ? "clients" : "commands"
