import * as Net from "node:net"

/** Encodes a command for the wire. Arguments are ASCII. */
export const encode = (args: ReadonlyArray<string>): string => {
  let text = `*${args.length}\r\n`
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`
  return text
}

/** Reads simple strings, errors, integers and bulk strings as ASCII text. It does not know aggregates. */
export class ReplyReader {
  private rest: Buffer | undefined
  /** A bulk string that has arrived only in part, with its end of line, and the number of its bytes so far. */
  private bulk: Buffer | undefined
  private filled = 0
  private readonly onReply: (reply: string) => void

  constructor(onReply: (reply: string) => void) {
    this.onReply = onReply
  }

  push(chunk: Buffer): void {
    const taken = this.bulk === undefined ? 0 : this.fill(this.bulk, chunk)
    if (taken === chunk.length) return
    const fresh = taken === 0 ? chunk : chunk.subarray(taken)
    const data = this.rest === undefined ? fresh : Buffer.concat([this.rest, fresh])
    this.rest = undefined
    const end = data.length
    let at = 0
    while (at < end) {
      const isBulk = data[at] === 0x24
      let line = at + 1
      let length = 0
      while (line < end && data[line] !== 0x0d) {
        length = length * 10 + data[line] - 0x30
        line++
      }
      const body = line + 2
      if (isBulk && body <= end && body + length + 2 > end) {
        this.bulk = Buffer.allocUnsafe(length + 2)
        this.filled = data.copy(this.bulk, 0, body)
        return
      }
      const last = isBulk ? body + length : line
      if (last + 2 > end) {
        // A copy, because the memory of the chunk will be overwritten.
        this.rest = Buffer.from(data.subarray(at))
        return
      }
      const text = data.toString("latin1", isBulk ? body : at + 1, last)
      at = last + 2
      this.onReply(text)
    }
  }

  /** Returns the number of bytes of the chunk that belonged to the bulk string. */
  private fill(bulk: Buffer, chunk: Buffer): number {
    const taken = chunk.copy(bulk, this.filled)
    this.filled += taken
    if (this.filled === bulk.length) {
      this.bulk = undefined
      this.onReply(bulk.toString("latin1", 0, bulk.length - 2))
    }
    return taken
  }
}

/** Sends commands over a connection of its own and collects the replies. Only for work that is not measured. */
export const send = (port: number, commands: ReadonlyArray<ReadonlyArray<string>>): Promise<ReadonlyArray<string>> =>
  new Promise((resolve, reject) => {
    if (commands.length === 0) return resolve([])
    const replies: Array<string> = []
    const socket = Net.connect({ host: "127.0.0.1", port })
    const reader = new ReplyReader((reply) => {
      replies.push(reply)
      if (replies.length === commands.length) {
        socket.destroy()
        resolve(replies)
      }
    })
    socket.on("error", reject)
    socket.on("close", () => reject(new Error(`127.0.0.1:${port} closed the connection`)))
    socket.on("data", (chunk) => reader.push(chunk as Buffer))
    socket.write(commands.map(encode).join(""))
  })
