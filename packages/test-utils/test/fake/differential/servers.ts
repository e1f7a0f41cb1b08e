/**
 * Lets connections to whole servers without cluster mode, a primary and its replica, do the same in turn on real ones and on
 * simulated ones, and compares all that each of them is sent, step by step.
 */
import { FakeRedis } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { show, words } from "../commands/harness.ts"
import type { Wire } from "../commands/harness.ts"
import { Connection, RealServer } from "./RealServer.ts"

/**
 * `"a: SET k v"`: what the connection `a` says to the primary; `"b@1: GET k"`: what `b` says to the replica. `$0` and `$1` stand
 * for host and port of the two, `$id:a` for the id of the connection `a`. Commands with
 * ` ; ` between them are sent in one write. Behind a bar are the names of the lines of INFO that are compared. A list has the words of the
 * command behind its name.
 */
export type Step = string | readonly [command: string, ...words: ReadonlyArray<string>]

interface Parsed {
  readonly name: string
  readonly server: number
  readonly command: string
  readonly commands: ReadonlyArray<ReadonlyArray<string>>
  readonly lines: ReadonlyArray<string> | undefined
}

/** The ids of the connections by their names. */
type Ids = ReadonlyMap<string, string>

const parse = (step: Step, ports: Pair["ports"], ids: Ids): Parsed => {
  const [line, ...others] = typeof step === "string" ? [step] : step
  const [, name, server, text] = /^(\w+)(?:@(\d))?: (.*)$/s.exec(line)!
  const [command, lines] = text.split(" | ")
  const addressed = command.replace(/\$(\d)/g, (_, index: string) => `127.0.0.1 ${ports[Number(index)]}`)
    .replace(/\$id:(\w+)/g, (_, other: string) => ids.get(other)!)
  return {
    name,
    server: Number(server ?? 0),
    command,
    commands: addressed.split(" ; ").map((each) => words(each).concat(words(others))),
    lines: lines?.split(" ")
  }
}

/** A primary and its replica, by their ports. */
export interface Pair {
  readonly ports: readonly [number, number]
  /** Waits until all has happened that the last step has caused. */
  readonly settle: () => Promise<void>
  /** Makes the second a copy of the first again, both empty. */
  readonly restore: () => Promise<void>
  readonly stop: () => Promise<void>
}

const openTo = async (port: number): Promise<Connection> => {
  const socket = connect(port, "127.0.0.1")
  await once(socket, "connect")
  return new Connection(socket, () => Promise.resolve("the connection is closed"))
}

const field = (info: string, name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1]

/** Two real servers, of which the second copies the first once they are restored. Simulated ones may stand in for them. */
export const realPair = async (settings: Readonly<Record<string, string>> = {}): Promise<Pair> => {
  const servers = await Promise.all(
    [0, 1].map(() =>
      RealServer.start({
        "repl-diskless-sync-delay": "0",
        "repl-backlog-size": "1mb",
        "enable-debug-command": "yes",
        ...settings
      })
    )
  )
  const ports = servers.map(({ port }) => port) as [number, number]
  const controls = await Promise.all(servers.map((server) => server.connection(2)))
  const state = async (index: number) => (await controls[index].send(["INFO", "replication"])).text
  const isSettled = async (): Promise<boolean> => {
    const infos = await Promise.all([state(0), state(1)])
    return infos.every((info) => {
      if (field(info, "master_failover_state") !== "no-failover") return false
      if (field(info, "role") === "master") return !/state=(?!online)/.test(info)
      const primary = ports.indexOf(Number(field(info, "master_port")))
      if (primary < 0) return true
      return field(info, "master_link_status") === "up" &&
        field(info, "master_repl_offset") === field(infos[primary], "master_repl_offset")
    })
  }
  const settle = async () => {
    for (const control of controls) for (let round = 0; round < 2; round++) await control.send(["PING"])
    for (let tries = 0; tries < 6000 && !(await isSettled()); tries++) await sleep(10)
    await sleep(2)
  }
  const restore = async () => {
    await controls[0].send(["REPLICAOF", "NO", "ONE"])
    await controls[0].send(["FLUSHALL"])
    await controls[1].send(["REPLICAOF", "127.0.0.1", `${ports[0]}`])
    await settle()
  }
  return {
    ports,
    settle,
    restore,
    stop: async () => {
      for (const control of controls) control.close()
      for (const server of servers) await server.stop()
    }
  }
}

