/**
 * TCP ports on loopback that lead to simulated nodes, so that any client in any language can use them.
 *
 * @since 0.1.0
 */
import * as Address from "@redisc/core/Address"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import type { FakeNode } from "../cluster/node.ts"
import { FakeClusterError } from "../input/fakeClusterError.ts"
import { builtin } from "../platform/builtins.ts"

const loopback = "127.0.0.1"

const serve = (node: FakeNode, socket: Net.Socket): void => {
  if (node.process === "stopped") {
    socket.resetAndDestroy()
    return
  }
  socket.setNoDelay(true)
  const session = node.connect({
    address: `${socket.remoteAddress ?? loopback}:${socket.remotePort ?? 0}`,
    onData: (bytes) => {
      socket.write(bytes)
    },
    onClose: () => {
      socket.end()
      socket.destroySoon()
    }
  })
  socket.on("data", (chunk) => session.receive(chunk))
  socket.on("close", () => session.hangUp())
  // After an error the socket closes by itself, and "close" is handled.
  socket.on("error", () => {})
}

const failed = (node: FakeNode, cause: unknown): FakeClusterError =>
  new FakeClusterError({ problem: `no port could be opened for ${node.name}`, cause })

/** Opens a free port for a node, which announces it from then on. The port closes with the scope. */
export const open = (node: FakeNode): Effect.Effect<Address.Tcp, FakeClusterError, Scope.Scope> =>
  Effect.gen(function*() {
    const net = builtin("node:net")
    if (net === undefined) {
      return yield* new FakeClusterError({ problem: "this platform has no TCP ports: listen needs Node" })
    }
    const sockets = new Set<Net.Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.callback<Net.Server, FakeClusterError>((resume) => {
        const made = net.createServer((socket) => {
          sockets.add(socket)
          socket.on("close", () => sockets.delete(socket))
          serve(node, socket)
        })
        made.once("error", (problem) => resume(Effect.fail(failed(node, problem))))
        made.listen(0, loopback, () => resume(Effect.succeed(made)))
      }),
      (made) =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          made.close(() => resume(Effect.void))
        })
    )
    const { port } = server.address() as Net.AddressInfo
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const before = { host: node.host, port: node.port }
        node.host = loopback
        node.port = port
        return before
      }),
      (before) => Effect.sync(() => Object.assign(node, before))
    )
    return Address.tcp(loopback, port)
  })
