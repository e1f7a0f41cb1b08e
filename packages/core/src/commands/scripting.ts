/**
 * Programs that run inside the server: scripts, which are sent with the call, and functions, which are loaded in
 * libraries and called by name. The server executes nothing else while one runs.
 *
 * Source: https://redis.io/docs/latest/commands/?group=scripting
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"
import { scriptArgs } from "../internal/commands/scriptArgs.ts"
import type { ScriptInput } from "../internal/commands/scriptArgs.ts"
import type * as Resp from "../Resp.ts"
import type { FlushOptions } from "./server.ts"

export type { ScriptInput } from "../internal/commands/scriptArgs.ts"

const EVAL = CommandSpec.get("EVAL")
const EVALSHA = CommandSpec.get("EVALSHA")
const EVALSHA_RO = CommandSpec.get("EVALSHA_RO")
const EVAL_RO = CommandSpec.get("EVAL_RO")
const FCALL = CommandSpec.get("FCALL")
const FCALL_RO = CommandSpec.get("FCALL_RO")
const FUNCTION_DELETE = CommandSpec.get("FUNCTION DELETE")
const FUNCTION_DUMP = CommandSpec.get("FUNCTION DUMP")
const FUNCTION_FLUSH = CommandSpec.get("FUNCTION FLUSH")
const FUNCTION_KILL = CommandSpec.get("FUNCTION KILL")
const FUNCTION_LIST = CommandSpec.get("FUNCTION LIST")
const FUNCTION_LOAD = CommandSpec.get("FUNCTION LOAD")
const FUNCTION_RESTORE = CommandSpec.get("FUNCTION RESTORE")
const FUNCTION_STATS = CommandSpec.get("FUNCTION STATS")
const SCRIPT_EXISTS = CommandSpec.get("SCRIPT EXISTS")
const SCRIPT_FLUSH = CommandSpec.get("SCRIPT FLUSH")
const SCRIPT_KILL = CommandSpec.get("SCRIPT KILL")
const SCRIPT_LOAD = CommandSpec.get("SCRIPT LOAD")

const fields = Reply.record(Reply.raw)
const names = Reply.array(Reply.name)
const nameOrNull = Reply.nullOr(Reply.name)
const booleans = Reply.array(Reply.boolean)

/**
 * Runs a Lua script, and replies with its raw result. Its name is `Redis.eval`.
 *
 * **When to use**
 *
 * Use it for a script that runs once, or whose text varies. For a script that runs repeatedly use `Script.make`, which
 * sends the digest instead of the text, and gives types to the parameters and the result.
 *
 * **Details**
 *
 * Keys of different slots are refused before sending. The client cannot see a key that the script uses without being
 * given it: the script fails, or worse, works until the slot moves.
 *
 * Results of Lua lose some of their form: numbers lose their decimals, and a table ends at its first nil; `true`
 * becomes 1, `false` and nil become `null`. Return `tostring` of a number that has decimals.
 *
 * Fails with `ServerError` if the script fails: with code `ERR`, or, since Redis 7.0, with the code of the command that
 * failed in it. Since Redis 2.6.0.
 *
 * **Example** (Adding up values)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const total = Redis.eval(
 *   `local total = 0
 *   for _, item in ipairs(redis.call("LRANGE", KEYS[1], 0, ARGV[1])) do total = total + item end
 *   return total`,
 *   { keys: ["samples"], args: [99] }
 * ) // Command<Resp.Value>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/eval/
 * @category scripting
 * @since 0.1.0
 */
const evaluate = (script: Command.Arg, input?: ScriptInput): Command.Command<Resp.Value> =>
  Args.command(EVAL, () => scriptArgs(script, input), Reply.raw)

// No variable can have this name in a module, but what a module exports can.
export { evaluate as eval }

