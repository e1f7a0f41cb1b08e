/**
 * Measures what failovers of a Sentinel group cost the callers of each client: redisc, ioredis and node-redis at the same time, on
 * one group, each in a process of its own, appending numbers to lists at a fixed rate. In the end the lists are compared with what
 * callers were told.
 *
 * Usage: npm run bench:sentinel -- [--rate 2000] [--scenarios kill,failover,freeze,sentinel] [--clients redisc,ioredis,node-redis]
 */
import { RealSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { appenders } from "./sentinel/appenders.ts"
import type { AppenderName } from "./sentinel/appenders.ts"
import { listen } from "./sentinel/switches.ts"
import { verdictOf } from "./sentinel/verdict.ts"
import type { Moments, Verdict } from "./sentinel/verdict.ts"
import type { Message, Task, Told } from "./sentinel/worker.ts"

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "2000" },
    scenarios: { type: "string", default: "kill,failover,freeze,sentinel" },
    clients: { type: "string", default: Object.keys(appenders).join(";") }
  }
})
const clients = values.clients.split(/;|,(?! )/) as ReadonlyArray<AppenderName>
const rate = Number(values.rate)
const file = fileURLToPath(new URL("sentinel/worker.ts", import.meta.url))

type Group = RealSentinel.RealSentinel["Service"]
type Step = (group: Group, primary: RealSentinel.ServerNode) => Effect.Effect<unknown, RealSentinel.RealClusterError>

interface Scenario {
  readonly title: string
  readonly disturb: Step
  /** What is done some seconds after the switch. */
  readonly mend: Step
}

const restart: Step = (group, primary) => group.restart(primary)

const scenarios: Readonly<Record<string, Scenario>> = {
  kill: { title: "kill -9 of the primary", disturb: (group, primary) => group.kill(primary), mend: restart },
  failover: { title: "SENTINEL FAILOVER", disturb: (group) => group.failover, mend: () => Effect.void },
  freeze: {
    title: "SIGSTOP of the primary, and SIGCONT 3 seconds after the switch",
    disturb: (group, primary) => group.pause(primary),
    mend: (group, primary) => group.resume(primary)
  },
  sentinel: {
    title: "the first sentinel is dead, and then the primary",
    disturb: (group, primary) => Effect.andThen(group.kill(group.sentinels[0]), group.kill(primary)),
    mend: (group, primary) => Effect.andThen(group.restart(group.sentinels[0]), group.restart(primary))
  }
}

/** How long the load is watched before and after, in seconds, and how long the last commands are waited for. */
const calm = 4
const untilMended = 3
const afterwards = 4
const patience = 40

const lists = 20
let trials = 0

interface Worker {
  readonly client: AppenderName
  readonly keys: ReadonlyArray<string>
  readonly child: ChildProcess
  readonly begun: Promise<unknown>
  readonly told: Promise<Told | string>
}

const start = (client: AppenderName, { addresses, name }: Group): Worker => {
  const child = fork(file, { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const trial = trials++
  const keys = Array.from({ length: lists }, (_, n) => `${trial}:${n}`)
  const told = new Promise<Told | string>((resolve) => {
    child.on("message", (message: Message) => {
      if (message._tag === "Done") resolve(message.told)
      else if (message._tag === "Failed") resolve(message.problem)
    })
    child.on("exit", (code) => resolve(`ended with ${code}`))
  })
  const begun = new Promise((resolve) => child.once("message", resolve))
  const sentinels = { name, addresses: addresses.map(({ host, port }) => ({ host, port })) }
  const task: Task = { client, sentinels, keys, rate, patience }
  child.send(task)
  return { client, keys, child, begun: Promise.race([begun, told]), told }
}

const numbersIn = (group: Group, keys: ReadonlyArray<string>) =>
  Effect.flatMap(group.primary, (primary) =>
    Effect.forEach(keys, (key) =>
      Effect.map(
        group.command(primary, "LRANGE", [key, 0, -1]),
        (list) => Array.isArray(list) ? list.map(Number) : []
      )))

const columns: ReadonlyArray<readonly [title: string, cell: (verdict: Verdict) => number]> = [
  ["a second", ({ before }) => before],
  ["ms each", ({ latency }) => latency],
  ["outage", ({ outage }) => outage],
  ["after switch", ({ outageAfterSwitch }) => outageAfterSwitch],
  ["errors", ({ errors }) => errors],
  ["of them done", ({ failedButDone }) => failedButDone],
  ["unsettled", ({ unsettled }) => unsettled],
  ["missing", ({ missing }) => missing],
  ["begun after", ({ missingAfterSwitch }) => missingAfterSwitch],
  ["doubled", ({ doubled }) => doubled],
  ["disordered", ({ disordered }) => disordered]
]
const labelWidth = 28
const width = 14

const print = (client: AppenderName, verdict: Verdict): void => {
  const cells = columns.map(([, cell]) => `${cell(verdict)}`.padStart(width)).join("")
  console.log(`${client.padEnd(labelWidth)}${cells}`)
  for (const [kind, count] of verdict.kinds) console.log(`    ${count}: ${kind}`)
}

const measure = Effect.fnUntraced(function*(
  { disturb, mend, title }: Scenario
): Effect.fn.Return<boolean, RealSentinel.RealClusterError, Scope.Scope> {
  const group = yield* RealSentinel.make({ replicas: 2, downAfter: "2 seconds" })
  const primary = yield* group.primary
  const switches = listen(group.addresses.map(({ port }) => port))
  const workers = clients.map((client) => start(client, group))
  yield* Effect.addFinalizer(() => Effect.sync(() => workers.forEach(({ child }) => child.kill("SIGKILL"))))
  yield* Effect.promise(() => Promise.all(workers.map(({ begun }) => begun)))
  yield* Effect.promise(() => sleep(calm * 1000))
  const disturbedAt = Date.now()
  yield* disturb(group, primary)
  yield* group.awaitSwitch(primary)
  yield* Effect.promise(() => sleep(untilMended * 1000))
  yield* mend(group, primary)
  yield* Effect.promise(() => sleep(afterwards * 1000))
  for (const { child } of workers) child.send("stop")
  const told = yield* Effect.promise(() => Promise.all(workers.map(({ told }) => told)))
  // Each sentinel tells it once. On a machine that is too busy they find servers down that are not.
  if (switches.length > group.sentinels.length) return false
  const moments: Moments = { disturbedAt, switchedAt: Math.min(...switches) }
  console.log(`\n${title}: switched after ${moments.switchedAt - disturbedAt} ms; ${rate} appends a second each`)
  console.log(`${"".padEnd(labelWidth)}${columns.map(([title]) => title.padStart(width)).join("")}`)
  yield* group.waitUntilStable
  for (const [index, { client, keys }] of workers.entries()) {
    const of = told[index]
    if (typeof of === "string") console.log(`${client.padEnd(labelWidth)}${of}`)
    else print(client, verdictOf(of, yield* numbersIn(group, keys), moments))
  }
  return true
}, Effect.scoped)

for (const name of values.scenarios.split(",")) {
  while (!await Effect.runPromise(measure(scenarios[name]))) {
    console.log(`\n${scenarios[name].title}: the sentinels have switched more than once; again`)
  }
}
process.exit(0)
