import * as Address from "@redisc/core/Address"
import type { Listener } from "@redisc/core/Connector"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import type * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** A folder that is gone when the scope closes. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "redisc-node-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** Starts a server on loopback, or on a path. `accepted` hands out its sockets, in the order they came. */
export const listening = Effect.fnUntraced(function*<S extends Net.Server>(
  server: S,
  path?: string,
  event: "connection" | "secureConnection" = "connection"
) {
  const accepted = yield* Queue.unbounded<Net.Socket>()
  const open = new Set<Net.Socket>()
  server.on("connection", (socket: Net.Socket) => {
    open.add(socket)
    socket.on("close", () => open.delete(socket))
    socket.on("error", () => {})
  })
  server.on(event, (socket: Net.Socket) => {
    socket.on("error", () => {})
    Queue.offerUnsafe(accepted, socket)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      const done = () => resume(Effect.void)
      if (path === undefined) server.listen(0, "127.0.0.1", done)
      else server.listen(path, done)
    }),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of open) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
  const port = path === undefined ? (server.address() as Net.AddressInfo).port : 0
  const address = path === undefined ? Address.tcp("127.0.0.1", port) : Address.unix(path)
  return { address, port, accepted: Queue.take(accepted) }
})

/** Resumes when the other side has closed the socket. */
export const closed = (socket: Net.Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.resume()
  })

export type Event =
  | { readonly _tag: "Data"; readonly bytes: Buffer }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "Close"; readonly problem: string; readonly cause: unknown }

/** A listener that keeps what it is told, in order. */
export const recorder = Effect.sync(() => {
  const events: Array<Event> = []
  const queue = Effect.runSync(Queue.unbounded<Event>())
  const record = (event: Event) => {
    events.push(event)
    Queue.offerUnsafe(queue, event)
  }
  const listener: Listener = {
    onData: (chunk) => record({ _tag: "Data", bytes: Buffer.from(chunk) }),
    onDrain: () => record({ _tag: "Drain" }),
    onClose: (problem, cause) => record({ _tag: "Close", problem, cause })
  }
  return { events, listener, next: Queue.take(queue) }
})

const run = promisify(execFile)

/** An authority, a server certificate for `localhost` and `127.0.0.1`, and a client certificate. */
export const certificates = Effect.gen(function*() {
  const path = yield* folder
  const openssl = (...args: ReadonlyArray<string>) => Effect.promise(() => run("openssl", args, { cwd: path }))
  const key = (name: string) => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name]
  yield* openssl("req", "-x509", ...key("ca.key"), "-out", "ca.crt", "-days", "2", "-subj", "/CN=redisc test authority")
  for (
    const [name, extension] of [["server", "subjectAltName=DNS:localhost,IP:127.0.0.1"], [
      "client",
      "keyUsage=digitalSignature"
    ]]
  ) {
    yield* Effect.promise(() => writeFile(join(path, `${name}.ext`), extension))
    yield* openssl("req", ...key(`${name}.key`), "-out", `${name}.csr`, "-subj", `/CN=${name}`)
    const signing = "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 2".split(" ")
    yield* openssl(...signing, "-in", `${name}.csr`, "-out", `${name}.crt`, "-extfile", `${name}.ext`)
  }
  const read = (name: string) => Effect.promise(() => readFile(join(path, name), "utf8"))
  return {
    ca: yield* read("ca.crt"),
    server: { cert: yield* read("server.crt"), key: yield* read("server.key") },
    client: { cert: yield* read("client.crt"), key: yield* read("client.key") }
  }
})
