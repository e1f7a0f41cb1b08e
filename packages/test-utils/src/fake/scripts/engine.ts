/**
 * Runs Lua: the parts that EVAL and FCALL share.
 *
 * @since 0.1.0
 */
import * as CommandSpec from "@redisc/core/CommandSpec"
import * as Resp from "@redisc/core/Resp"
import { slotOf } from "../data/keyspace.ts"
import type { Bin, Invocation, Node, Session } from "../definitions/handler.ts"
import * as Registry from "../definitions/registry.ts"
import { factsOf } from "../facts/commandTable.ts"
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import { popReply } from "../lua/convert.ts"
import { Exhausted, Index, Lua, Type } from "../lua/lua.ts"
import { Random } from "../lua/random.ts"
import type { Host } from "../lua/redisApi.ts"
import { Sandbox } from "../lua/sandbox.ts"
import { integer } from "../values/arguments.ts"
import { CommandError } from "../values/commandError.ts"

const { Reply } = Resp

/**
 * The number of Lua instructions that a script may run, which takes a second or two. A real server would answer BUSY to other
 * clients until SCRIPT KILL. Here the script occupies the only thread, so it is stopped.
 */
export const instructionLimit = 100_000_000

/** The permissions of a script, by its flags. */
export interface Flags {
  readonly noWrites: boolean
  readonly crossSlot: boolean
  readonly noCluster: boolean
  /** Whether the script has no shebang line, and so behaves as before there were flags. */
  readonly legacy: boolean
}

const flagNames: ReadonlySet<string> = new Set([
  "no-writes",
  "allow-oom",
  "allow-stale",
  "no-cluster",
  "allow-cross-slot-keys"
])

export const isFlag = (name: string): boolean => flagNames.has(name)

export const flagsOf = (names: ReadonlyArray<string>): Flags => ({
  noWrites: names.includes("no-writes"),
  crossSlot: names.includes("allow-cross-slot-keys"),
  noCluster: names.includes("no-cluster"),
  legacy: false
})

/** The keys and the other arguments of EVAL and FCALL. */
export const keysAndArguments = (
  args: ReadonlyArray<Bin>,
  notANumber?: string
): { readonly keys: ReadonlyArray<Bin>; readonly args: ReadonlyArray<Bin> } => {
  const count = integer(args[1], notANumber)
  if (count > args.length - 2) throw new CommandError("ERR Number of keys can't be greater than number of args")
  if (count < 0) throw new CommandError("ERR Number of keys can't be negative")
  return { keys: args.slice(2, 2 + count), args: args.slice(2 + count) }
}

/** Refuses a script as the server does before it runs. Returns whether the script may only read. */
export const admit = (flags: Flags, readOnlyCommand: boolean, node: Node): boolean => {
  if (flags.legacy) return readOnlyCommand
  if (flags.noCluster && node.isClustered) {
    throw new CommandError("ERR Can not run script on cluster, 'no-cluster' flag is set.")
  }
  if (flags.noWrites) return true
  if (node.isReplica) throw new CommandError("READONLY You can't write against a read only replica.")
  if (readOnlyCommand) throw new CommandError("ERR Can not execute a script with write flag using *_ro command.")
  return false
}

interface Called {
  readonly name: string
  readonly words: number
}

/** The command that a script calls, if the server knows it. */
const called = (argv: ReadonlyArray<Bin>, version: Version): Called | "unknown" | "incomplete" => {
  const first = argv[0].toUpperCase()
  const knows = (name: string) => Registry.find(name, version) !== undefined || factsOf(name, version) !== undefined
  const container = Registry.isContainer(first) || factsOf(`${first} HELP`, version) !== undefined
  if (!container) return knows(first) ? { name: first, words: 1 } : "unknown"
  if (argv.length === 1) return knows(first) && first === "COMMAND" ? { name: first, words: 1 } : "incomplete"
  const full = `${first} ${argv[1].toUpperCase()}`
  return knows(full) ? { name: full, words: 2 } : "unknown"
}

const error = (text: string): Resp.Reply => Reply.error(`ERR ${text}`)

/** The server as one run of a script sees it. */
class ScriptHost implements Host {
  protocol: 2 | 3 = 2
  private readonly node: Node
  private readonly session: Session
  private readonly readOnly: boolean
  private readonly crossSlot: boolean
  private slot: number | undefined
  /** A script begins in its client's database, and changes only its own. */
  private readonly selected: { database: number }

  constructor(invocation: Invocation, flags: Flags, readOnly: boolean, keys: ReadonlyArray<Bin>) {
    this.node = invocation.node
    this.session = invocation.session
    this.selected = { database: invocation.session.database }
    this.readOnly = readOnly
    this.crossSlot = flags.legacy || flags.crossSlot
    if (keys.length > 0) this.slot = slotOf(keys[0])
  }

  knows(argv: ReadonlyArray<Bin>): boolean {
    return typeof called(argv, this.node.version) !== "string"
  }

  call(argv: ReadonlyArray<Bin>, protocol: 2 | 3): Resp.Reply {
    return this.refusal(argv) ??
      this.node.call(this.session, argv, {
        protocol,
        readOnly: this.readOnly,
        crossSlot: this.crossSlot,
        selected: this.selected
      })
  }

