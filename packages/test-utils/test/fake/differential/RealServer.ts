/**
 * A real server of its own, and connections to it that show each reply as it is on the wire. All that waits for the server
 * fails when it dies, with the end of its log.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import { mkdir, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import type { Socket } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { findServer, freePort, logTail, makeFolder, startServer } from "../../../src/internal/serverProcess.ts"
import type { Server, ServerProcess } from "../../../src/internal/serverProcess.ts"
import type { Wire } from "../commands/harness.ts"

/** Reads one reply, or undefined when it is not all there. Nothing is interpreted but lengths. */
const parse = (bytes: Buffer, from: number): readonly [Wire, number] | undefined => {
  const end = bytes.indexOf("\r\n", from)
  if (end < 0) return undefined
  const sign = String.fromCharCode(bytes[from])
  const head = bytes.toString("latin1", from + 1, end)
  if ("+-:_,#(".includes(sign)) return [{ sign, text: head }, end + 2]
  if (head === "-1") return [{ sign, text: "-1\r" }, end + 2]
  const length = Number(head)
  if ("$=!".includes(sign)) {
    const stop = end + 2 + length
    return stop + 2 > bytes.length ? undefined : [{ sign, text: bytes.toString("latin1", end + 2, stop) }, stop + 2]
  }
  const items: Array<Wire> = []
  let at = end + 2
  for (let left = sign === "%" || sign === "|" ? length * 2 : length; left > 0; left--) {
    const item = parse(bytes, at)
    if (item === undefined) return undefined
    items.push(item[0])
    at = item[1]
  }
  return [{ sign, text: "", items }, at]
}

const encode = (argv: ReadonlyArray<string>): string =>
  `*${argv.length}\r\n${argv.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`

/** A connection to the real server: replies in the order of the commands, pushes and messages apart. */
export class Connection {
  readonly pushed: Array<Wire> = []
  /** Everything, in the order in which it came. */
  readonly seen: Array<Wire> = []
  private readonly socket: Socket
  private readonly waiting: Array<(reply: Wire) => void> = []
  private readonly watching = new Set<() => void>()
  private readonly lost: Promise<never>
  private rest: Buffer = Buffer.alloc(0)

  /** `reasonOf` tells why a connection that nobody closed is gone. */
  constructor(socket: Socket, reasonOf: () => Promise<string>) {
    this.socket = socket
    this.lost = new Promise((_, reject) => {
      socket.once("close", () => void reasonOf().then((reason) => reject(new Error(reason))))
    })
    // Who waits is told; if nobody does, it is nobody's concern.
    this.lost.catch(() => {})
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      this.rest = Buffer.concat([this.rest, chunk])
      for (let read = parse(this.rest, 0); read !== undefined; read = parse(this.rest, 0)) {
        this.rest = this.rest.subarray(read[1])
        this.seen.push(read[0])
        if (read[0].sign === ">") this.pushed.push(read[0])
        else this.waiting.shift()?.(read[0])
      }
      for (const look of this.watching) look()
    })
  }

  send(argv: ReadonlyArray<string>): Promise<Wire> {
    const reply = new Promise<Wire>((resolve) => this.waiting.push(resolve))
    this.socket.write(encode(argv), "latin1")
    return this.orLost(reply)
  }

  /** Sends several commands in one write, and does not wait for the replies. */
  sendTogether(commands: ReadonlyArray<ReadonlyArray<string>>): void {
    for (const _ of commands) this.waiting.push(() => {})
    this.socket.write(commands.map(encode).join(""), "latin1")
  }

  /** Waits until what has come satisfies a condition. */
  async until(condition: () => boolean): Promise<void> {
    let look = () => {}
    const met = new Promise<void>((resolve) => {
      look = () => {
        if (condition()) resolve()
      }
    })
    this.watching.add(look)
    look()
    await this.orLost(met).finally(() => this.watching.delete(look))
  }

  close(): void {
    this.socket.destroy()
  }

  /** Runs the callback when the server closes the connection. */
  onClose(callback: () => void): void {
    this.socket.once("end", callback)
  }

  private orLost<A>(promise: Promise<A>): Promise<A> {
    const first = Promise.race([promise, this.lost])
    first.catch(() => {})
    return first
  }
}

/** A server process of its own, with a folder of its own. */
export class RealServer {
  readonly kind: Server["kind"]
  readonly version: string
  readonly pid: number
  private readonly process: ServerProcess
  private readonly folder: string
  readonly port: number
  private readonly scope: Scope.Closeable

  private constructor(server: Server, process: ServerProcess, folder: string, port: number, scope: Scope.Closeable) {
    this.kind = server.kind
    this.version = server.version
    this.pid = process.pid
    this.process = process
    this.folder = folder
    this.port = port
    this.scope = scope
  }

  /** `settings` are directives of `redis.conf`, and what follows them. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<RealServer> {
    const scope = Scope.makeUnsafe()
    const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Scope.provide(effect, scope))
    try {
      const server = await run(findServer(undefined))
      const port = await run(freePort)
      const folder = join(await run(makeFolder), "server")
      await mkdir(folder)
      const lines = { port: `${port}`, bind: "127.0.0.1", save: "\"\"", appendonly: "no", ...settings }
      await writeFile(
        join(folder, "redis.conf"),
        Object.entries(lines).map(([name, value]) => `${name} ${value}\n`).join("")
      )
      const process = startServer(server, folder)
      await run(Effect.addFinalizer(() => {
        process.signal("SIGKILL")
        return process.exited
      }))
      const started = new RealServer(server, process, folder, port, scope)
      ;(await started.connected()).destroy()
      return started
    } catch (error) {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      throw error
    }
  }

  /** A cluster of one node, which owns all slots. */
  static async startCluster(): Promise<RealServer> {
    const server = await RealServer.start({ "cluster-enabled": "yes" })
    const connection = await server.connection(2)
    await connection.send(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])
    while (!(await connection.send(["CLUSTER", "INFO"])).text.startsWith("cluster_state:ok")) await sleep(20)
    connection.close()
    return server
  }

  async connection(protocol: 2 | 3): Promise<Connection> {
    const connection = new Connection(await this.connected(), () => this.reason())
    await connection.send(["HELLO", String(protocol)])
    return connection
  }

  async stop(): Promise<void> {
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
  }

  private async connected(): Promise<Socket> {
    while (true) {
      const socket = connect(this.port, "127.0.0.1")
      try {
        await once(socket, "connect")
        return socket
      } catch {
        socket.destroy()
        if (this.process.hasExited()) throw new Error(await this.reason())
        await sleep(20)
      }
    }
  }

  private async reason(): Promise<string> {
    // A process that dies closes its connections a moment before it is gone.
    await Effect.runPromise(Effect.timeoutOption(this.process.exited, "500 millis"))
    const what = this.process.hasExited() ? "the server has ended" : "the connection is closed"
    return `${what} (${this.kind} ${this.version}):\n${await Effect.runPromise(logTail(this.folder))}`
  }
}
