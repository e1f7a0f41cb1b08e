/**
 * A write and the time to live of its key as one command: a script, since only SET has both. If the write is refused, the time to live
 * stays as it is.
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import { refuse } from "../commands/args.ts"
import { scriptArgs } from "../commands/scriptArgs.ts"
import { sha1 } from "../commands/sha1.ts"

const EVAL = CommandSpec.get("EVAL")
const EVALSHA = CommandSpec.get("EVALSHA")

const lua = `local reply = redis.call(unpack(ARGV, 2))
redis.call("PEXPIRE", KEYS[1], ARGV[1])
return reply`

const sha = sha1(lua)

/** Lua passes at most 8,000 arguments to a function. */
const most = 7_000

/** The command, which writes to the key, and then lets the key live for so many milliseconds. */
export const expiring = <A>(
  command: Command.Command<A>,
  key: string,
  millis: number | undefined
): Command.Command<A> => {
  const { args, decode, problem, spec } = command
  if (millis === undefined || problem !== undefined) return command
  if (args.length > most) {
    return refuse(`give fewer at a time: a key that expires is written by a script, which takes ${most} arguments`)
  }
  const input = { keys: [key], args: [millis, spec.name, ...args] }
  return Command.makeAbridged(
    { spec: EVALSHA, args: scriptArgs(sha, input) },
    { spec: EVAL, args: scriptArgs(lua, input) },
    decode
  )
}
