/** When sentinels tell of a new primary. */
import * as Net from "node:net"
import { encode, ReplyReader } from "../cluster/wire.ts"

/** The times at which any of the sentinels has told of one so far, in milliseconds since 1970. It goes on as long as they live. */
export const listen = (ports: ReadonlyArray<number>): ReadonlyArray<number> => {
  const times: Array<number> = []
  for (const port of ports) {
    const socket = Net.connect(port, "127.0.0.1")
    socket.on("error", () => {})
    socket.unref()
    const reader = new ReplyReader((text) => {
      // The message has the name of the primary and two addresses; the confirmation of the subscription has none.
      if (/^\S+ \S+ \d+ \S+ \d+$/.test(text)) times.push(Date.now())
    })
    socket.on("data", (chunk) => reader.push(Buffer.from(chunk)))
    socket.write(encode(["SUBSCRIBE", "+switch-master"]))
  }
  return times
}
