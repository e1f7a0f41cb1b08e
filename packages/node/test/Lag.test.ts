/** A process that was busy reads what has come meanwhile before it says that anybody's time is up. */
import { assert, describe, it } from "@effect/vitest"
import { Address, Command, Connection, Redis } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Worker } from "node:worker_threads"

/** A server in a thread of its own, which answers greetings at once and a GET after 20 ms, at length. */
const program = `
const { parentPort, workerData: answered } = require("node:worker_threads")
const server = require("node:net").createServer((socket) => {
  socket.on("error", () => {})
  socket.on("data", (chunk) => {
    for (const [, words] of chunk.toString().matchAll(/\\*\\d+\\r\\n((?:\\$\\d+\\r\\n[^\\r]*\\r\\n)+)/g)) {
      const [, name, , token] = words.split("\\r\\n")
      if (name === "PING") socket.write("$" + token.length + "\\r\\n" + token + "\\r\\n")
      else if (name === "GET") setTimeout(() => {
        socket.write("$1000000\\r\\n" + "x".repeat(1000000) + "\\r\\n")
        Atomics.add(answered, 0, 1)
      }, 20)
      else socket.write(name === "HELLO" ? "%1\\r\\n$5\\r\\nproto\\r\\n:3\\r\\n" : "+OK\\r\\n")
    }
  })
})
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port))
`

interface Serving {
  readonly worker: Worker
  readonly port: number
  /** How many GETs have been answered. */
  readonly answered: Int32Array
}

const serving = Effect.acquireRelease(
  Effect.callback<Serving>((resume) => {
    const answered = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(program, { eval: true, workerData: answered })
    worker.once("message", (port: number) => resume(Effect.succeed({ worker, port, answered })))
  }),
  ({ worker }) => Effect.promise(() => worker.terminate())
)

const connected = Effect.fnUntraced(function*(options?: Connection.Options) {
  const { answered, port } = yield* serving
  const connection = yield* Connection.make(Address.tcp("127.0.0.1", port), options).pipe(
    Effect.provide(NodeConnector.layer())
  )
  let rounds = 0
  const busy = (millis: number): void => {
    const end = performance.now() + millis
    rounds++
    while (performance.now() < end || Atomics.load(answered, 0) < rounds);
  }
  /** Waits until a command is under way, and keeps the process busy for longer than its time, and until it is answered. */
  const lag = (millis: number) =>
    Effect.andThen(
      Effect.repeat(Effect.promise(() => new Promise(setImmediate)), { until: () => connection.stats().inFlight > 0 }),
      Effect.sync(() => busy(millis))
    )
  return { connection, lag }
})

describe("a lag of the event loop", () => {
  it.live("is no Timeout of a command whose reply is there already", () =>
    Effect.gen(function*() {
      const { connection, lag } = yield* connected()
      for (let round = 0; round < 5; round++) {
        const get = connection.execute(Redis.get("k").pipe(Command.timeout("50 millis")))
        const fiber = yield* Effect.forkChild(get, { startImmediately: true })
        yield* lag(150)
        assert.strictEqual((yield* Fiber.join(fiber))?.length, 1_000_000)
      }
    }))

  it.live("is no silence of a server that has answered", () =>
    Effect.gen(function*() {
      const { connection, lag } = yield* connected({ pingInterval: "200 millis" })
      for (let round = 0; round < 5; round++) {
        const fiber = yield* Effect.forkChild(connection.execute(Redis.get("k")), { startImmediately: true })
        yield* lag(1000)
        assert.strictEqual((yield* Fiber.join(fiber))?.length, 1_000_000)
      }
      assert.isFalse(connection.isClosed())
    }))
})
