/**
 * Handles a request from its words to its outcome, with the checks of the server's `processCommand`, in the same order.
 *
 * @since 0.1.0
 */
import * as CommandSpec from "@redisc/core/CommandSpec"
import * as Resp from "@redisc/core/Resp"
import { slotOf } from "../data/keyspace.ts"
import type { Bin, CallOptions, Outcome } from "../definitions/handler.ts"
import * as Registry from "../definitions/registry.ts"
import type { Resolved } from "../definitions/registry.ts"
import { factsOf } from "../facts/commandTable.ts"
import * as Version from "../facts/version.ts"
import { since } from "../facts/version.ts"
import * as Redirect from "../topology/redirect.ts"
import { wrongNumber } from "../values/arguments.ts"
import { CommandError } from "../values/commandError.ts"
import { forbidden } from "./acl.ts"
import type { Need } from "./acl.ts"
import type { ServingNode } from "./servingNode.ts"
import type { ClientSession } from "./session.ts"

/** A node that serves these sessions. */
type Serving = ServingNode<ClientSession>

const error = Resp.Reply.error

/** An argument as the server prints it in errors: a NUL ends it. */
const printed = (arg: Bin, room = 128): Bin => arg.slice(0, room).split("\0", 1)[0]

const unknownCommand = (argv: ReadonlyArray<Bin>): CommandError => {
  let shown = ""
  for (const arg of argv.slice(1)) {
    if (shown.length >= 128) break
    shown += `'${printed(arg, 128 - shown.length)}' `
  }
  return new CommandError(`ERR unknown command '${printed(argv[0])}', with args beginning with: ${shown}`)
}

const unknownSubcommand = (first: string, argv: ReadonlyArray<Bin>): CommandError =>
  new CommandError(`ERR unknown subcommand '${printed(argv[1])}'. Try ${first} HELP.`)

/** Throws the error of a command that a service in front of the node refuses. */
const checkRestrictions = (node: Serving, first: string, argv: ReadonlyArray<Bin>): void => {
  const isFamily = Registry.isContainer(first) || hasSubcommands(first, node)
  const second = isFamily && argv.length > 1 ? argv[1].toUpperCase() : undefined
  switch (node.world.restrictions.refusal(first, second, argv.length)) {
    case "command":
      throw unknownCommand(argv)
    case "subcommand":
      throw second === undefined ? unknownCommand(argv) : unknownSubcommand(first, argv)
    case "permission":
      throw new CommandError(forbidden(second === undefined ? first : `${first} ${second}`, "default", node.version))
    case "arguments":
      throw wrongNumber(first)
  }
}

/** Finds the command, or throws the server's error for one that is unknown. */
const look = (node: Serving, argv: ReadonlyArray<Bin>): Registry.Entry => {
  const first = argv[0].toUpperCase()
  const place = node.isSentinel ? "sentinel" : "server"
  if (node.world.restrictions.isAny && !node.isSentinel) checkRestrictions(node, first, argv)
  const container = Registry.isContainer(first, place)
  const full = argv.length > 1 ? `${first} ${argv[1].toUpperCase()}` : first
  const entry = Registry.find(container && argv.length > 1 ? full : first, node.version, place)
  if (entry === undefined && node.isSentinel) {
    if (!container) throw unknownCommand(argv)
    throw argv.length === 1 ? wrongNumber(first) : unknownSubcommand(first, argv)
  }
  if (entry === undefined || (entry.definition.redirects === true && !node.redirects)) {
    const missing = [full, first].find((name) => factsOf(name, node.version) !== undefined)
    if (missing !== undefined && !(missing === first && container)) node.world.noteMissing(missing)
    if (!container && !hasSubcommands(first, node)) throw unknownCommand(argv)
    if (argv.length === 1) throw wrongNumber(first)
    throw unknownSubcommand(first, argv)
  }
  return entry
}

const checkArity = ({ definition: { arity }, name }: Registry.Entry, argv: ReadonlyArray<Bin>): void => {
  if (arity >= 0 ? argv.length !== arity : argv.length < -arity) throw wrongNumber(name)
}

/** Finds the command, or throws the server's error for one that is unknown or wrongly called. */
export const resolve = (node: Serving, argv: ReadonlyArray<Bin>): Resolved => {
  const entry = look(node, argv)
  checkArity(entry, argv)
  return { entry, argv }
}

const hasSubcommands = (name: string, { version }: Serving): boolean => factsOf(`${name} HELP`, version) !== undefined

/** The arguments behind the name. */
export const argsOf = ({ argv, entry }: Resolved): ReadonlyArray<Bin> => argv.slice(entry.words)

