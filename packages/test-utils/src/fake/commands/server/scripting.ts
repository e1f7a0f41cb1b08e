/**
 * EVAL and related commands, and the cache of scripts.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Bin, Definition, Group, Invocation, Node } from "../../definitions/handler.ts"
import { helpReply } from "../../definitions/help.ts"
import * as Version from "../../facts/version.ts"
import { Random } from "../../lua/random.ts"
import { admit, Engine, flagsOf, isFlag, keysAndArguments, randomOf } from "../../scripts/engine.ts"
import type { Flags, Reference } from "../../scripts/engine.ts"
import { unknownSubcommand, word } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { sha1 } from "../../values/digest.ts"
import { splitWords } from "../../values/splitWords.ts"

const { Reply } = Resp
const ok = Reply.simple("OK")

interface Script {
  readonly sha: string
  readonly code: Bin
  readonly flags: Flags
}

/** The scripts that a node knows, and its machine for them, which starts with the first script. */
class Scripts {
  private readonly cached = new Map<string, Script>()
  private compiled = new Map<string, Reference>()
  /** The node's random numbers, shared by scripts and functions. */
  random = new Random()
  version = Version.byDefault
  private machine: Engine | undefined

  find(sha: string): Script | undefined {
    return this.cached.get(sha)
  }

  flush(): void {
    this.cached.clear()
    this.restart()
  }

  engine(): Engine {
    if (this.machine?.broken === true) this.restart()
    return this.machine ??= new Engine("eval", this.random, this.version)
  }

  /** Adds a new script, or throws if it can't be run. */
  add(code: Bin): Script {
    const sha = sha1(code)
    const known = this.cached.get(sha)
    if (known !== undefined) return known
    const { body, flags } = shebang(code)
    const script: Script = { sha, code: body, flags }
    this.reference(script)
    this.cached.set(sha, script)
    return script
  }

  reference({ code, sha }: Script): Reference {
    const engine = this.engine()
    const known = this.compiled.get(sha)
    if (known !== undefined) return known
    const made = engine.compile(code, "@user_script")
    if (typeof made !== "number") {
      throw new CommandError(`ERR Error compiling script (new function): ${made.problem}`)
    }
    this.compiled.set(sha, made)
    return made
  }

  private restart(): void {
    this.compiled = new Map()
    this.machine = undefined
  }
}

const makeScripts = () => new Scripts()

const scriptsOf = (node: Node): Scripts => {
  const found = node.local(makeScripts)
  found.random = randomOf(node)
  found.version = node.version
  return found
}

const legacy: Flags = { noWrites: false, crossSlot: true, noCluster: false, legacy: true }

/** The flags in the first line of a script, and the script without that line's contents; its lines keep their numbers. */
const shebang = (code: Bin): { readonly body: Bin; readonly flags: Flags } => {
  if (!code.startsWith("#!")) return { body: code, flags: legacy }
  const end = code.indexOf("\n")
  if (end < 0) throw new CommandError("ERR Invalid script shebang")
  const words = splitWords(code.slice(0, end))
  if (words === undefined || words.length === 0) throw new CommandError("ERR Invalid engine in script shebang")
  if (words[0] !== "#!lua") throw new CommandError(`ERR Unexpected engine in script shebang: ${words[0]}`)
  const names: Array<string> = []
  for (const option of words.slice(1)) {
    if (!option.startsWith("flags=")) throw new CommandError(`ERR Unknown lua shebang option: ${option}`)
    const list = option.slice("flags=".length)
    for (const flag of list === "" ? [] : list.split(",")) {
      if (!isFlag(flag)) throw new CommandError(`ERR Unexpected flag in script shebang: ${flag}`)
      names.push(flag)
    }
  }
  return { body: code.slice(end), flags: flagsOf(names) }
}

