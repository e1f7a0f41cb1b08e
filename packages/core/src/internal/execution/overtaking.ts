/**
 * Finds the commands of a batch that were overtaken: they were not executed, but a later command on the same key or channel
 * was, or may have been. Trying them again would execute them after that command. Commands that only read can be executed in
 * any order. Pure.
 */
import type * as Result from "effect/Result"
import type * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"

const encoder = new TextEncoder()

/** A name for a key, the same for text as for bytes. */
const nameOf = (key: Command.Arg): string =>
  Array.from(typeof key === "string" ? encoder.encode(key) : key, (byte) => String.fromCharCode(byte)).join("")

/** Names everything on which a command has to keep its order: its keys, and the channel that it publishes to. */
export const turnsOf = ({ args, before, spec }: Command.Any): ReadonlyArray<string> => [
  ...before.flatMap(turnsOf),
  ...CommandSpec.keyIndexes(spec, args).map((index) => `key ${nameOf(args[index])}`),
  ...(spec.affinity >= 0 && args.length > spec.affinity ? [`channel ${nameOf(args[spec.affinity])}`] : [])
]

export const onlyReads = ({ before, spec }: Command.Any): boolean =>
  before.length === 0 ? spec.readOnly : before.every((command, index) => index === 0 || command.spec.readOnly)

/** For a key or channel, the indexes of the last command and of the last write that were executed, or may have been. */
interface Last {
  any: number
  writes: number
}

/**
 * Returns a predicate that says whether the command at an index was overtaken, given the first results and the remaining work.
 */
export const overtakers = (
  commands: ReadonlyArray<Command.Any>,
  results: ReadonlyArray<Result.Result<unknown, unknown> | undefined>,
  rest: ReadonlyArray<{ readonly index: number; readonly tried: boolean }>
): (index: number) => boolean => {
  if (rest.length === 0) return () => false
  const executed = results.map((result) => result?._tag === "Success")
  for (const { index, tried } of rest) executed[index] = tried
  const byTurn = new Map<string, Last>()
  commands.forEach((command, index) => {
    if (!executed[index]) return
    for (const name of turnsOf(command)) {
      const last = byTurn.get(name) ?? { any: -1, writes: -1 }
      last.any = index
      if (!onlyReads(command)) last.writes = index
      byTurn.set(name, last)
    }
  })
  return (index) => {
    const command = commands[index]
    const which = onlyReads(command) ? "writes" : "any"
    return turnsOf(command).some((name) => (byTurn.get(name)?.[which] ?? -1) > index)
  }
}
