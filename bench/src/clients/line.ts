import * as Net from "node:net"
import * as Tls from "node:tls"
import { ReplyReader } from "../cluster/wire.ts"

export type OnReply = (reply: string) => void

/** Connects a socket to a node, over TLS if there is an authority to trust. */
export const connect = (port: number, ca: string | undefined, onread?: Net.OnReadOpts): Net.Socket => {
  const target = { host: "127.0.0.1", port, ...(onread === undefined ? {} : { onread }) }
  const socket = ca === undefined ? Net.connect(target) : Tls.connect({ ...target, ca })
  return socket.setNoDelay(true)
}

/**
 * One socket. All commands that are sent in response to the replies of one turn of the event loop, whichever socket received
 * these, go out in one write per socket.
 */
export class Line {
  private readonly socket: Net.Socket
  private out = ""
  private waiting: Array<OnReply> = []
  private head = 0

  constructor(port: number, ca: string | undefined) {
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
    this.socket = connect(port, ca, { buffer: Buffer.allocUnsafeSlow(64 * 1024), callback })
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
