/**
 * Measures how fast one busy channel is heard, by redisc and beside it by other clients, on a server of its own.
 *
 * Usage: npm run bench:channel -- [rounds] [messages]
 *
 * A cluster of one primary, so that no message is also passed on to other nodes, which would cost the server most of its
 * time. Clients take turns, each in a process of its own.
 */
import { fork, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Cluster } from "../cluster.ts"
import type { Figures } from "./subscriber.ts"
import type { SubscriberName } from "./subscribers.ts"

const rounds = Number(process.argv[2] ?? 5)
const messages = Number(process.argv[3] ?? 4_000_000)
const names: ReadonlyArray<SubscriberName> = ["redisc", "redisc, arrays", "ioredis", "node-redis", "floor"]
const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const measure = (name: SubscriberName, port: number): Promise<Figures> =>
  new Promise((resolve, reject) => {
    const args = [name, String(port), "busy", String(messages)]
    const subscriber = fork(fileOf("subscriber.ts"), args, { stdio: "inherit" })
    subscriber.on("message", (message) => {
      if (message !== "subscribed") return resolve(message as Figures)
      spawn(process.execPath, [fileOf("publisher.ts"), String(port), "busy", String(messages)], { stdio: "inherit" })
    })
    subscriber.on("exit", (code) => reject(new Error(`${name} ended without figures (exit code ${code})`)))
  })

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]

const figures = new Map<SubscriberName, Array<Figures>>(names.map((name) => [name, []]))
// A node that never met another does not know its own address, which ioredis does not get over.
const cluster = await Cluster.start(1, {
  "client-output-buffer-limit": "pubsub 0 0 0",
  "cluster-announce-ip": "127.0.0.1"
})
try {
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length]
      figures.get(name)!.push(await measure(name, cluster.ports[0]))
    }
  }
} finally {
  await cluster.stop()
}

const measured = messages * 3 / 4
const rows = Array.from(figures, ([name, each]) => ({
  name,
  speed: median(each.map(({ seconds }) => measured / seconds)),
  cpu: median(each.map(({ cpu }) => cpu / measured))
}))
const [own] = rows
console.log(`One channel, payloads of 100 bytes, ${rounds} rounds of ${messages} messages, medians`)
console.log("                messages/s   redisc to it   cpu us/message   its cpu to redisc's")
for (const { cpu, name, speed } of rows) {
  const cells = [name.padEnd(14), speed.toFixed(0).padStart(12), `${(own.speed / speed).toFixed(2)}x`.padStart(15)]
  console.log([...cells, cpu.toFixed(3).padStart(17), `${(cpu / own.cpu).toFixed(2)}x`.padStart(22)].join(""))
}
