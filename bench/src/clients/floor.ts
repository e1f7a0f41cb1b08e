import * as Net from "node:net"
import type { Open } from "../clients.ts"
import { checkReply, indexOf, isSampled, keys, values } from "../data.ts"
import { owners } from "../fill.ts"
import { encode, ReplyReader } from "../wire.ts"
import type { Workload } from "../workloads.ts"

type OnReply = (reply: string) => void

/** One socket. What all sockets' replies of one turn of the event loop lead to goes out in one write. */
class Line {
  private readonly socket: Net.Socket
  private out = ""
  private waiting: Array<OnReply> = []
  private head = 0

  constructor(port: number) {
    const reader = new ReplyReader((reply) => {
      const onReply = this.waiting[this.head++]
      if (this.head === this.waiting.length) {
        this.waiting = []
        this.head = 0
      }
      onReply(reply)
    })
    const callback = (size: number, buffer: Uint8Array): boolean => {
      reader.push(buffer.subarray(0, size) as Buffer)
      return true
    }
    const buffer = Buffer.allocUnsafeSlow(64 * 1024)
    this.socket = Net.connect({ host: "127.0.0.1", port, noDelay: true, onread: { buffer, callback } })
  }

  send(command: string, onReply: OnReply): void {
    if (this.out === "") setImmediate(this.flush)
    this.out += command
    this.waiting.push(onReply)
  }

  private readonly flush = (): void => {
    this.socket.write(this.out, "latin1")
    this.out = ""
  }

  close(): void {
    this.socket.destroy()
  }
}

const commandOf = (operation: "get" | "set", index: number): string =>
  operation === "get" ? encode(["GET", keys[index]]) : encode(["SET", keys[index], values[index]])

/** What the wire allows: no routing but a table of the keys, no errors, no reconnection, no promises. */
export const open: Open = async (ports) => {
  const lines = ports.map((port) => new Line(port))
  const lineOf = owners(ports.length).map((node) => lines[node])

  const startLoop = (
    { operation, perLoop }: Pick<Workload, "operation" | "perLoop">,
    loop: number,
    done: (error?: unknown) => void
  ): void => {
    let n = 0
    let index = 0
    const next = (): void => {
      if (n === perLoop) return done()
      index = indexOf(loop, n)
      lineOf[index].send(commandOf(operation, index), onReply)
    }
    const onReply = (reply: string): void => {
      try {
        if (isSampled(loop, n)) checkReply(operation, index, reply)
      } catch (error) {
        return done(error)
      }
      n++
      next()
    }
    next()
  }

  return {
    run: ({ shape, ...given }) =>
      new Promise((resolve, reject) => {
        // To bare sockets a batch is as many loops that send one command each.
        const work = shape === "loops" ? given : { ...given, loops: given.perLoop, perLoop: 1 }
        let running = work.loops
        for (let loop = 0; loop < work.loops; loop++) {
          startLoop(work, loop, (error) => {
            if (error !== undefined) reject(error)
            else if (--running === 0) resolve()
          })
        }
      }),
    close: async () => {
      for (const line of lines) line.close()
    }
  }
}
