/**
 * Sends the same commands to a real server and to the simulated one, and compares the replies as they are on the wire,
 * in RESP2 and in RESP3, and the keyspace events that they cause. Where they differ, the real one is right.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer } from "node:net"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { seeded, Server, show, words } from "../commands/harness.ts"
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
class Connection {
  readonly pushed: Array<Wire> = []
  /** Everything, in the order in which it came. */
  readonly seen: Array<Wire> = []
  private readonly socket: Socket
  private readonly waiting: Array<(reply: Wire) => void> = []
  private rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      this.rest = Buffer.concat([this.rest, chunk])
      for (let read = parse(this.rest, 0); read !== undefined; read = parse(this.rest, 0)) {
        this.rest = this.rest.subarray(read[1])
        this.seen.push(read[0])
        if (read[0].sign === ">") this.pushed.push(read[0])
        else this.waiting.shift()?.(read[0])
      }
    })
  }

  send(argv: ReadonlyArray<string>): Promise<Wire> {
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      this.socket.write(encode(argv), "latin1")
    })
  }

  close(): void {
    this.socket.destroy()
  }
}

const connected = async (port: number): Promise<Socket> => {
  for (let tries = 0;; tries++) {
    const socket = connect(port, "127.0.0.1")
    try {
      await once(socket, "connect")
      return socket
    } catch (error) {
      socket.destroy()
      if (tries === 250) throw error
      await sleep(20)
    }
  }
}

const freePort = async (): Promise<number> => {
  const probe = createServer()
  probe.listen(0, "127.0.0.1")
  await once(probe, "listening")
  const { port } = probe.address() as { readonly port: number }
  probe.close()
  await once(probe, "close")
  return port
}

/** A server process of its own, with a folder of its own. */
export class RealServer {
  private readonly process: ChildProcess
  private readonly folder: string
  private readonly port: number

  private constructor(process: ChildProcess, folder: string, port: number) {
    this.process = process
    this.folder = folder
    this.port = port
  }

  static async start(options: ReadonlyArray<string> = []): Promise<RealServer> {
    const port = await freePort()
    const folder = await mkdtemp(join(tmpdir(), "redisc-differential-"))
    const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    const path = process.env.REDIS_SERVER ?? "redis-server"
    const server = spawn(path, [...settings, ...options], { stdio: "ignore" })
    server.once("error", () => {})
    ;(await connected(port)).destroy()
    return new RealServer(server, folder, port)
  }

  /** A cluster of one node, which owns all slots. */
  static async startCluster(): Promise<RealServer> {
    const bus = await freePort()
    const server = await RealServer.start(["--cluster-enabled", "yes", "--cluster-port", `${bus}`])
    const connection = await server.connection(2)
    await connection.send(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])
    while (!(await connection.send(["CLUSTER", "INFO"])).text.startsWith("cluster_state:ok")) await sleep(20)
    connection.close()
    return server
  }

  async connection(protocol: 2 | 3): Promise<Connection> {
    const connection = new Connection(await connected(this.port))
    await connection.send(["HELLO", String(protocol)])
    return connection
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.kill("SIGKILL")) await once(this.process, "exit")
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Picks from lists by a seed. */
export interface Dice {
  /** From 0 to below 1. */
  readonly next: () => number
  /** An integer from 0 to below `limit`. */
  readonly below: (limit: number) => number
  readonly one: <T>(from: ReadonlyArray<T>) => T
  /** From `min` to `max` items, each picked anew. */
  readonly some: <T>(from: ReadonlyArray<T>, min: number, max: number) => ReadonlyArray<T>
  readonly maybe: <T>(chance: number, ...items: ReadonlyArray<T>) => ReadonlyArray<T>
}

export const dice = (seed: number): Dice => {
  const next = seeded(seed)
  const below = (limit: number) => Math.floor(next() * limit)
  const one = <T>(from: ReadonlyArray<T>): T => from[below(from.length)]
  return {
    next,
    below,
    one,
    some: (from, min, max) => Array.from({ length: min + below(max - min + 1) }, () => one(from)),
    maybe: (chance, ...items) => next() < chance ? items : []
  }
}

