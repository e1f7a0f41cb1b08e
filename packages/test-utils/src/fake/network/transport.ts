/**
 * The simulated network as a `Connector`: the client's bytes reach a node, and the node's bytes the client.
 *
 * @since 0.1.0
 */
import type { Address } from "@redisc/core/Address"
import * as Connector from "@redisc/core/Connector"
import { ConnectionFailed, RedisError } from "@redisc/core/RedisError"
import * as Effect from "effect/Effect"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import type { ClientSession, Peer } from "../session/session.ts"

const failed = (address: Address, problem: string): RedisError =>
  new RedisError({
    reason: new ConnectionFailed({ problem }),
    delivery: "NotSent",
    node: address.key,
    attempts: 0
  })

/** Waits until the node can be reached: at once, after its latency, or when a cut is mended. */
const reach = (world: FakeWorld, address: Address): Effect.Effect<FakeNode, RedisError> =>
  Effect.callback<FakeNode, RedisError>((resume) => {
    const attempt = (): void => {
      const node = address._tag === "Tcp" ? world.at(address.host, address.port) : undefined
      if (node === undefined) return resume(Effect.fail(failed(address, "no simulated node has this address")))
      if (world.isCut("client", node.name)) return
      world.connecting.delete(attempt)
      if (node.process === "stopped") return resume(Effect.fail(failed(address, "the connection was refused")))
      resume(node.latency === 0 ? Effect.succeed(node) : Effect.as(Effect.sleep(node.latency), node))
    }
    world.connecting.add(attempt)
    attempt()
    return Effect.sync(() => {
      world.connecting.delete(attempt)
    })
  })

/** The transports of a world. */
export const makeConnector = (world: FakeWorld): Connector.Connector["Service"] => {
  let port = 40_000
  return Connector.Connector.of({
    secure: world.settings.profile.secure,
    // All microtasks run before TestClock goes on to the next sleeper, so that runs repeat.
    soon: queueMicrotask,
    open: (address, listener) =>
      Effect.flatMap(reach(world, address), (node) =>
        Effect.map(
          Effect.acquireRelease(
            Effect.sync((): ClientSession => {
              const peer: Peer = {
                address: `127.0.0.1:${++port}`,
                onData: listener.onData,
                onClose: (problem) => listener.onClose(problem)
              }
              return node.connect(peer)
            }),
            (session) => Effect.sync(() => session.hangUp())
          ),
          (session): Connector.Transport => ({
            write: (chunks) => {
              for (const chunk of chunks) session.receive(chunk)
              return true
            }
          })
        ))
  })
}