/** The keys of a command; for commands of sharded pub/sub, the channels. */
export const keysOf = (resolved: Resolved): ReadonlyArray<Bin> => {
  const args = argsOf(resolved)
  const { singleKey } = resolved.entry.spec
  if (singleKey >= 0) return args.length > singleKey ? [args[singleKey]] : []
  return CommandSpec.keyIndexes(resolved.entry.spec, args).map((index) => args[index])
}

const sharded: ReadonlySet<string> = new Set(["SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH"])

/**
 * Whether replicas and cut-off nodes serve a command, as they do for sharded pub/sub. Redis 8 treats SUNSUBSCRIBE like a
 * command with keys.
 */
const isServedByReplicas = (name: string, { version }: Serving): boolean =>
  sharded.has(name) && !(name === "SUNSUBSCRIBE" && since(version, 8))

/** Whether the command writes, by the server's own flags. */
export const writes = ({ entry }: Resolved): boolean =>
  factsOf(entry.name, Version.byDefault)?.flags.has("write") ?? entry.spec.write

/** Whether the command only reads data, by the server's own flags. */
const reads = ({ entry }: Resolved): boolean => factsOf(entry.name, Version.byDefault)?.flags.has("readonly") === true

const channelsOf = (resolved: Resolved): Need["channels"] => {
  const args = argsOf(resolved)
  switch (resolved.entry.name) {
    case "PUBLISH":
    case "SPUBLISH":
      return [{ name: args[0], literal: false }]
    case "SUBSCRIBE":
    case "SSUBSCRIBE":
      return args.map((name) => ({ name, literal: false }))
    case "PSUBSCRIBE":
      return args.map((name) => ({ name, literal: true }))
    default:
      return []
  }
}

const beforeAuth: ReadonlySet<string> = new Set(["AUTH", "HELLO", "QUIT", "RESET"])

const checkUser = (session: ClientSession, resolved: Resolved): void => {
  const { name } = resolved.entry
  if (session.user === undefined) {
    if (!beforeAuth.has(name)) throw new CommandError("NOAUTH Authentication required.")
    return
  }
  if (beforeAuth.has(name)) return
  const channels = channelsOf(resolved)
  const refusal = session.user.refusal({
    command: name,
    keys: sharded.has(name) ? [] : keysOf(resolved),
    write: writes(resolved),
    channels
  })
  if (refusal === undefined) return
  if (name !== "EXEC") throw new CommandError(refusal)
  // If EXEC is refused, the transaction is over.
  session.transaction = undefined
  session.unwatch()
  throw new CommandError(`EXECABORT Transaction discarded because of: ${refusal}`)
}

/** The keys of commands that are executed in a row, of which SELECT changes the database of those behind it. */
const keysIn = (database: number, commands: ReadonlyArray<Resolved>): Redirect.Question["keys"] =>
  commands.flatMap((resolved) => {
    if (resolved.entry.name === "SELECT") database = Number(resolved.argv[1])
    return keysOf(resolved).map((key) => ({ key, slot: slotOf(key), database }))
  })

const question = (session: ClientSession, commands: ReadonlyArray<Resolved>): Redirect.Question => ({
  keys: keysIn(session.database, commands),
  write: commands.some(writes),
  shardedPubSub: commands.length === 1 && isServedByReplicas(commands[0].entry.name, session.node),
  migrate: commands.length === 1 && commands[0].entry.name === "MIGRATE",
  asking: session.asking || (commands.length === 1 && commands[0].entry.name === "RESTORE-ASKING"),
  readOnly: session.readOnly
})

const factsFor = (node: Serving): Redirect.NodeFacts => ({
  id: node.id,
  isReplica: node.isReplica,
  primary: node.primaryId,
  clusterOk: node.clusterOk,
  readsWhenDown: node.config.get("cluster-allow-reads-when-down") === "yes",
  shardedPubSubWhenDown: node.config.get("cluster-allow-pubsubshard-when-down") !== "no",
  slot: node.slotFacts,
  hasKey: (key, database) => database < node.data.count && node.data.at(database).has(key)
})

/** The error to reply instead of executing, or undefined. */
export const redirectionOf = (session: ClientSession, commands: ReadonlyArray<Resolved>): string | undefined => {
  const { node } = session
  if (!node.isClustered) return referralOf(session, commands)
  if (commands.length === 1) {
    // A fast path: nearly every command has one key, in a slot that its node owns and is not moving.
    const [{ argv, entry }] = commands
    const { singleKey } = entry.spec
    if (singleKey >= 0 && argv.length > singleKey + entry.words && node.servesPlainly(argv[singleKey + entry.words])) {
      return undefined
    }
    if (entry.spec.keys.length === 0) return undefined
  }
  const decision = Redirect.decide(question(session, commands), factsFor(node))
  return decision._tag === "Serve" ? undefined : decision.text
}

