/**
 * The arguments that EVAL, FCALL and their variants share: a script or its name, the number of keys, the keys, the rest.
 */
import type * as Command from "../../Command.ts"
import * as Args from "./args.ts"

/**
 * The input of a script or a function.
 *
 * **Details**
 *
 * - `keys`: all keys that the script reads or writes, in Lua `KEYS`. They must be in one slot. A script without keys is sent to
 *   any primary.
 * - `args`: everything else, in Lua `ARGV`. A number is sent as text, an infinity as `inf`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptInput {
  readonly keys?: ReadonlyArray<Command.Arg> | undefined
  readonly args?: ReadonlyArray<Command.Arg | number | bigint> | undefined
}

const none: ReadonlyArray<never> = []

const argOf = (arg: Command.Arg | number | bigint): Command.Arg => {
  if (typeof arg === "number") return Args.double(arg, "an argument")
  return typeof arg === "bigint" ? `${arg}` : arg
}

const given = Args.options<ScriptInput>({ keys: Args.any, args: Args.any })

/** The arguments of a command that runs `script`: its text, its digest, or the name of a function. */
export const scriptArgs = (script: Command.Arg, input: ScriptInput | undefined): Args.Args => {
  const { args = none, keys = none } = given(input)
  const sent = [script, `${Args.list(keys, "key").length}`, ...keys]
  for (const arg of Args.list(args, "argument")) sent.push(argOf(arg))
  return sent
}
