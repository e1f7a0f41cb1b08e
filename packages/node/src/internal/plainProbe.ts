/**
 * Finds out what a server speaks that does not answer the TLS handshake. A Redis port without TLS takes it for the begin of a
 * command, and waits for the rest for ever.
 */
import type { Address } from "@redisc/core/Address"
import * as Effect from "effect/Effect"
import * as Net from "node:net"

const speaks: ReadonlyArray<readonly [begins: RegExp, what: string]> = [
  // What Redis answers to PING: PONG, or that somebody has to log in first.
  [/^(\+PONG|-[A-Z]+ )/, "speaks Redis without TLS; leave out tls, or give the server's tls-port"],
  [/^HTTP\//, "speaks HTTP without TLS; give the port of a Redis server"]
]

/** Sends PING without TLS. Completes with what the server speaks, or never. */
export const plainSpeech = (address: Address): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let heard = ""
    const socket = Net.connect(
      address._tag === "Tcp" ? { host: address.host, port: address.port } : { path: address.path },
      () => socket.write("PING\r\n")
    )
    socket.on("error", () => {})
    socket.on("data", (bytes) => {
      heard = (heard + bytes.toString("latin1")).slice(0, 64)
      const what = speaks.find(([begins]) => begins.test(heard))?.[1]
      if (what !== undefined) resume(Effect.succeed(what))
    })
    return Effect.sync(() => socket.destroy())
  })