  private refusal(argv: ReadonlyArray<Bin>): Resp.Reply | undefined {
    const command = called(argv, this.node.version)
    if (command === "unknown") return error("Unknown Redis command called from script")
    if (command === "incomplete") return error("Wrong number of args calling Redis command from script")
    const facts = factsOf(command.name, this.node.version)
    const definition = Registry.find(command.name, this.node.version)?.definition
    const arity = facts?.arity ?? definition?.arity ?? -1
    if (arity >= 0 ? argv.length !== arity : argv.length < -arity) {
      return error("Wrong number of args calling Redis command from script")
    }
    if (facts?.flags.has("noscript") ?? definition?.noScript === true) {
      return error("This Redis command is not allowed from script")
    }
    const spec = CommandSpec.find(command.name)
    if (this.readOnly && (facts?.flags.has("write") ?? spec?.write) === true) {
      return error("Write commands are not allowed from read-only scripts.")
    }
    if (!this.node.isClustered || spec === undefined || spec.keys.length === 0) return undefined
    const args = argv.slice(command.words)
    const slots = CommandSpec.keyIndexes(spec, args).map((index) => slotOf(args[index]))
    if (slots.length === 0) return undefined
    if (slots.some((slot) => slot !== slots[0])) {
      return error(
        since(this.node.version, 8)
          ? `Command '${
            command.name.toLowerCase().replace(" ", "|")
          }' in script attempted to access keys that don't hash to the same slot`
          : "Script attempted to access a non local key in a cluster node"
      )
    }
    if (!this.crossSlot) {
      if (this.slot !== undefined && this.slot !== slots[0]) {
        return error("Script attempted to access keys that do not hash to the same slot")
      }
      this.slot = slots[0]
    }
    return undefined
  }
}

const makeRandom = () => new Random()

/** The random numbers of a node. They continue from one script to the next. */
export const randomOf = (node: Node): Random => node.local(makeRandom)

/** A reference to a compiled chunk or a function in a machine. */
export type Reference = number

/** A node's machine for scripts, or the one for functions. */
export class Engine {
  readonly sandbox: Sandbox
  readonly lua: Lua
  /** Whether a script had to be stopped. The machine can't be used any more then. */
  broken = false

  constructor(kind: "eval" | "function", random: Random, version: Version) {
    this.lua = new Lua(version)
    this.sandbox = new Sandbox(this.lua, kind, random)
  }

  /** Compiles a chunk. If it is invalid, returns the problem. */
  compile(code: Bin, name: string): Reference | { readonly problem: Bin } {
    const problem = this.lua.compile(code, name)
    return problem === undefined ? this.take() : { problem }
  }

  /** Pops a value and keeps a reference to it. */
  take(): Reference {
    return this.lua.api.luaL_ref(this.lua.main, Index.registry)
  }

  release(reference: Reference): void {
    this.lua.api.luaL_unref(this.lua.main, Index.registry, reference)
  }

  pushList(items: ReadonlyArray<Bin>): void {
    const { api, main: L } = this.lua
    api.lua_createtable(L, items.length, 0)
    items.forEach((item, index) => {
      this.lua.push(L, item)
      api.lua_rawseti(L, -2, index + 1)
    })
  }

  /**
   * Calls a function with the values that `push` puts on the stack. Afterwards the result, or the table of an error, is on top.
   */
  attempt(reference: Reference, push: () => number, budget: number = instructionLimit): boolean {
    const { lua } = this
    const { api, main: L } = lua
    lua.budget = budget
    try {
      this.sandbox.pushHandler()
      api.lua_rawgeti(L, Index.registry, reference)
      return api.lua_pcall(L, push(), 1, 1) === 0
    } catch (thrown) {
      this.broken = true
      throw thrown
    }
  }

  /** Reads the error in the table on top of the stack. */
  problem(): { readonly text: Bin; readonly source: Bin | undefined; readonly line: Bin | undefined } {
    const { lua } = this
    const { api, main: L } = lua
    const table = api.lua_gettop(L)
    if (api.lua_type(L, table) !== Type.table) {
      return { text: `ERR ${lua.text(L, table) ?? "unknown error"}`, source: undefined, line: undefined }
    }
    const field = (name: string) => {
      lua.getField(L, table, name)
      const value = lua.text(L, -1)
      lua.pop(L)
      return value
    }
    // A server of 7.0 crashes on a table without a text.
    const text = field("err") ?? "ERR the error is a table without the field err"
    return { text, source: field("source"), line: field("line") }
  }

  /** Runs a script or a function for a client. */
  run(options: {
    readonly invocation: Invocation
    readonly reference: Reference
    /** The name used in errors: the digest of a script, or the name of a function. */
    readonly name: string
    readonly flags: Flags
    readonly readOnly: boolean
    readonly keys: ReadonlyArray<Bin>
    readonly push: () => number
  }): Resp.Reply {
    const { flags, invocation, keys, name, push, readOnly, reference } = options
    const { lua } = this
    const L = lua.main
    const host = new ScriptHost(invocation, flags, readOnly, keys)
    this.sandbox.begin(host)
    try {
      if (this.attempt(reference, push)) return popReply(lua, L, host.protocol)
      const { line, source, text } = this.problem()
      const place = source !== undefined && line !== undefined ? `, on ${source}:${line}.` : ""
      return Reply.error(`${text} script: ${name}${place}`)
    } catch (thrown) {
      if (!(thrown instanceof Exhausted)) throw thrown
      return Reply.error(
        `ERR the script did not end after ${instructionLimit} instructions and was stopped by the simulated server, ` +
          `where a real one would answer BUSY until SCRIPT KILL script: ${name}`
      )
    } finally {
      this.sandbox.end()
      if (!this.broken) lua.api.lua_settop(L, 0)
    }
  }
}