/**
 * Like `eval`, for a script that only reads: it fails with `ServerError` if it tries to write.
 *
 * Like all reads, it is sent again if its connection is lost. Since Redis 7.0.0.
 *
 * **Example** (Two counters as of one moment)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const counts = Redis.evalRo(`return redis.call("MGET", KEYS[1], KEYS[2])`, { keys: ["{page:1}:views", "{page:1}:likes"] })
 * // Command<Resp.Value>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/eval_ro/
 * @category scripting
 * @since 0.1.0
 */
export const evalRo = (script: Command.Arg, input?: ScriptInput): Command.Command<Resp.Value> =>
  Args.command(EVAL_RO, () => scriptArgs(script, input), Reply.raw)

/**
 * Like `eval`, for a script that the server knows already, by the hexadecimal SHA-1 digest of its text.
 *
 * Each node remembers the scripts that it was sent until it restarts, and a new primary may know none. So be prepared
 * for `ServerError` with code `NOSCRIPT` at any time; `Script.make` handles it. Since Redis 2.6.0.
 *
 * **Example** (Loading first)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const doubled = Effect.gen(function*() {
 *   const sha = yield* Redis.scriptLoad(`return ARGV[1] * 2`)
 *   return yield* Redis.evalsha(sha, { args: [21] }) // 42
 * })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/evalsha/
 * @category scripting
 * @since 0.1.0
 */
export const evalsha = (sha: string, input?: ScriptInput): Command.Command<Resp.Value> =>
  Args.command(EVALSHA, () => scriptArgs(sha, input), Reply.raw)

/**
 * Runs a script that the server knows already and that may only read: `evalsha` and `evalRo` in one.
 *
 * Fails with `ServerError` (code `NOSCRIPT`) if the server does not know it. Since Redis 7.0.0.
 *
 * **Example** (By its digest)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const reply = Redis.evalshaRo("e0e1f9fabfc9d4800c877a703b823ac0578ff8db") // Command<Resp.Value>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/evalsha_ro/
 * @category scripting
 * @since 0.1.0
 */
export const evalshaRo = (sha: string, input?: ScriptInput): Command.Command<Resp.Value> =>
  Args.command(EVALSHA_RO, () => scriptArgs(sha, input), Reply.raw)

/**
 * Calls a function of a library that was loaded with `functionLoad`, and replies with its result, as `eval` does.
 *
 * `Script.fn` gives types to the parameters and the result. Keys of different slots are refused before sending. Fails
 * with `ServerError` if the function fails, or if there is none of that name. Since Redis 7.0.0.
 *
 * **Example** (Calling a function)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const reply = Redis.fcall("visits_add", { keys: ["visits:home"], args: ["ada", 1] }) // Command<Resp.Value>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/fcall/
 * @category scripting
 * @since 0.1.0
 */
export const fcall = (name: string, input?: ScriptInput): Command.Command<Resp.Value> =>
  Args.command(FCALL, () => scriptArgs(name, input), Reply.raw)

/**
 * Like `fcall`, for a function that only reads. It fails with `ServerError` unless its library has registered it with
 * the flag `no-writes`.
 *
 * Like all reads, it is sent again if its connection is lost. Since Redis 7.0.0.
 *
 * **Example** (Calling a function that reads)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const reply = Redis.fcallRo("visits_of", { keys: ["visits:home"], args: ["ada"] }) // Command<Resp.Value>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/fcall_ro/
 * @category scripting
 * @since 0.1.0
 */
export const fcallRo = (name: string, input?: ScriptInput): Command.Command<Resp.Value> =>
  Args.command(FCALL_RO, () => scriptArgs(name, input), Reply.raw)

/**
 * Deletes a library with all its functions.
 *
 * In a cluster it is sent to every primary. Fails with `ServerError` when there is no such library. Since Redis 7.0.0.
 *
 * **Example** (Deleting a library)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.functionDelete("visits") // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-delete/
 * @category scripting
 * @since 0.1.0
 */
