/**
 * The client's own part of a command and nothing else: no socket, no server, no kernel. Fibers send GETs of keys of one
 * length over a transport that answers each with the same value, and what counts is processor time.
 *
 * Usage: node --conditions=@redisc/source src/path.ts [fibers] [commands]
 */
import { Connector, Redis, RedisCluster, Resp } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const fibers = Number(process.argv[2] ?? 500)
const commands = Number(process.argv[3] ?? 1_000_000)
const rounds = 5

const { Reply } = Resp
const encoded = (reply: Resp.Reply) => Resp.encodeReply(reply, 3)
const value = encoded(Reply.bulk("x".repeat(100)))
const key = (n: number): string => `key:${String(n).padStart(8, "0")}`
const frame = `*2\r\n$3\r\nGET\r\n$${key(0).length}\r\n${key(0)}\r\n`.length
const slots = encoded(Reply.array([Reply.array([
  Reply.integer(0),
  Reply.integer(16383),
  Reply.array([Reply.bulk("node"), Reply.integer(1), Reply.bulk("id")])
])]))
const info = encoded(Reply.bulk("cluster_state:ok\r\ncluster_current_epoch:1\r\n"))
const ok = encoded(Reply.simple("OK"))

/** As many values as one chunk of a socket would bring. */
const values = new Uint8Array(Buffer.concat(Array.from({ length: 600 }, () => value)))

const answersTo = (text: string): Uint8Array | undefined => {
  if (text.includes("HELLO")) return encoded(Reply.map([[Reply.bulk("proto"), Reply.integer(3)]]))
  if (text.includes("SETINFO")) return new Uint8Array(Buffer.concat([ok, ok]))
  if (text.includes("CLUSTER")) return new Uint8Array(Buffer.concat([info, slots]))
  return undefined
}

const connector = Connector.Connector.of({
  secure: false,
  soon: setImmediate,
  open: (_, listener) =>
    Effect.succeed({
      write: (chunks) => {
        const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
        const answer = size < 300 ? answersTo(Buffer.concat(chunks).toString("latin1")) : undefined
        setImmediate(() => {
          if (answer !== undefined) return listener.onData(answer)
          for (let left = size / frame; left > 0; left -= 600) {
            listener.onData(left >= 600 ? values : values.subarray(0, left * value.length))
          }
        })
        return true
      }
    })
})

const layer = RedisCluster.layer({ nodes: ["node:1"], pingInterval: "1 hour" }).pipe(
  Layer.provide(Layer.succeed(Connector.Connector, connector))
)

const keys = Array.from({ length: 10_000 }, (_, n) => key(n))
const loop = Effect.fnUntraced(function*(index: number) {
  for (let n = 0; n < commands / fibers; n++) yield* Redis.get(keys[(index * 31 + n) % keys.length])
})
const all = Effect.forEach(Array.from({ length: fibers }, (_, n) => n), loop, {
  concurrency: "unbounded",
  discard: true
})

const measured = Effect.gen(function*() {
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    yield* all
    const { system, user } = process.cpuUsage(before)
    times.push((user + system) / commands)
  }
  const [best] = times.toSorted((a, b) => a - b)
  yield* Effect.log(
    `${fibers} fibers: ${best.toFixed(3)} µs of processor time a command (${
      times.map((time) => time.toFixed(3)).join(", ")
    })`
  )
})

await Effect.runPromise(Effect.provide(measured, layer))
