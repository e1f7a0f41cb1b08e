/**
 * FUNCTION and FCALL: libraries of functions, and calls of them.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Bin, Definition, Group, Node } from "../../definitions/handler.ts"
import { helpReply } from "../../definitions/help.ts"
import { since } from "../../facts/version.ts"
import { admit, keysAndArguments, randomOf } from "../../scripts/engine.ts"
import { Libraries } from "../../scripts/libraries.ts"
import type { Library } from "../../scripts/libraries.ts"
import { readLibraries } from "../../scripts/libraryDump.ts"
import { word } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { matches } from "../../values/glob.ts"

const { Reply } = Resp
const ok = Reply.simple("OK")
const { array, bulk, integer, simple } = Reply

const makeLibraries = () => new Libraries()

const librariesOf = (node: Node): Libraries => {
  const found = node.local(makeLibraries)
  found.random = randomOf(node)
  found.version = node.version
  return found
}

/** Changes the libraries of a node and of its replicas, as replication would. */
const change = <T>(node: Node, apply: (libraries: Libraries) => T): T => {
  const result = apply(librariesOf(node))
  for (const peer of node.shardPeers()) {
    if (!peer.isReplica) continue
    const theirs = librariesOf(peer)
    theirs.clear()
    for (const { code } of librariesOf(node).all()) theirs.load(code, true)
  }
  node.propagate()
  return result
}

const call = (readOnlyCommand: boolean): Definition => ({
  arity: -3,
  noScript: true,
  run: (invocation) => {
    const { args, node } = invocation
    const libraries = librariesOf(node)
    if (libraries.find(args[0]) === undefined) throw new CommandError("ERR Function not found")
    const given = keysAndArguments(args, "ERR Bad number of keys provided")
    const engine = libraries.engine()
    const { flags, name, reference } = libraries.find(args[0])!
    const readOnly = admit(flags, readOnlyCommand, node)
    return engine.run({
      invocation,
      reference,
      name,
      flags,
      readOnly,
      keys: given.keys,
      push: () => {
        engine.pushList(given.keys)
        engine.pushList(given.args)
        return 2
      }
    })
  }
})

const describe = (library: Library, withCode: boolean): Resp.Reply =>
  Reply.map([
    [bulk("library_name"), bulk(library.name)],
    [bulk("engine"), bulk("LUA")],
    [
      bulk("functions"),
      array([...library.functions.values()].map(({ description, flagNames, name }) =>
        Reply.map([
          [bulk("name"), bulk(name)],
          [bulk("description"), description === undefined ? Reply.null : bulk(description)],
          [bulk("flags"), Reply.set(flagNames.map((flag) => simple(flag)))]
        ])
      ))
    ],
    ...(withCode ? [[bulk("library_code"), bulk(library.code)] as const] : [])
  ])

const list = (libraries: Libraries, args: ReadonlyArray<Bin>): Resp.Reply => {
  let withCode = false
  let pattern: Bin | undefined
  for (let i = 0; i < args.length; i++) {
    const option = word(args[i])
    if (!withCode && option === "WITHCODE") {
      withCode = true
    } else if (pattern === undefined && option === "LIBRARYNAME") {
      if (i === args.length - 1) throw new CommandError("ERR library name argument was not given")
      pattern = args[++i]
    } else {
      throw new CommandError(`ERR Unknown argument ${args[i]}`)
    }
  }
  const wanted = [...libraries.all()].filter(({ name }) =>
    pattern === undefined || matches(pattern.toLowerCase(), name.toLowerCase())
  )
  return array(wanted.map((library) => describe(library, withCode)))
}

const restored = (name: Bin): string => `ERR Library ${name} already exists`

const restore = (libraries: Libraries, payload: Bin, policy: string): void => {
  const codes = readLibraries(payload, libraries.version)
  const before = [...libraries.all()].map(({ code }) => code)
  if (policy === "FLUSH") libraries.clear()
  try {
    for (const code of codes) libraries.load(code, policy === "REPLACE", restored)
  } catch (problem) {
    if (!(problem instanceof CommandError)) throw problem
    libraries.clear()
    for (const code of before) libraries.load(code, true)
    throw problem
  }
}

const policies: ReadonlySet<string> = new Set(["FLUSH", "APPEND", "REPLACE"])

