/**
 * How long readers see what is no longer so: a writer writes versions of keys through a client of its own, readers read them all the
 * time, all on one cluster, and something happens to it. A reader without a cache is beside them.
 */
import { Slot } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Part, Settings } from "./part.ts"
import type { ReaderName } from "./readers.ts"
import { ownersOf } from "./servers.ts"
import { events } from "./stale/events.ts"
import type { Event } from "./stale/events.ts"
import { now } from "./stale/now.ts"
import * as Proxy from "./stale/proxy.ts"
import { verdictOf } from "./stale/verdict.ts"
import type { Message, Task, Told } from "./stale/worker.ts"
import { write } from "./stale/writer.ts"
import type { Ack } from "./stale/writer.ts"
import { number, print } from "./table.ts"

const keys = Array.from({ length: 30 }, (_, n) => `version:${n}`)
/** How many of a node's keys move, at most. */
const some = 8
const calm = "3 seconds"

const file = fileURLToPath(new URL("stale/worker.ts", import.meta.url))

interface Process {
  readonly label: string
  readonly begun: Promise<unknown>
  readonly stop: () => void
  readonly told: Promise<Told | string>
}

const start = (label: string, task: Task): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => fork(file, { stdio: ["ignore", "ignore", "inherit", "ipc"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(Effect.map((child) => {
    const told = new Promise<Told | string>((resolve) => {
      child.on("message", (message: Message) => {
        if (message._tag === "Done") resolve(message.told)
        else if (message._tag === "Failed") resolve(message.problem)
      })
      child.on("exit", (code) => resolve(`ended with ${code}`))
    })
    const begun = Promise.race([new Promise((resolve) => child.once("message", resolve)), told])
    child.send(task)
    return { label, begun, told, stop: () => child.connected && child.send("stop") }
  }))

const openProxies = (ports: ReadonlyArray<number>) =>
  Effect.forEach(ports, (port) =>
    Effect.acquireRelease(
      Effect.promise(() => Proxy.open(port)),
      (proxy) => Effect.sync(proxy.close)
    ))

const measure = Effect.fnUntraced(function*(
  { happen, isThrough, on, replicas, title, watch }: Event,
  server: string | undefined,
  clients: ReadonlyArray<ReaderName>
): Effect.fn.Return<void, RealCluster.RealClusterError, Scope.Scope> {
  const cluster = yield* RealCluster.make({ primaries: 3, replicas, server })
  if (on?.(cluster) === false) return
  const primaries = yield* cluster.primaries
  const ports = primaries.map(({ address }) => address.port)
  const acks = keys.map(() => new Array<Ack>())
  const caution = { isReplicated: replicas > 0 }
  const layer = NodeRedisCluster.layer({ nodes: ports.map((port) => `127.0.0.1:${port}`) })
  const writer = Effect.provide(write(keys, acks, caution), layer)
  yield* Effect.forkScoped(Effect.provideService(writer, References.MinimumLogLevel, "None"))

  const proxies = yield* openProxies(isThrough === true ? ports : [])
  const through = Object.fromEntries(proxies.map(({ port }, n) => [ports[n], port]))
  const nodes = isThrough === true ? { ports, through } : { ports }
  const cached = yield* Effect.forEach(clients, (reader) => start(reader, { reader, isCached: true, nodes, keys }))
  const judge = yield* start("redisc, without a cache", { reader: "redisc", isCached: false, nodes, keys })
  const processes = [...cached, judge]
  yield* Effect.promise(() => Promise.all(processes.map(({ begun }) => begun)))
  yield* Effect.sleep(calm)

  const owners = ownersOf(primaries)
  const [from, to] = primaries
  const slots = [...new Set(keys.map(Slot.fromKey).filter((slot) => owners[slot] === 0))].slice(0, some)
  const happenedAt = now()
  const countAll = Effect.sync(() => {
    caution.isReplicated = false
  })
  yield* happen({ cluster, from, to, slots, countAll, deaden: () => proxies[0].deaden() })
  yield* Effect.sleep(watch * 1000)
  for (const { stop } of processes) stop()
  const told = yield* Effect.promise(() => Promise.all(processes.map(({ told }) => told)))

  const notes: Array<string> = []
  const rows = processes.map(({ label }, n) => {
    const of = told[n]
    if (typeof of === "string") {
      notes.push(`${label}: ${of}`)
      return [label, "-", "-", "-", "-", "-"]
    }
    const { after, back, before, errors, isOpen, keys } = verdictOf(of, acks, happenedAt)
    return [
      label,
      number(before, 1),
      `${isOpen ? "over " : ""}${number(after, 1)}`,
      number(keys),
      number(back),
      number(errors)
    ]
  })
  print(
    `${cluster.kind} ${cluster.version}: ${title}`,
    ["", "stale before, ms", "stale after, ms", "keys stale over 100 ms", "went back", "errors"],
    rows,
    notes
  )
}, Effect.scoped)

export const stale: Part = async ({ clients, events: names, servers }: Settings) => {
  const readers = clients.filter((name) => name !== "redisc, promises")
  for (const server of servers.length === 0 ? [undefined] : servers) {
    for (const name of names.length === 0 ? Object.keys(events) : names) {
      await Effect.runPromise(measure(events[name], server, readers))
    }
  }
}
