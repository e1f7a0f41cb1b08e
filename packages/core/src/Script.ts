/**
 * Turns the server's scripts and functions into typed functions of the program, which take parameters and return a command.
 *
 * {@link make} is for a Lua script that is part of the program, {@link fn} for a function of a library that was loaded with
 * `Redis.functionLoad`. The resulting command is like any other: it can be run, go into a pipeline or a transaction, and be
 * marked as idempotent.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Command from "./Command.ts"
import * as CommandSpec from "./CommandSpec.ts"
import * as Args from "./internal/commands/args.ts"
import * as Reply from "./internal/commands/reply.ts"
import { scriptArgs } from "./internal/commands/scriptArgs.ts"
import type { ScriptInput } from "./internal/commands/scriptArgs.ts"
import { sha1 } from "./internal/commands/sha1.ts"
import { aFunction, flag, optionsProblem, satisfies, text } from "./internal/values/settings.ts"
import type { Check } from "./internal/values/settings.ts"
import type * as Resp from "./Resp.ts"

const EVAL = CommandSpec.get("EVAL")
const EVALSHA = CommandSpec.get("EVALSHA")
const EVALSHA_RO = CommandSpec.get("EVALSHA_RO")
const EVAL_RO = CommandSpec.get("EVAL_RO")
const FCALL = CommandSpec.get("FCALL")
const FCALL_RO = CommandSpec.get("FCALL_RO")

/**
 * A script: a function from its parameters to the command that runs it, with the script's text and its SHA-1 digest.
 *
 * @category models
 * @since 0.1.0
 */
export interface Script<in Params extends ReadonlyArray<unknown>, out A> {
  (...params: Params): Command.Command<A>
  readonly lua: string
  readonly sha: string
}

/**
 * A function of a loaded library: a function from its parameters to the command that calls it, with its name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fn<in Params extends ReadonlyArray<unknown>, out A> {
  (...params: Params): Command.Command<A>
  readonly name: string
}

/**
 * The options of a script.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in Params extends ReadonlyArray<unknown>> {
  readonly lua: string
  /** Maps the caller's parameters to the keys and the other arguments of the script. */
  readonly params: (...params: Params) => ScriptInput
  /** Whether the script only reads; if true, the server refuses its writes. Since Redis 7.0.0. */
  readonly readOnly?: boolean | undefined
}

/**
 * The options of a function.
 *
 * @category models
 * @since 0.1.0
 */
export interface FnOptions<in Params extends ReadonlyArray<unknown>> {
  /** The name under which the library has registered it. */
  readonly name: string
  /** Maps the caller's parameters to the keys and the other arguments of the function. */
  readonly params: (...params: Params) => ScriptInput
  /** Whether the function only reads; if true, it must be registered with the flag `no-writes`. */
  readonly readOnly?: boolean | undefined
}

/** The part that scripts and functions share: maps the parameters, builds the command, and decodes its reply. */
const typed = <Params extends ReadonlyArray<unknown>>(
  spec: CommandSpec.CommandSpec,
  { problem, options: { params, result } }: Checked<{
    readonly params: (...params: Params) => ScriptInput
    readonly result?: Schema.Decoder<unknown> | undefined
  }>,
  build: (input: ScriptInput) => Command.Command<Resp.Value>
) => {
  const decode = problem !== undefined || result === undefined ? undefined : Reply.schema(result)
  return (...given: Params): Command.Any =>
    Args.building(spec, () => {
      const command = build(problem === undefined ? inputOf(params, given) : Args.refuse(problem))
      return decode === undefined ? command : Command.map(command, decode)
    })
}

/** The options as given, and the problem with them, if any. */
interface Checked<Options> {
  readonly options: Options
  readonly problem: string | undefined
}

