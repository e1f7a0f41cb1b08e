/** When sentinels tell of a new primary, heard from themselves and not by way of the client under test. */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import type { RealSentinel } from "../../src/index.ts"

export interface Switch {
  /** In milliseconds since 1970. */
  readonly at: number
  /** The port of the new primary. */
  readonly port: number
}

const told = /\+switch-master\r\n\$\d+\r\n\S+ \S+ \d+ \S+ (\d+)\r\n/g

const hear = (port: number, switches: Array<Switch>) =>
  Effect.callback<Net.Socket>((resume) => {
    const socket = Net.connect(port, "127.0.0.1")
    let heard = ""
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      heard += chunk
      if (heard.includes("\r\nsubscribe\r\n")) resume(Effect.succeed(socket))
      heard = heard.replaceAll(told, (_, port) => {
        switches.push({ at: Date.now(), port: Number(port) })
        return ""
      })
    })
    socket.write("SUBSCRIBE +switch-master\r\n")
  })

/** Listens to the running sentinels of a group for as long as the scope is open. */
export const listen = Effect.fnUntraced(function*(sentinels: ReadonlyArray<RealSentinel.ServerNode>) {
  const switches: Array<Switch> = []
  yield* Effect.forEach(
    sentinels,
    ({ address }) =>
      Effect.acquireRelease(
        hear(address.port, switches),
        (socket) => Effect.sync(() => void socket.destroy())
      )
  )
  return switches
})