const run = (invocation: Invocation, script: Script, readOnlyCommand: boolean): Resp.Reply => {
  const { args, node } = invocation
  const given = keysAndArguments(args)
  const readOnly = admit(script.flags, readOnlyCommand, node)
  const scripts = scriptsOf(node)
  const reference = scripts.reference(script)
  const engine = scripts.engine()
  engine.pushList(given.keys)
  engine.sandbox.setGlobal("KEYS")
  engine.pushList(given.args)
  engine.sandbox.setGlobal("ARGV")
  return engine.run({
    invocation,
    reference,
    name: script.sha,
    flags: script.flags,
    readOnly,
    keys: given.keys,
    push: () => 0
  })
}

const byCode = (readOnly: boolean): Definition => ({
  arity: -3,
  noScript: true,
  run: (invocation) => {
    keysAndArguments(invocation.args)
    return run(invocation, scriptsOf(invocation.node).add(invocation.args[0]), readOnly)
  }
})

const byDigest = (readOnly: boolean): Definition => ({
  arity: -3,
  noScript: true,
  run: (invocation) => {
    const digest = invocation.args[0]
    if (digest.length === 40) keysAndArguments(invocation.args)
    const script = scriptsOf(invocation.node).find(digest.toLowerCase())
    if (script === undefined) throw new CommandError("NOSCRIPT No matching script. Please use EVAL.")
    return run(invocation, script, readOnly)
  }
})

const help: ReadonlyArray<string> = [
  "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "DEBUG (YES|SYNC|NO)",
  "    Set the debug mode for subsequent scripts executed.",
  "EXISTS <sha1> [<sha1> ...]",
  "    Return information about the existence of the scripts in the script cache.",
  "FLUSH [ASYNC|SYNC]",
  "    Flush the Lua scripts cache. Very dangerous on replicas.",
  "    When called without the optional mode argument, the behavior is determined by the",
  "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
  "    * ASYNC: Asynchronously flush the scripts cache.",
  "    * SYNC: Synchronously flush the scripts cache.",
  "KILL",
  "    Kill the currently executing Lua script.",
  "LOAD <script>",
  "    Load a script into the scripts cache without executing it."
]

export const scripting: Group = {
  EVAL: byCode(false),
  EVAL_RO: byCode(true),
  EVALSHA: byDigest(false),
  EVALSHA_RO: byDigest(true),
  "SCRIPT LOAD": {
    arity: 3,
    noScript: true,
    run: ({ args, node }) => {
      const { sha } = scriptsOf(node).add(args[0])
      return Reply.bulk(sha)
    }
  },
  "SCRIPT EXISTS": {
    arity: -3,
    noScript: true,
    run: ({ args, node }) =>
      Reply.array(args.map((sha) => Reply.integer(scriptsOf(node).find(sha.toLowerCase()) === undefined ? 0 : 1)))
  },
  "SCRIPT FLUSH": {
    arity: -2,
    noScript: true,
    run: ({ args, node }) => {
      if (args.length > 1 || (args.length === 1 && !["SYNC", "ASYNC"].includes(word(args[0])))) {
        throw new CommandError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
      }
      scriptsOf(node).flush()
      return ok
    }
  },
  "SCRIPT KILL": {
    arity: 2,
    noScript: true,
    run: () => {
      throw new CommandError("NOTBUSY No scripts in execution right now.")
    }
  },
  "SCRIPT DEBUG": {
    arity: 3,
    noScript: true,
    run: ({ args }) => {
      switch (word(args[0])) {
        case "NO":
          return ok
        case "YES":
        case "SYNC":
          throw new CommandError("ERR the simulated server has no debugger of scripts")
        default:
          throw new CommandError("ERR Use SCRIPT DEBUG YES/SYNC/NO")
      }
    }
  },
  "SCRIPT HELP": {
    arity: 2,
    run: ({ args, node }) => {
      if (args.length > 0) throw unknownSubcommand("SCRIPT", "HELP")
      return helpReply(help, node.version)
    }
  }
}