const inputOf = <Params extends ReadonlyArray<unknown>>(
  params: (...params: Params) => ScriptInput,
  given: Params
): ScriptInput => {
  let input: ScriptInput | undefined
  try {
    input = params(...given)
  } catch (error) {
    return Args.refuse(
      `params threw ${error instanceof Error ? `a ${error.name}` : "something"}: look at what it was given`
    )
  }
  return input ?? Args.refuse("params has to answer an object of keys and args, and answered nothing")
}

const shared = {
  params: aFunction,
  readOnly: flag,
  result: satisfies("a Schema", Schema.isSchema)
}
const makeChecks = { lua: text, ...shared }
const fnChecks = { name: text, ...shared }

const checked = <Options extends object>(
  options: Options,
  checks: Readonly<Record<string, Check>>,
  ...demanded: ReadonlyArray<string>
): Checked<Options> => {
  const problem = optionsProblem(options, checks)
  if (problem !== undefined) return { options: {} as Options, problem }
  const missing = demanded.find((name) => (options as Readonly<Record<string, unknown>>)[name] === undefined)
  return { options, problem: missing === undefined ? undefined : `${missing} is missing` }
}

/**
 * Makes a Lua script.
 *
 * **Details**
 *
 * The client sends the script's digest. It sends the text only to a server that does not know the digest: after a restart, on a
 * new node, or on one that has become primary. Nothing has to be loaded beforehand. In a transaction, where a second try is
 * impossible, the text is sent.
 *
 * - `params` maps the caller's parameters to `keys` and `args`. List every key that the script reads or writes. Keys of
 *   different slots are refused before sending; a script without keys runs on any primary.
 * - `result` is a Schema whose encoded side is the script's return value. Without it you get the raw reply.
 * - `readOnly` scripts (since Redis 7.0) can't write, and are sent again when their connection is lost. Other scripts then
 *   fail with `MaybeExecuted`, unless the command is marked with `Command.idempotent`.
 *
 * A reply that does not fit `result` fails with `DecodeFailed`. An error in the script is a `ServerError` with the code `ERR`,
 * or, since Redis 7.0, with the code of the command that failed in the script. The script may have written before, so
 * `delivery` is `"MaybeExecuted"`, unless it can't write, or the text proves that it has not begun. Since Redis 2.6.0.
 *
 * **Gotchas**
 *
 * - Unlike with `Command.schema`, the Schema also decodes nil (and Lua's `false`), as `null`: use `Schema.NullOr` for a script
 *   that may return it.
 * - In replies Lua's numbers lose their decimals, `true` becomes 1, and a table ends at its first nil.
 *
 * **Example** (A rate limiter)
 *
 * ```ts
 * import { Script } from "@redisc/core"
 * import { Duration, Effect, Schema } from "effect"
 *
 * const hit = Script.make({
 *   lua: `
 *     local count = redis.call("INCR", KEYS[1])
 *     if count == 1 then redis.call("PEXPIRE", KEYS[1], ARGV[2]) end
 *     if count <= tonumber(ARGV[1]) then return { 1, 0 } end
 *     return { 0, redis.call("PTTL", KEYS[1]) }`,
 *   params: (user: string, options: { readonly limit: number; readonly window: Duration.Input }) => ({
 *     keys: [`hits:${user}`],
 *     args: [options.limit, Duration.toMillis(options.window)]
 *   }),
 *   result: Schema.Tuple([Schema.BooleanFromBit, Schema.DurationFromMillis])
 * })
 *
 * const allowed = Effect.gen(function*() {
 *   const [ok, wait] = yield* hit("ada", { limit: 100, window: "1 minute" }) // readonly [boolean, Duration]
 *   if (!ok) yield* Effect.log(`too many requests, try again in ${Duration.format(wait)}`)
 *   return ok
 * })
 * ```
 *
 * **Example** (A document, or nil)
 *
 * ```ts
 * import { Redis, Script } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const User = Schema.Struct({ name: Schema.String, age: Schema.Number })
 *
 * const oldest = Script.make({
 *   lua: `
 *     local ids = redis.call("ZRANGE", KEYS[1], 0, 0)
 *     return ids[1] and redis.call("HGET", KEYS[2], ids[1])`,
 *   params: (group: string) => ({ keys: [`{${group}}:by-age`, `{${group}}:users`] }),
 *   result: Schema.NullOr(Schema.fromJsonString(User)),
 *   readOnly: true
 * })
 *
 * const both = Redis.pipeline([oldest("staff"), oldest("guests")])
 * ```
 *
 * @see https://redis.io/docs/latest/develop/programmability/eval-intro/
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <Params extends ReadonlyArray<unknown>>(
    options: Options<Params> & { readonly result?: undefined }
  ): Script<Params, Resp.Value>
  <Params extends ReadonlyArray<unknown>, A>(
    options: Options<Params> & { readonly result: Schema.Decoder<A> }
  ): Script<Params, A>
} = <Params extends ReadonlyArray<unknown>>(
  options: Options<Params> & { readonly result?: Schema.Decoder<unknown> | undefined }
): Script<Params, never> => {
  const given = checked(options, makeChecks, "lua", "params")
  const { lua = "", readOnly } = given.options
  const sha = sha1(lua)
  const [short, full] = readOnly === true ? [EVALSHA_RO, EVAL_RO] : [EVALSHA, EVAL]
  const call = typed(short, given, (input) => {
    const args = scriptArgs(sha, input)
    return Command.makeAbridged({ spec: short, args }, { spec: full, args: args.with(0, lua) }, Reply.raw)
  })
  return Object.assign(call as (...params: Params) => Command.Command<never>, { lua, sha })
}

/**
 * Makes a typed call of a function that was loaded with `Redis.functionLoad`. Parameters and results are as in
 * {@link make}.
 *
 * **Details**
 *
 * The client does not load functions by itself: load the library once for the whole cluster, and again, with `replace`, when
 * it changes. The call fails with `ServerError` if there is no such function, or if the function fails. Since Redis 7.0.0.
 *
 * **Example** (A library and its typed function)
 *
 * ```ts
 * import { Redis, Script } from "@redisc/core"
 * import { Effect, Schema } from "effect"
 *
 * const library = `#!lua name=visits
 *   redis.register_function("visits_add", function(keys, args)
 *     return redis.call("HINCRBY", keys[1], args[1], args[2])
 *   end)`
 *
 * const visited = Script.fn({
 *   name: "visits_add",
 *   params: (page: string, user: string, times: number) => ({ keys: [`visits:${page}`], args: [user, times] }),
 *   result: Schema.Number
 * })
 *
 * const program = Effect.gen(function*() {
 *   yield* Redis.functionLoad(library, { replace: true })
 *   return yield* visited("home", "ada", 1) // number
 * })
 * ```
 *
 * @see https://redis.io/docs/latest/develop/programmability/functions-intro/
 * @category constructors
 * @since 0.1.0
 */
export const fn: {
  <Params extends ReadonlyArray<unknown>>(
    options: FnOptions<Params> & { readonly result?: undefined }
  ): Fn<Params, Resp.Value>
  <Params extends ReadonlyArray<unknown>, A>(
    options: FnOptions<Params> & { readonly result: Schema.Decoder<A> }
  ): Fn<Params, A>
} = <Params extends ReadonlyArray<unknown>>(
  options: FnOptions<Params> & { readonly result?: Schema.Decoder<unknown> | undefined }
): Fn<Params, never> => {
  const given = checked(options, fnChecks, "name", "params")
  const { name = "", readOnly } = given.options
  const spec = readOnly === true ? FCALL_RO : FCALL
  const call = typed(spec, given, (input) => Command.make(spec, scriptArgs(name, input), Reply.raw))
  return Object.defineProperty(call as (...params: Params) => Command.Command<never>, "name", { value: name })
}