/**
 * The error with which a replica without cluster mode sends a client to its primary, or undefined. Only those of Valkey do, if
 * the client has said that it follows.
 */
const referralOf = (
  { follows, node, readOnly }: ClientSession,
  commands: ReadonlyArray<Resolved>
): string | undefined => {
  const primary = follows ? node.primaryAddress : undefined
  if (primary === undefined) return undefined
  const refused = commands.some((resolved) => writes(resolved) || (!readOnly && reads(resolved)))
  return refused ? `REDIRECT ${primary.host}:${primary.port}` : undefined
}

const inSubscriberMode: ReadonlySet<string> = new Set([
  "PING",
  "SUBSCRIBE",
  "SSUBSCRIBE",
  "PSUBSCRIBE",
  "UNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "QUIT",
  "RESET"
])

const neverQueued: ReadonlySet<string> = new Set(["EXEC", "DISCARD", "MULTI", "WATCH", "QUIT", "RESET"])

const queued = Resp.Reply.simple("QUEUED")

const readOnlyReplica = "READONLY You can't write against a read only replica."

/** Refuses a command that the node does not execute in its present state. */
const checkState = (session: ClientSession, resolved: Resolved): void => {
  const { node, transaction } = session
  const isExec = resolved.entry.name === "EXEC"
  const commands = isExec ? transaction?.queued ?? [] : [resolved]
  if (!node.isReplica || !commands.some(writes)) return
  if (!isExec) throw new CommandError(readOnlyReplica)
  session.transaction = undefined
  session.unwatch()
  throw new CommandError(`EXECABORT Transaction discarded because of: ${readOnlyReplica}`)
}

