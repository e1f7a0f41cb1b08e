/**
 * Commands that wait for an element: BLPOP, BZPOPMIN and the like.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Value } from "../../data/value.ts"
import type { Invocation, Outcome } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import * as Arguments from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

/** An integer of at least `min`. Any other argument gives the same error. */
export const atLeast = (arg: Bin, min: number, problem: string): number => {
  const value = Arguments.integer(arg, problem)
  if (value < min) throw new CommandError(problem)
  return value
}

/**
 * Tries to take something from the first key that has something, and otherwise blocks. Values of the wrong type are an error
 * for the first try, but ignored while waiting.
 */
export const takeOrBlock = (
  { keys: data, node, session }: Invocation,
  options: {
    readonly type: Value["type"]
    readonly keys: ReadonlyArray<Bin>
    readonly timeout: number
    readonly attempt: (keys: ReadonlyArray<Bin>) => Resp.Reply | undefined
    /** The reply if the command may not block. */
    readonly refused?: Resp.Reply
  }
): Outcome => {
  const { attempt, keys, refused = Resp.Reply.nullArray, timeout, type } = options
  const found = attempt(keys)
  if (found !== undefined) return found
  if (!session.mayBlock) return refused
  return {
    _tag: "Block",
    keys,
    timeout,
    onTimeout: Resp.Reply.nullArray,
    // Until 7.2 a waiting client looked only at the key that was written: of two keys that one transaction wrote, the first one
    // served it. Since then the command is run anew.
    retry: (written?: Bin) => {
      const anew = since(node.version, 7.2) && (written === undefined || data.get(written)?.type === type)
      const ready = anew
        ? keys
        : (written === undefined ? keys : [written]).filter((key) => data.get(key)?.type === type)
      try {
        return ready.length === 0 ? undefined : attempt(ready)
      } catch (error) {
        if (error instanceof CommandError) return Resp.Reply.error(error.text)
        throw error
      }
    }
  }
}

/** The arguments of the pops with several keys. */
export interface MultiPop {
  readonly keys: ReadonlyArray<Bin>
  readonly where: string
  readonly count: number
}

/** Reads `numkeys key [key ...] <where> [COUNT count]`. */
export const multiPop = (args: ReadonlyArray<Bin>, wheres: ReadonlyArray<string>): MultiPop => {
  const numkeys = atLeast(args[0], 1, "ERR numkeys should be greater than 0")
  const where = Arguments.word(args[numkeys + 1])
  if (!wheres.includes(where)) throw Arguments.syntaxError()
  let count: number | undefined
  for (let i = numkeys + 2; i < args.length; i += 2) {
    if (count !== undefined || Arguments.word(args[i]) !== "COUNT" || i + 1 >= args.length) {
      throw Arguments.syntaxError()
    }
    count = atLeast(args[i + 1], 1, "ERR count should be greater than 0")
  }
  return { keys: args.slice(1, numkeys + 1), where, count: count ?? 1 }
}