const help: ReadonlyArray<string> = [
  "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "LOAD [REPLACE] <FUNCTION CODE>",
  "    Create a new library with the given library name and code.",
  "DELETE <LIBRARY NAME>",
  "    Delete the given library.",
  "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
  "    Return general information on all the libraries:",
  "    * Library name",
  "    * The engine used to run the Library",
  "    * Library description",
  "    * Functions list",
  "    * Library code (if WITHCODE is given)",
  "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
  "STATS",
  "    Return information about the current function running:",
  "    * Function name",
  "    * Command used to run the function",
  "    * Duration in MS that the function is running",
  "    If no function is running, return nil",
  "    In addition, returns a list of available engines.",
  "KILL",
  "    Kill the current running function.",
  "FLUSH [ASYNC|SYNC]",
  "    Delete all the libraries.",
  "    When called without the optional mode argument, the behavior is determined by the",
  "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
  "    * ASYNC: Asynchronously flush the libraries.",
  "    * SYNC: Synchronously flush the libraries.",
  "DUMP",
  "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
  "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
  "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
  "    control how to handle existing libraries (default APPEND):",
  "    * FLUSH: delete all existing libraries.",
  "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
  "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
  "      libraries with the new libraries (notice that even on this option there is a chance of failure",
  "      in case of functions name collision with another library)."
]

export const functions: Group = {
  FCALL: call(false),
  FCALL_RO: call(true),
  "FUNCTION LOAD": {
    arity: -3,
    noScript: true,
    run: ({ args, node }) => {
      const options = args.slice(0, -1)
      const unknown = options.find((option) => word(option) !== "REPLACE")
      if (unknown !== undefined) throw new CommandError(`ERR Unknown option given: ${unknown}`)
      return bulk(change(node, (libraries) => libraries.load(args[args.length - 1], options.length > 0)))
    }
  },
  "FUNCTION DELETE": {
    arity: 3,
    noScript: true,
    run: ({ args, node }) => {
      change(node, (libraries) => {
        if (!libraries.delete(args[0])) throw new CommandError("ERR Library not found")
      })
      return ok
    }
  },
  "FUNCTION FLUSH": {
    arity: -2,
    noScript: true,
    run: ({ args, node }) => {
      if (args.length > 1) {
        throw new CommandError(
          "ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP."
        )
      }
      if (args.length === 1 && !["SYNC", "ASYNC"].includes(word(args[0]))) {
        throw new CommandError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
      }
      change(node, (libraries) => libraries.clear())
      return ok
    }
  },
  "FUNCTION LIST": {
    arity: -2,
    noScript: true,
    run: ({ args, node }) => list(librariesOf(node), args)
  },
  "FUNCTION STATS": {
    arity: 2,
    noScript: true,
    run: ({ node }) => {
      const libraries = librariesOf(node)
      return Reply.map([
        [bulk("running_script"), Reply.null],
        [
          bulk("engines"),
          Reply.map([[
            bulk("LUA"),
            Reply.map([
              [bulk("libraries_count"), integer(libraries.size)],
              [bulk("functions_count"), integer(libraries.functionCount)]
            ])
          ]])
        ]
      ])
    }
  },
  "FUNCTION DUMP": {
    arity: 2,
    noScript: true,
    run: ({ node }) => bulk(librariesOf(node).dump())
  },
  "FUNCTION RESTORE": {
    arity: -3,
    noScript: true,
    run: ({ args, node }) => {
      if (args.length > 2) {
        throw new CommandError(
          "ERR unknown subcommand or wrong number of arguments for 'RESTORE'. Try FUNCTION HELP."
        )
      }
      const policy = args.length === 2 ? word(args[1]) : "APPEND"
      if (!policies.has(policy)) {
        throw new CommandError("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
      }
      change(node, (libraries) => restore(libraries, args[0], policy))
      return ok
    }
  },
  "FUNCTION KILL": {
    arity: 2,
    noScript: true,
    run: () => {
      throw new CommandError("NOTBUSY No scripts in execution right now.")
    }
  },
  "FUNCTION HELP": {
    arity: 2,
    run: ({ node }) =>
      helpReply(
        since(node.version, 7.2) ? help.filter((line) => !line.includes("Library description")) : help,
        node.version
      )
  }
}
