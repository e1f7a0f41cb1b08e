/**
 * Runs commands of the simulated server on one keyspace, without a node, a network or a clock of its own: what the tests
 * of the command groups stand on.
 */
import type * as Resp from "@redisc/core/Resp"
import { groups } from "../../../src/fake/commands/groups.ts"
import { Databases } from "../../../src/fake/data/databases.ts"
import type { Keyspace } from "../../../src/fake/data/keyspace.ts"
import type { Bin, Block, Node, Session } from "../../../src/fake/definitions/handler.ts"
import * as Registry from "../../../src/fake/definitions/registry.ts"
import * as Versions from "../../../src/fake/facts/version.ts"
import type { Version } from "../../../src/fake/facts/version.ts"
import * as Binary from "../../../src/fake/values/binary.ts"
import { CommandError } from "../../../src/fake/values/commandError.ts"
import * as Format from "../../../src/fake/values/format.ts"

Registry.load(groups)

/** A reply as it is on the wire: the sign of its type, and its text or its items. */
export interface Wire {
  readonly sign: string
  readonly text: string
  readonly items?: ReadonlyArray<Wire>
}

const leaf = (sign: string, text: string): Wire => ({ sign, text })
const nest = (sign: string, items: ReadonlyArray<Wire>): Wire => ({ sign, text: "", items })
const binOf = (value: string | Uint8Array): Bin => typeof value === "string" ? value : Binary.fromBytes(value)

/** What the server would send for a reply. Strings are taken as bytes. */
export const wire = (reply: Resp.Reply, protocol: 2 | 3, version: Version = Versions.byDefault): Wire => {
  const modern = protocol === 3
  const all = (items: ReadonlyArray<Resp.Reply>) => items.map((item) => wire(item, protocol, version))
  switch (reply._tag) {
    case "Simple":
      return leaf("+", reply.text)
    case "Error":
      return leaf("-", reply.message)
    case "Bulk":
      return leaf("$", binOf(reply.value))
    case "Integer":
      return leaf(":", String(reply.value))
    case "Null":
      return modern ? leaf("_", "") : leaf("$", "-1\r")
    case "NullArray":
      return modern ? leaf("_", "") : leaf("*", "-1\r")
    case "Array":
      return nest("*", all(reply.items))
    case "Map":
      return nest(modern ? "%" : "*", all(reply.entries.flat()))
    case "Set":
      return nest(modern ? "~" : "*", all(reply.items))
    case "Push":
      return nest(modern ? ">" : "*", all(reply.items))
    case "Double":
      return leaf(modern ? "," : "$", Format.double(reply.value, version))
    case "Boolean":
      return modern ? leaf("#", reply.value ? "t" : "f") : leaf(":", reply.value ? "1" : "0")
    case "BigNumber":
      return leaf(modern ? "(" : "$", String(reply.value))
    case "Verbatim":
      return modern ? leaf("=", `${reply.format}:${binOf(reply.text)}`) : leaf("$", binOf(reply.text))
    case "BulkError":
      return leaf(modern ? "!" : "-", reply.message)
    case "Attribute":
      return wire(reply.reply, protocol, version)
  }
}

/**
 * A reply in short: `a` is a bulk string, `:1` an integer, `,1.5` a double, `+OK` simple, `-ERR ...` an error, `nil` a null
 * (`nil*` as an array of RESP2), `[a b]` an array, `~[a b]` a set, `{k v}` a map, `>[a b]` a push, `''` is empty.
 */
export const show = ({ items, sign, text }: Wire): string => {
  if (items !== undefined) {
    const inner = items.map(show).join(" ")
    return sign === "%" ? `{${inner}}` : `${sign === "*" ? "" : sign}[${inner}]`
  }
  if (text === "-1\r") return sign === "*" ? "nil*" : "nil"
  if (sign === "_") return "nil"
  return sign === "$" ? text === "" ? "''" : text : `${sign}${text}`
}

/** The words of a line, `''` for an empty one. */
export const words = (line: string | ReadonlyArray<string>): ReadonlyArray<Bin> =>
  (typeof line === "string" ? line.split(" ").map((word) => word === "''" ? "" : word) : line).map(Binary.fromText)

const errorReply = (message: string): Resp.Reply => ({ _tag: "Error", message })

const random = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Numbers from 0 to below 1, always the same for a seed. */
export const seeded = random

interface Waiting {
  readonly client: Client
  readonly block: Block
  readonly deadline: number
}