const admit = (session: ClientSession, resolved: Resolved): void => {
  const { entry } = resolved
  checkUser(session, resolved)
  const redirected = entry.name === "EXEC"
    ? session.transaction === undefined ? undefined : redirectionOf(session, session.transaction.queued)
    : redirectionOf(session, [resolved])
  if (redirected !== undefined) {
    if (entry.name === "EXEC") {
      session.transaction = undefined
      session.unwatch()
    }
    throw new CommandError(redirected)
  }
  checkState(session, resolved)
  if (session.protocol === 2 && session.subscriptionCount > 0 && !inSubscriberMode.has(entry.name)) {
    throw new CommandError(
      `ERR Can't execute '${
        entry.name.toLowerCase().replace(" ", "|")
      }': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
    )
  }
  if (session.transaction !== undefined && entry.definition.noMulti === true) {
    throw new CommandError("ERR Command not allowed inside a transaction")
  }
}

/** Read-only commands whose keys are not what is read: those are read by the commands that the script calls. */
const runners: ReadonlySet<string> = new Set(["EVAL_RO", "EVALSHA_RO", "FCALL_RO"])

/**
 * Notes for a client that caches that it has read the keys of a command. Before 7.2 a script counts as reading all keys that it was
 * given, as soon as it reads any.
 */
const remember = (session: ClientSession, resolved: Resolved): void => {
  const { node } = session
  if (!reads(resolved) || runners.has(resolved.entry.name)) return
  const reader = since(node.version, 7.2) ? resolved : session.running ?? resolved
  node.tracking.remember(session.origin, keysOf(reader))
}

/** The same for a command that has waited. Since 7.2 it is executed anew at the end of the wait. */
export const rememberAfterWait = (session: ClientSession, resolved: Resolved): void => {
  const { tracking, version } = session.node
  if (since(version, 7.2) && tracking.remembers(session)) remember(session, resolved)
}

/** Runs a command that has passed the checks. Any exception becomes an error reply. */
export const execute = (session: ClientSession, resolved: Resolved): Outcome => {
  const { node } = session
  const { entry } = resolved
  if (session.inScript !== true) session.running = resolved
  try {
    return entry.definition.run({
      name: entry.name,
      args: argsOf(resolved),
      keys: session.keys,
      now: node.world.now(),
      session,
      node,
      random: node.world.random
    })
  } catch (problem) {
    if (problem instanceof CommandError) return error(problem.text)
    return node.world.blame(entry.name, problem)
  } finally {
    if (node.tracking.remembers(session)) remember(session, resolved)
  }
}

/** Words at the beginning of lines that a browser sends if it is tricked into talking to the server. */
const attacks: ReadonlySet<string> = new Set(["POST", "HOST:"])

/** Handles one request, up to its reply. */
export const dispatch = (session: ClientSession, argv: ReadonlyArray<Bin>): void => {
  const { node } = session
  if (attacks.has(argv[0].toUpperCase())) return session.drop("the node takes the client for a tricked browser")
  session.lastCommand = ""
  try {
    const entry = look(node, argv)
    session.lastCommand = entry.name.toLowerCase().replace(" ", "|")
    checkArity(entry, argv)
    const resolved: Resolved = { entry, argv }
    admit(session, resolved)
    if (session.transaction !== undefined && !neverQueued.has(resolved.entry.name)) {
      session.transaction.queued.push(resolved)
      session.reply(queued)
      return
    }
    if (node.tracking.isOn) {
      node.tracking.shrink(Number(node.config.get("tracking-table-max-keys")), node.world.random)
    }
    const { changes } = node.data
    const outcome = execute(session, resolved)
    if (outcome._tag === "Block") session.park(resolved, outcome)
    else if (outcome._tag !== "NoReply") session.reply(outcome)
    if (node.data.changes !== changes) node.propagate()
  } catch (problem) {
    if (!(problem instanceof CommandError)) throw problem
    if (session.transaction !== undefined) session.transaction.broken = true
    session.reply(error(problem.text))
  } finally {
    // ASKING and CLIENT CACHING hold for one command, or for the whole transaction that follows it.
    if (session.transaction === undefined) {
      if (session.lastCommand !== "asking") session.asking = false
      if (!session.blocked && !session.lastCommand.startsWith("client|")) session.forgetCaching()
    }
    node.afterCommand()
  }
}

const scriptErrors = (text: string): string => {
  if (text.startsWith("ERR unknown command")) return "ERR Unknown Redis command called from script"
  if (text.startsWith("ERR wrong number")) return "ERR Wrong number of args calling Redis command from script"
  return text
}

/** The checks for a command that a script calls, with the error texts for scripts. */
const admitCall = (session: ClientSession, resolved: Resolved, options: CallOptions): void => {
  const { node } = session
  const { name, definition } = resolved.entry
  if (factsOf(name, node.version)?.flags.has("noscript") ?? definition.noScript === true) {
    throw new CommandError("ERR This Redis command is not allowed from script")
  }
  if (session.user !== undefined) {
    const refusal = session.user.refusal({
      command: name,
      keys: keysOf(resolved),
      write: writes(resolved),
      channels: channelsOf(resolved)
    })
    if (refusal !== undefined) {
      if (since(node.version, 7.2)) {
        throw new CommandError(`ERR ACL failure in script: ${refusal.slice("NOPERM ".length)}`)
      }
      throw new CommandError(
        refusal.includes("keys used")
          ? "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"
          : refusal.includes("channels used")
          ? "ERR The user executing the script can't publish to the channel mentioned in the command"
          : "ERR The user executing the script can't run this command or subcommand"
      )
    }
  }
  if (writes(resolved)) {
    if (options.readOnly === true) throw new CommandError("ERR Write commands are not allowed from read-only scripts.")
    if (node.isReplica) throw new CommandError(readOnlyReplica)
  }
  if (!node.isClustered || resolved.entry.spec.keys.length === 0) return
  const decision = Redirect.decide(question(session, [resolved]), factsFor(node))
  if (decision._tag === "Serve") return
  const texts: Partial<Record<typeof decision.kind, string>> = {
    DownReadOnly: "ERR Script attempted to execute a write command while the cluster is down and readonly",
    Down: "ERR Script attempted to execute a command while the cluster is down",
    CrossSlot: "ERR Script attempted to access keys that do not hash to the same slot"
  }
  throw new CommandError(texts[decision.kind] ?? "ERR Script attempted to access a non local key in a cluster node")
}

/** Runs a command for a script. */
export const call = (session: ClientSession, argv: ReadonlyArray<Bin>, options: CallOptions): Resp.Reply => {
  const { selected = session } = options
  const inner = Object.create(session, {
    mayBlock: { value: false },
    inScript: { value: true },
    protocol: { value: options.protocol ?? 2 },
    database: {
      get: () => selected.database,
      set: (database: number) => {
        selected.database = database
      }
    }
  }) as ClientSession
  try {
    const resolved = resolve(session.node, argv)
    admitCall(inner, resolved, options)
    const outcome = execute(inner, resolved)
    if (outcome._tag === "Block") return outcome.onTimeout
    return outcome._tag === "NoReply" ? Resp.Reply.null : outcome
  } catch (problem) {
    if (!(problem instanceof CommandError)) throw problem
    return error(scriptErrors(problem.text))
  }
}
