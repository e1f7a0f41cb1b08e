import { encode } from "../cluster/wire.ts"
import { checkReply, dataOf, indexOf, isSampled, isWrite } from "../work/data.ts"
import { ownerOf } from "../work/fill.ts"
import type { Client, Open, Subscribe } from "./client.ts"
import { connect, Line } from "./line.ts"
import { fromPromises } from "./promises.ts"

/** The limit that the wire allows: no routing except a table of the keys, no errors, no reconnection, no promises. */
const callbacks = (lines: ReadonlyArray<Line>): Client => ({
  prepare: ({ loops, operation, perLoop, shape, size }) => {
    const data = dataOf(size)
    const { keys, values } = data
    const lineOf = keys.map((key) => lines[ownerOf(key, lines.length)])
    // Bare sockets have no batches. A batch runs as loops that send one command each.
    const [all, each] = shape === "loops" ? [loops, perLoop] : [perLoop, 1]
    const startLoop = (loop: number, done: (error?: unknown) => void): void => {
      let n = 0
      let index = 0
      let write = false
      const next = (): void => {
        if (n === each) return done()
        index = indexOf(data, loop, n)
        write = isWrite(operation, loop, n)
        lineOf[index].send(encode(write ? ["SET", keys[index], values[index]] : ["GET", keys[index]]), onReply)
      }
      const onReply = (reply: string): void => {
        try {
          if (isSampled(loop, n)) checkReply(data, write, index, reply)
        } catch (error) {
          return done(error)
        }
        n++
        next()
      }
      next()
    }
    return () =>
      new Promise((resolve, reject) => {
        let running = all
        for (let loop = 0; loop < all; loop++) {
          startLoop(loop, (error) => {
            if (error !== undefined) reject(error)
            else if (--running === 0) resolve()
          })
        }
      })
  },
  close: async () => {
    for (const line of lines) line.close()
  }
})

/** The same sockets, but with a promise for each reply. */
const promises = (lines: ReadonlyArray<Line>): Client => {
  const known = new Map<string, Line>()
  const lineOf = (key: string): Line => {
    let line = known.get(key)
    if (line === undefined) {
      line = lines[ownerOf(key, lines.length)]
      known.set(key, line)
    }
    return line
  }
  const send = (key: string, args: ReadonlyArray<string>): Promise<string> =>
    new Promise((resolve) => lineOf(key).send(encode(args), resolve))
  return fromPromises({
    get: (key) => send(key, ["GET", key]),
    set: (key, value) => send(key, ["SET", key, value]),
    close: async () => {
      for (const line of lines) line.close()
    }
  })
}

export const open = (how: "callbacks" | "promises"): Open => async ({ ca, ports }) => {
  const lines = ports.map((port) => new Line(port, ca))
  return how === "callbacks" ? callbacks(lines) : promises(lines)
}

/** Relies on the length of the messages, which is known, and makes a string of each payload. */
export const subscribe: Subscribe = ({ ca, ports: [port] }, channel, hear) =>
  new Promise((resolve, reject) => {
    const socket = connect(port, ca)
    socket.on("error", reject)
    socket.write(encode(["SUBSCRIBE", channel]))
    const head = `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$100\r\n`.length
    const size = head + 102
    let rest: Buffer = Buffer.alloc(0)
    socket.once("data", () => {
      resolve()
      socket.on("data", (chunk) => {
        const data = rest.length === 0 ? chunk as Buffer : Buffer.concat([rest, chunk as Buffer])
        let at = 0
        for (; at + size <= data.length; at += size) hear(data.toString("latin1", at + head, at + head + 100))
        rest = data.subarray(at)
      })
    })
  })
