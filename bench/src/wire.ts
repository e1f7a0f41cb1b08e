import * as Net from "node:net"

/** A command as it goes over the wire. Arguments are ASCII. */
export const encode = (args: ReadonlyArray<string>): string => {
  let text = `*${args.length}\r\n`
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`
  return text
}

/** Reads simple strings, errors, integers and bulk strings, all of them as ASCII text; knows no aggregates. */
export class ReplyReader {
  private rest: Buffer | undefined
  private readonly onReply: (reply: string) => void

  constructor(onReply: (reply: string) => void) {
    this.onReply = onReply
  }

  push(chunk: Buffer): void {
    const data = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk])
    const end = data.length
    let at = 0
    while (at < end) {
      const bulk = data[at] === 0x24
      let line = at + 1
      let length = 0
      while (line < end && data[line] !== 0x0d) {
        length = length * 10 + data[line] - 0x30
        line++
      }
      const last = bulk ? line + 2 + length : line
      if (last + 2 > end) break
      const text = data.toString("latin1", bulk ? line + 2 : at + 1, last)
      at = last + 2
      this.onReply(text)
    }
    // The chunk's memory is read into again.
    this.rest = at < end ? Buffer.from(data.subarray(at)) : undefined
  }
}

/** Sends commands over a connection of their own and collects the replies. For what is not measured. */
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