/** Two simulated servers, which listen on ports. */
export const fakePair = async (options: FakeRedis.Options): Promise<Pair> => {
  const scope = Scope.makeUnsafe()
  const addresses = await Effect.runPromise(
    Scope.provide(
      Effect.flatMap(FakeRedis.make({ replicas: 1, ...options }), ({ service }) => service.listen),
      scope
    )
  )
  const ports: Pair["ports"] = [addresses[0].port, addresses[1].port]
  const controls = await Promise.all(ports.map(openTo))
  return {
    ports,
    settle: async () => {
      for (let round = 0; round < 3; round++) await Promise.all(controls.map((control) => control.send(["PING"])))
    },
    restore: () => Promise.resolve(),
    stop: async () => {
      for (const control of controls) control.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}

/** What is not to be compared: ports, offsets of replication, ids of connections, times. */
const withoutChance = (text: string, { command, lines }: Parsed, ports: Pair["ports"], ids: Ids): string => {
  let shown = text
  ports.forEach((port, index) => {
    shown = shown.replaceAll(String(port), `port${index}`)
  })
  if (/^ROLE/i.test(command)) shown = shown.replace(/(?<=[[ :])-?\d+(?=[\] ]|$)/g, "n")
  if (/^HELLO/i.test(command)) shown = shown.replace(/id :\d+/, "id :n")
  if (/^CLIENT (ID|GETREDIR)/i.test(command)) shown = shown.replace(/^:[1-9]\d*$/, ":n")
  if (lines !== undefined) {
    shown = lines.map((name) => {
      const value = new RegExp(`(?:^|[\\s=])${name}[:=]([^\\s]*)`).exec(shown)?.[1] ?? "none"
      return `${name}: ${
        value.replace(/offset=\d+/, "offset=n").replace(/lag=\d+/, "lag=n").replace(/avg_ttl=\d+/, "avg_ttl=n")
      }`
    }).join(", ")
  }
  return shown.replace(
    /(?<=redirect :|redir-broken :|redirect: |redir: )\d+/g,
    (id) => Array.from(ids).find(([, other]) => other === id)?.[0] ?? id
  )
}

/** Runs the steps, and returns what the connections were sent after each. */
export const run = async (
  pair: Pair,
  steps: ReadonlyArray<Step>,
  protocol: 2 | 3
): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const connections = new Map<string, Connection>()
  const closed = new Set<string>()
  const ids = new Map<string, string>()
  const told: Array<ReadonlyArray<string>> = []
  for (const step of steps) {
    const parsed = parse(step, pair.ports, ids)
    let connection = connections.get(parsed.name)
    if (connection === undefined) {
      connection = await openTo(pair.ports[parsed.server])
      ids.set(parsed.name, (await connection.send(["CLIENT", "ID"])).text)
      await connection.send(["HELLO", String(protocol)])
      connection.seen.length = 0
      const { name } = parsed
      connection.onClose(() => closed.add(name))
      connections.set(name, connection)
    }
    connection.sendTogether(parsed.commands)
    await pair.settle()
    const label = (name: string, wire: Wire) => `${name}: ${withoutChance(show(wire), parsed, pair.ports, ids)}`
    told.push([
      ...[...connections].flatMap(([name, { seen }]) => seen.splice(0).map((wire) => label(name, wire))),
      ...Array.from(closed, (name) => `${name} is closed`).sort()
    ])
    closed.clear()
  }
  for (const connection of connections.values()) connection.close()
  return told
}