/** Commands as lines (words divided by blanks, `''` empty) or as lists of words. */
export type Commands = ReadonlyArray<string | ReadonlyArray<string>>

const sorted = (items: ReadonlyArray<Wire>, width: number): ReadonlyArray<Wire> => {
  const groups: Array<ReadonlyArray<Wire>> = []
  for (let i = 0; i < items.length; i += width) groups.push(items.slice(i, i + width))
  const text = (group: ReadonlyArray<Wire>) => group.map(show).join(" ")
  return groups.sort((a, b) => text(a) < text(b) ? -1 : 1).flat()
}

/** The reply with its items sorted, by groups of `width`. */
export const unordered = (reply: Wire, width = 1): Wire =>
  reply.items === undefined ? reply : { ...reply, items: sorted(reply.items, width) }

/** The reply without its contents, for what is random: its type and how much there is of it. */
export const shape = (reply: Wire): Wire =>
  reply.items === undefined
    ? { sign: reply.sign, text: reply.sign === "-" ? reply.text : "" }
    : { ...reply, items: reply.items.map(shape) }

export interface Options {
  /** Commands for both servers, the same for every run. */
  readonly commands: (dice: Dice) => Commands
  /** Makes replies comparable whose order or content is open. */
  readonly normalise?: (argv: ReadonlyArray<string>, reply: Wire, protocol: 2 | 3) => Wire
  /** Whether keyspace events are compared too. Default true. */
  readonly events?: boolean
  readonly seed?: number
  /** Compares with a node of a cluster. All keys of a command have to be in one slot then. */
  readonly cluster?: boolean
}

/** Defines the tests of a group. */
export const differential = (
  group: string,
  { cluster = false, commands, events = true, normalise, seed = 7 }: Options
): void => {
  const byDefault = (reply: Wire): Wire => reply.sign === "~" ? unordered(reply) : reply
  describe(`${group} on a real server`, () => {
    let real: RealServer
    beforeAll(async () => {
      real = await (cluster ? RealServer.startCluster() : RealServer.start())
    }, 20_000)
    afterAll(() => real?.stop())

    for (const protocol of [2, 3] as const) {
      it(`replies the same in RESP${protocol}`, { timeout: 60_000 }, async () => {
        const connection = await real.connection(protocol)
        const watcher = await real.connection(3)
        await connection.send(["FLUSHALL"])
        await watcher.send(["CONFIG", "SET", "notify-keyspace-events", events ? "KEA" : ""])
        void watcher.send(["PSUBSCRIBE", "__keyevent@0__:*"])
        const fake = new Server({ now: Date.now() })
        const client = fake.client(protocol)
        const lines = commands(dice(seed)).map(words)
        const replies = await Promise.all(lines.map((argv) => connection.send(argv)))
        const differences: Array<string> = []
        lines.forEach((argv, index) => {
          const text = (reply: Wire | undefined) =>
            reply === undefined ? "no reply" : show(byDefault(normalise?.(argv, reply, protocol) ?? reply))
          const right = text(replies[index])
          const ours = text(client.send(argv))
          if (right !== ours) differences.push(`${index}: ${argv.join(" ")}\n  real ${right}\n  fake ${ours}`)
        })
        assert.deepStrictEqual(differences.slice(0, 20), [], `${differences.length} of ${lines.length} differ`)
        if (events) {
          // Events are delivered before the reply of a later command of the same server.
          const marker = await real.connection(2)
          await marker.send(["PUBLISH", "__keyevent@0__:end", ""])
          while (!watcher.pushed.some(({ items }) => items?.[2]?.text === "__keyevent@0__:end")) await sleep(5)
          marker.close()
          const told = watcher.pushed.filter(({ items }) => items?.[0]?.text === "pmessage").slice(0, -1)
          const right = told.map(({ items }) => `${items![2].text.slice("__keyevent@0__:".length)} ${items![3].text}`)
          assert.deepStrictEqual(fake.events, right)
        }
        watcher.close()
        connection.close()
      })
    }
  })
}