export const functionDelete = (library: string): Command.Command<"OK"> =>
  Command.make(FUNCTION_DELETE, [library], Reply.ok)

/**
 * All libraries in Redis' own format, for `functionRestore`.
 *
 * In a cluster one primary is asked: libraries loaded with `functionLoad` are the same on all. The reply is bytes
 * without `Command.bytes`. Since Redis 7.0.0.
 *
 * **Example** (A backup of all functions)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const saved = Redis.functionDump() // Command<Uint8Array>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-dump/
 * @category scripting
 * @since 0.1.0
 */
export const functionDump = (): Command.Command<Uint8Array> =>
  Command.bytes(Command.make(FUNCTION_DUMP, [], Reply.text))

/**
 * Deletes all libraries.
 *
 * In a cluster it is sent to every primary. Since Redis 7.0.0.
 *
 * **Example** (No functions any more)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.functionFlush() // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-flush/
 * @category scripting
 * @since 0.1.0
 */
export const functionFlush = (options?: FlushOptions): Command.Command<"OK"> =>
  Args.command(FUNCTION_FLUSH, () => Args.flush(options), Reply.ok)

/**
 * Ends a function that has run for longer than the server's `busy-reply-threshold` and has not written yet.
 *
 * **Details**
 *
 * In a cluster it is sent to every primary, over a connection of its own, since a server reads nothing more from the
 * connection of the running function. It succeeds if one primary ends a function. Fails with `ServerError`: code
 * `NOTBUSY` when no function runs anywhere, `UNKILLABLE` when it has written. Since Redis 7.0.0.
 *
 * **Example** (Ending a function that does not end)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.functionKill() // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-kill/
 * @category scripting
 * @since 0.1.0
 */
export const functionKill = (): Command.Command<"OK"> => Command.make(FUNCTION_KILL, [], Reply.ok)

/**
 * A library and what it has registered.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionLibrary {
  readonly name: string
  /** The engine of its code: `"LUA"`. */
  readonly engine: string
  readonly functions: ReadonlyArray<{
    readonly name: string
    readonly description: string | null
    /** What it may do: `"no-writes"`, `"allow-oom"`, `"allow-stale"`, `"no-cluster"`, `"allow-cross-slot-keys"`. */
    readonly flags: ReadonlyArray<string>
  }>
}

const libraryOf: Reply.Decode<FunctionLibrary> = (value) => {
  const { engine, functions, library_name } = fields(value)
  return {
    name: Reply.name(library_name),
    engine: Reply.name(engine),
    functions: functionsOf(functions)
  }
}

const functionsOf = Reply.array((value) => {
  const { description, flags, name } = fields(value)
  return { name: Reply.name(name), description: nameOrNull(description), flags: names(flags) }
})

const libraries = Reply.array(libraryOf)
const librariesWithCode = Reply.array((value) => ({
  ...libraryOf(value),
  code: Reply.name(fields(value)["library_code"])
}))

/**
 * The libraries that are loaded, all or those whose names match a glob pattern, `withcode` with their code.
 *
 * In a cluster one primary is asked; `Nodes.execute` shows whether all have the same. Since Redis 7.0.0.
 *
 * **Example** (Which functions are there?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const names = Redis.functionList({ libraryname: "visits*" }).pipe(
 *   Command.map((libraries) => libraries.flatMap(({ functions }) => functions.map(({ name }) => name)))
 * ) // Command<Array<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-list/
 * @category scripting
 * @since 0.1.0
 */
export const functionList: {
  (
    options?: { readonly libraryname?: string | undefined; readonly withcode?: false | undefined }
  ): Command.Command<ReadonlyArray<FunctionLibrary>>
  (
    options: { readonly libraryname?: string | undefined; readonly withcode: true }
  ): Command.Command<ReadonlyArray<FunctionLibrary & { readonly code: string }>>
} = (
  options?: FunctionListOptions
): Command.Command<never> =>
  Args.building(FUNCTION_LIST, () => {
    const { libraryname, withcode } = functionListOptions(options)
    return Command.makeSealed(
      FUNCTION_LIST,
      [...Args.option("LIBRARYNAME", libraryname, (pattern) => pattern), ...Args.flag(withcode, "WITHCODE")],
      withcode === true ? Reply.overloaded(librariesWithCode) : Reply.overloaded(libraries)
    )
  })