export interface Options {
  /** The server that is imitated. */
  readonly version?: Version | undefined
  /** The number of databases, of which one alone is that of a node of a cluster. Default 1. */
  readonly databases?: number | undefined
  /** Milliseconds at the start. */
  readonly now?: number
  readonly seed?: number
}

/** One node's worth of commands: a keyspace, its clients, and those of them who are blocked. */
export class Server {
  readonly data: Databases
  /** The first database. */
  readonly keys: Keyspace
  readonly node: Node
  readonly random: () => number
  readonly sessions: Array<Session> = []
  readonly config = new Map<string, Bin>()
  /** Every keyspace event, `hset key`. */
  readonly events: Array<string> = []
  /** The keys that were changed, `*` for all. */
  readonly changed = new Set<string>()
  time: number
  private waiting: Array<Waiting> = []
  private readonly ready = new Map<string, Bin>()

  constructor(options: Options = {}) {
    this.time = options.now ?? 1_700_000_000_000
    this.random = random(options.seed ?? 1)
    const { databases = 1 } = options
    this.data = new Databases(() => this.time, databases)
    this.keys = this.data.at(0)
    this.keys.listeners.add({
      onChange: (key, database, change) => {
        if (change !== "found") this.changed.add(key)
        const place = placeOf(key, database)
        if (!this.ready.has(place)) this.ready.set(place, key)
      },
      onFlush: () => {
        this.changed.add("*")
      },
      onEvent: (key, event, kind) => {
        if (kind !== "n" && kind !== "m") this.events.push(`${event} ${key}`)
      }
    })
    const state = new Map<unknown, unknown>()
    this.node = {
      version: options.version ?? Versions.byDefault,
      name: "node",
      id: "0".repeat(40),
      isReplica: false,
      isClustered: databases === 1,
      isSentinel: false,
      redirects: false,
      data: this.data,
      sessions: this.sessions,
      peers: () => [],
      shardPeers: () => [],
      config: this.config,
      hashSeed: 1,
      local: remembering(state),
      call: (session, argv, options) =>
        this.execute(
          called(session, { protocol: options?.protocol ?? 2, mayBlock: false }, options?.selected),
          argv
        ) as Resp.Reply,
      propagate: () => {}
    }
  }

  client(protocol: 2 | 3 = 2, mayBlock = true): Client {
    return new Client(this, protocol, mayBlock)
  }

  /** Lets time pass: timeouts of blocked clients, in the order they are due. */
  advance(millis: number): void {
    this.time += millis
    const due = this.waiting.filter((one) => one.deadline <= this.time).sort((a, b) => a.deadline - b.deadline)
    this.waiting = this.waiting.filter((one) => !due.includes(one))
    for (const { block, client } of due) client.receive(block.onTimeout)
    this.data.expireDue()
    this.serve()
  }

  execute(session: Session, argv: ReadonlyArray<Bin>): Resp.Reply | Block | undefined {
    const first = (argv[0] ?? "").toUpperCase()
    const container = Registry.isContainer(first) && argv.length > 1
    const name = container ? `${first} ${argv[1].toUpperCase()}` : first
    const entry = Registry.find(name, this.node.version)
    if (entry === undefined && container) return errorReply(`ERR unknown subcommand '${argv[1]}'. Try ${first} HELP.`)
    if (entry === undefined && Registry.isContainer(first)) {
      return errorReply(`ERR wrong number of arguments for '${first.toLowerCase()}' command`)
    }
    if (entry === undefined) return errorReply(`ERR unknown command '${argv[0]}', with args beginning with: `)
    const { arity, run } = entry.definition
    if (arity >= 0 ? argv.length !== arity : argv.length < -arity) {
      return errorReply(`ERR wrong number of arguments for '${name.toLowerCase().replace(" ", "|")}' command`)
    }
    const { node, random, time } = this
    const { keys } = session
    try {
      const args = argv.slice(entry.words)
      const outcome = run({ name, args, keys, now: time, session, node, random })
      return outcome._tag === "NoReply" ? undefined : outcome
    } catch (error) {
      if (error instanceof CommandError) return errorReply(error.text)
      throw error
    }
  }

  /** Runs a command for a client; undefined: it is blocked, or has sent all it had to say. */
  run(client: Client, argv: ReadonlyArray<Bin>): Resp.Reply | undefined {
    const outcome = this.execute(client.session, argv)
    let answer: Resp.Reply | undefined
    if (outcome?._tag === "Block") this.waiting.push({ client, block: outcome, deadline: this.time + outcome.timeout })
    else answer = outcome
    this.serve()
    return answer
  }

