import { sizes } from "./data.ts"
import type { Operation, Size } from "./data.ts"

interface Named {
  readonly name: string
  readonly title: string
}

/**
 * Commands. In `loops` so many loops run at the same time, each of which sends one command, waits for the reply, and
 * again. In a `burst` many are sent at once, each with somebody who waits for it alone. A `batch` is as many, but known
 * before and wanted as a whole: each client gets them done in the way that its documentation recommends. `many` is a small
 * batch, as a page of a website would read it.
 */
export interface Load extends Named {
  readonly shape: "loops" | "burst" | "batch" | "many"
  readonly operation: Operation
  readonly size: Size
  readonly loops: number
  /** Commands that each loop sends. Loops go on for as long as they are measured, from this number up. */
  readonly perLoop: number
  /** How long it is measured, in seconds. */
  readonly seconds: number
}

/** One channel on which as much is published as a server can. */
export interface Channel extends Named {
  readonly shape: "channel"
  readonly messages: number
}

/** From opening a client, whose modules are imported already, to the first reply to a GET. */
export interface Connect extends Named {
  readonly shape: "connect"
  readonly times: number
  /** How many clients are open at once when their memory is measured. */
  readonly held: number
}

/** What is measured. */
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

/** Those of values that a workload works with. */
export const sizesOf = (workloads: ReadonlyArray<Workload>): ReadonlyArray<Size> =>
  sizes.filter((size) => workloads.some((work) => ("size" in work ? work.size : 100) === size))

/** For a first impression. */
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