interface FunctionListOptions {
  readonly libraryname?: string | undefined
  readonly withcode?: boolean | undefined
}

const functionListOptions = Args.options<FunctionListOptions>({ libraryname: Args.any, withcode: Args.isAsked })

/**
 * Loads a library of functions, and replies its name. The code begins with a line that gives it: `#!lua name=visits`.
 *
 * **Details**
 *
 * In a cluster it is sent to every primary, and their replicas get it from them. So a function can be called with any
 * key. If one primary fails, the others have the library nevertheless: load it again, with `replace`.
 *
 * Functions are data, and are saved and replicated as such. A primary that joins the cluster later has none, unless it
 * is added with `redis-cli --cluster add-node`, which copies them.
 *
 * Fails with `ServerError` when the code is not valid, when there is such a library and `replace` is not set, and when
 * another one has a function of the same name. Since Redis 7.0.0.
 *
 * **Example** (A library with one function)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const library = Redis.functionLoad(
 *   `#!lua name=visits
 *   redis.register_function("visits_add", function(keys, args)
 *     return redis.call("HINCRBY", keys[1], args[1], args[2])
 *   end)`,
 *   { replace: true }
 * ) // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-load/
 * @category scripting
 * @since 0.1.0
 */
export const functionLoad = (
  code: Command.Arg,
  options?: {
    /** Whether a library of the same name is replaced. */
    readonly replace?: boolean | undefined
  }
): Command.Command<string> =>
  Args.command(FUNCTION_LOAD, () => [...Args.flag(loadOptions(options).replace, "REPLACE"), code], Reply.text)

const loadOptions = Args.options<{ readonly replace?: boolean | undefined }>({ replace: Args.isAsked })

/**
 * Loads the libraries that `functionDump` saved: all of them or, when one can't be loaded, none.
 *
 * **Details**
 *
 * `policy` says what happens to existing libraries: they stay, and a library of the same name is an error (`APPEND`,
 * the default); they stay, but are replaced by one of the same name (`REPLACE`); they are deleted first (`FLUSH`).
 *
 * In a cluster it is sent to every primary. Fails with `ServerError` when a name is taken, and when the bytes are damaged
 * or of a later version of Redis. Since Redis 7.0.0.
 *
 * **Example** (The functions of one cluster for another)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const copied = Effect.fnUntraced(function*(from: Redis.Redis["Service"], to: Redis.Redis["Service"]) {
 *   const saved = yield* from.execute(Redis.functionDump())
 *   yield* to.execute(Redis.functionRestore(saved, { policy: "REPLACE" }))
 * })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-restore/
 * @category scripting
 * @since 0.1.0
 */
export const functionRestore = (
  serialized: Uint8Array,
  options?: RestoreOptions
): Command.Command<"OK"> =>
  Args.command(FUNCTION_RESTORE, () => [serialized, ...Args.optional(restoreOptions(options).policy)], Reply.ok)

interface RestoreOptions {
  readonly policy?: "APPEND" | "REPLACE" | "FLUSH" | undefined
}

const restoreOptions = Args.options<RestoreOptions>({ policy: Args.any })

/**
 * The function that a server is executing, if any, and the number of libraries and functions of each engine.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionStats {
  readonly running: {
    readonly name: string
    /** The command that called it, with its arguments. */
    readonly command: ReadonlyArray<string>
    /** For how many milliseconds it has been running. */
    readonly millis: number
  } | null
  readonly engines: Readonly<Record<string, { readonly libraries: number; readonly functions: number }>>
}

