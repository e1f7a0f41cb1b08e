import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { makeCertificates } from "./certificates.ts"
import type { Certificates } from "./certificates.ts"
import { send } from "./wire.ts"

const slots = 16_384
const patience = 20_000

/** The distance from a node's port to the port of its cluster bus. */
const busOffset = 10_000

export type Over = "tcp" | "tls"

/** The information about a cluster that a client needs. */
export interface Nodes {
  /** Ports of 127.0.0.1. */
  readonly ports: ReadonlyArray<number>
  /** The authority to trust, in PEM, if the ports are for TLS. */
  readonly ca: string | undefined
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = Net.createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    if (!ports.has(port) && await isFree(port) && await isFree(port + busOffset)) ports.add(port)
  }
  return Array.from(ports)
}

const command = async (port: number, ...args: ReadonlyArray<string>): Promise<string> => {
  const [reply] = await send(port, [args])
  return reply
}

const until = async (what: string, done: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + patience
  while (!await done().catch(() => false)) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await sleep(10)
  }
}

/** Primaries on loopback that store nothing on disk, in a folder that is removed with them. */
export class Cluster {
  readonly ports: ReadonlyArray<number>
  /** The ports on which the same nodes use TLS, if they do. */
  private readonly securePorts: ReadonlyArray<number>
  private readonly certificates: Certificates | undefined
  private readonly folder: string
  private readonly servers: Array<ChildProcess>
  /** The ports of the replicas, in the order of their primaries. */
  private replicas: ReadonlyArray<number> = []
  private readonly more: Readonly<Record<string, string>>

  private constructor(
    ports: ReadonlyArray<number>,
    securePorts: ReadonlyArray<number>,
    more: Readonly<Record<string, string>>
  ) {
    this.ports = ports
    this.securePorts = securePorts
    this.more = more
    this.folder = mkdtempSync(join(tmpdir(), "redisc-bench-"))
    this.certificates = securePorts.length === 0 ? undefined : makeCertificates(this.folder)
    this.servers = ports.map((port, index) => this.serve(port, securePorts[index]))
    process.on("exit", this.kill)
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1))
  }

  /** Starts the servers. `more` are further settings. With `secure`, they also listen on ports for TLS. */
  static async start(
    primaries: number,
    more: Readonly<Record<string, string>> = {},
    secure = false
  ): Promise<Cluster> {
    const free = await freePorts(secure ? 2 * primaries : primaries)
    const cluster = new Cluster(free.slice(0, primaries), free.slice(primaries), more)
    try {
      await cluster.join()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** Gives each primary a replica. */
  async replicate(): Promise<void> {
    const { ports } = this
    this.replicas = await freePorts(ports.length)
    for (const port of this.replicas) {
      this.servers.push(this.serve(port, undefined))
      await until(`127.0.0.1:${port}`, async () => await command(port, "PING") === "PONG")
      await command(port, "CLUSTER", "MEET", "127.0.0.1", `${ports[0]}`)
    }
    await this.agree([...ports, ...this.replicas])
    for (const [index, port] of ports.entries()) {
      await command(this.replicas[index], "CLUSTER", "REPLICATE", await command(port, "CLUSTER", "MYID"))
    }
    await until("the replicas", async () => {
      const views = await Promise.all(this.replicas.map((port) => command(port, "INFO", "replication")))
      return views.every((view) => view.includes("master_link_status:up"))
    })
  }

  /** Waits until the replica of a primary has taken its place. */
  async promoted(index: number): Promise<void> {
    const isPrimary = async () => (await command(this.replicas[index], "INFO", "replication")).includes("role:master")
    await until("a promotion", isPrimary)
  }

  /** Ends the server of a node, or stops it so that it is silent. */
  lose(index: number, how: "kill" | "freeze"): void {
    this.servers[index].kill(how === "kill" ? "SIGKILL" : "SIGSTOP")
  }

  nodes(over: Over): Nodes {
    return over === "tcp"
      ? { ports: this.ports, ca: undefined }
      : { ports: this.securePorts, ca: this.certificates?.ca }
  }

  private serve(port: number, securePort: number | undefined): ChildProcess {
    const dir = join(this.folder, `${port}`)
    mkdirSync(dir)
    const settings = {
      port: `${port}`,
      bind: "127.0.0.1",
      dir,
      save: "",
      appendonly: "no",
      daemonize: "no",
      logfile: join(dir, "log"),
      "cluster-enabled": "yes",
      ...(securePort === undefined ? {} : { "tls-port": `${securePort}`, ...this.certificates?.settings }),
      ...this.more
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    const server = spawn(process.env["REDIS_SERVER"] ?? "redis-server", args, { stdio: "ignore" })
    server.on("error", (error) => {
      console.error(`bench: redis-server can't be started: ${error.message}`)
      process.exit(1)
    })
    return server
  }

  private async join(): Promise<void> {
    const { ports } = this
    // If nodes use TLS between them, they meet at the TLS ports, and the ports of their bus are relative to those.
    const [meetingPoint] = this.securePorts.length === 0 ? ports : this.securePorts
    for (const [index, port] of ports.entries()) {
      await until(`127.0.0.1:${port}`, async () => await command(port, "PING") === "PONG")
      const first = Math.ceil(slots * index / ports.length)
      const end = Math.ceil(slots * (index + 1) / ports.length)
      const own = Array.from({ length: end - first }, (_, offset) => `${first + offset}`)
      await command(port, "CLUSTER", "SET-CONFIG-EPOCH", `${index + 1}`)
      await command(port, "CLUSTER", "ADDSLOTS", ...own)
      if (index > 0) await command(port, "CLUSTER", "MEET", "127.0.0.1", `${meetingPoint}`)
    }
    await this.agree(ports)
  }

  private agree(ports: ReadonlyArray<number>): Promise<void> {
    return until("the nodes to agree", async () => {
      const views = await Promise.all(ports.map((port) => command(port, "CLUSTER", "INFO")))
      return views.every((view) =>
        view.includes("cluster_state:ok") && view.includes(`cluster_known_nodes:${ports.length}\r\n`)
      )
    })
  }

  private readonly kill = (): void => {
    for (const server of this.servers) server.kill("SIGKILL")
    rmSync(this.folder, { recursive: true, force: true })
  }

  async stop(): Promise<void> {
    const alive = this.servers.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    const gone = Promise.all(alive.map((server) => new Promise((resolve) => server.once("exit", resolve))))
    for (const server of alive) server.kill("SIGTERM")
    await Promise.race([gone, sleep(2000, undefined, { ref: false })])
    this.kill()
    process.off("exit", this.kill)
  }
}