  /** Runs commands as a transaction does: nobody who waits is served before the last. */
  together(client: Client, commands: ReadonlyArray<string | ReadonlyArray<string>>): ReadonlyArray<Wire> {
    const session = called(client.session, { mayBlock: false })
    const replies = commands.map((line) =>
      wire(this.execute(session, words(line)) as Resp.Reply, session.protocol, this.node.version)
    )
    this.serve()
    return replies
  }

  /** How many clients are blocked. */
  get blocked(): number {
    return this.waiting.length
  }

  /** Who blocked first is served first, key after key in the order they were written. */
  private serve(): void {
    while (this.ready.size > 0) {
      const [[place, key]] = this.ready
      this.ready.delete(place)
      const waits = ({ block, client }: Waiting) =>
        block.keys.some((each) => placeOf(each, client.session.database) === place)
      for (const one of this.waiting.filter(waits)) {
        let reply: Resp.Reply | undefined
        try {
          reply = one.block.retry(key)
        } catch (error) {
          if (!(error instanceof CommandError)) throw error
          reply = errorReply(error.text)
        }
        if (reply === undefined) continue
        this.waiting = this.waiting.filter((other) => other !== one)
        one.client.receive(reply)
      }
    }
  }
}

const placeOf = (key: Bin, database: number): string => `${database} ${key}`

/** A session as a transaction has it, whose SELECT counts for the client too, or as a script has it, with its own. */
const called = (session: Session, changes: Partial<Session>, selected: { database: number } = session): Session =>
  Object.create(
    session,
    Object.fromEntries([
      ...Object.entries(changes).map(([name, value]) => [name, { value }]),
      ["database", {
        get: () => selected.database,
        set: (database: number) => {
          selected.database = database
        }
      }]
    ])
  ) as Session

const remembering = (state: Map<unknown, unknown>) => <T>(make: () => T): T => {
  if (!state.has(make)) state.set(make, make())
  return state.get(make) as T
}

let lastId = 0

/** One connection. */
export class Client {
  readonly session: Session
  /** Replies that came later than their command, and pushes. */
  readonly inbox: Array<string> = []
  readonly server: Server

  constructor(server: Server, protocol: 2 | 3, mayBlock: boolean) {
    this.server = server
    this.session = {
      id: ++lastId,
      protocol,
      node: server.node,
      database: 0,
      get keys() {
        return server.data.at(this.database)
      },
      subscriptions: { channels: new Set(), patterns: new Set(), shardChannels: new Set() },
      mayBlock,
      readOnly: false,
      send: (reply) => this.receive(reply),
      onClose: () => {},
      local: remembering(new Map()),
      checkChannel: () => {}
    }
    server.sessions.push(this.session)
  }

  receive(reply: Resp.Reply): void {
    this.inbox.push(show(wire(reply, this.session.protocol, this.server.node.version)))
  }

  /** The reply as on the wire, or undefined while the command blocks. */
  wire(line: string | ReadonlyArray<string>): Wire | undefined {
    return this.send(words(line))
  }

  /** The same, for words that are bytes already. */
  send(argv: ReadonlyArray<Bin>): Wire | undefined {
    const reply = this.server.run(this, argv)
    return reply === undefined ? undefined : wire(reply, this.session.protocol, this.server.node.version)
  }

  /** The reply in short, `blocked` while there is none. */
  run(line: string | ReadonlyArray<string>): string {
    const reply = this.wire(line)
    return reply === undefined ? "blocked" : show(reply)
  }
}

/** A command and its reply in short, or both replies: RESP2 and RESP3. */
export type Row = readonly [command: string | ReadonlyArray<string>, reply: string, resp3?: string]

/** Runs the rows in order on a new server, once a protocol, and answers what was asked and what was replied. */
export const transcript = (rows: ReadonlyArray<Row>, protocol: 2 | 3): {
  readonly actual: ReadonlyArray<string>
  readonly expected: ReadonlyArray<string>
} => {
  const client = new Server().client(protocol)
  const line = (command: Row[0], reply: string) =>
    `${typeof command === "string" ? command : command.join(" ")} => ${reply}`
  return {
    actual: rows.map(([command]) => line(command, client.run(command))),
    expected: rows.map(([command, reply, resp3]) => line(command, protocol === 3 ? resp3 ?? reply : reply))
  }
}