const runningOf = Reply.nullOr((value) => {
  const { command, duration_ms, name } = fields(value)
  return { name: Reply.name(name), command: names(command), millis: Reply.integer(duration_ms) }
})

const enginesOf = Reply.record((value) => {
  const { functions_count, libraries_count } = fields(value)
  return { libraries: Reply.integer(libraries_count), functions: Reply.integer(functions_count) }
})

const statsOf: Reply.Decode<FunctionStats> = (value) => {
  const { engines, running_script } = fields(value)
  return { running: runningOf(running_script), engines: enginesOf(engines) }
}

/**
 * The function that a server is executing, and the number of its libraries and functions.
 *
 * In a cluster only one primary is asked, since several replies cannot be merged. Ask all of them, as in the example.
 * It waits while a function runs that this program has called. Fails with `ServerError` (code `BUSY`) while a script
 * runs for long. Since Redis 7.0.0.
 *
 * **Example** (Each primary)
 *
 * ```ts
 * import { Nodes, Redis } from "@redisc/core"
 *
 * const stats = Nodes.execute("primaries", Redis.functionStats())
 * ```
 *
 * @see https://redis.io/docs/latest/commands/function-stats/
 * @category scripting
 * @since 0.1.0
 */
export const functionStats = (): Command.Command<FunctionStats> => Command.makeSealed(FUNCTION_STATS, [], statsOf)

/**
 * Whether the server knows scripts, by their SHA-1 digests and in their order.
 *
 * In a cluster every primary is asked, and `true` means that all know it. Since Redis 2.6.0.
 *
 * **Example** (Is it there?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const known = Redis.scriptExists(["e0e1f9fabfc9d4800c877a703b823ac0578ff8db"]) // Command<ReadonlyArray<boolean>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/script-exists/
 * @category scripting
 * @since 0.1.0
 */
export const scriptExists = (shas: ReadonlyArray<string>): Command.Command<ReadonlyArray<boolean>> =>
  Args.command(SCRIPT_EXISTS, () => [...Args.some(shas, "digest")], booleans)

/**
 * Makes the server forget all scripts.
 *
 * In a cluster it is sent to every node. Since Redis 2.6.0, `ASYNC` and `SYNC` since 6.2.0.
 *
 * **Example** (An empty cache)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.scriptFlush() // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/script-flush/
 * @category scripting
 * @since 0.1.0
 */
export const scriptFlush = (options?: FlushOptions): Command.Command<"OK"> =>
  Args.command(SCRIPT_FLUSH, () => Args.flush(options), Reply.ok)

/**
 * Ends a script that has run for longer than the server's `busy-reply-threshold` and has not written yet.
 *
 * **Details**
 *
 * In a cluster it is sent to every primary, over a connection of its own, since a server reads nothing more from the
 * connection of the running script. It succeeds if one primary ends a script. Fails with `ServerError`: code `NOTBUSY`
 * when no script runs anywhere, `UNKILLABLE` when it has written. Since Redis 2.6.0.
 *
 * **Example** (Ending a script that does not end)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.scriptKill() // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/script-kill/
 * @category scripting
 * @since 0.1.0
 */
export const scriptKill = (): Command.Command<"OK"> => Command.make(SCRIPT_KILL, [], Reply.ok)

/**
 * Makes the server remember a script without running it, and replies its SHA-1 digest for `evalsha`.
 *
 * In a cluster it is sent to every node. Fails with `ServerError` when the script is not valid Lua. Since Redis 2.6.0.
 *
 * **Example** (Loading a script)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const sha = Redis.scriptLoad(`return redis.call("GET", KEYS[1])`) // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/script-load/
 * @category scripting
 * @since 0.1.0
 */
export const scriptLoad = (script: Command.Arg): Command.Command<string> =>
  Command.make(SCRIPT_LOAD, [script], Reply.text)
