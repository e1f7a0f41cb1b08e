/**
 * Which commands of a batch have been overtaken: a later one on the same key, or to the same channel, has been executed, or
 * may have been, while they have not. To try them again would execute them behind it. Commands that only read may come in any
 * order. Pure.
 */
import type * as Result from "effect/Result"
import type * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"

const encoder = new TextEncoder()

/** The bytes of a key as text, so that a key given as text and the same one given as bytes are one. */
const nameOf = (key: Command.Arg): string =>
  Array.from(typeof key === "string" ? encoder.encode(key) : key, (byte) => String.fromCharCode(byte)).join("")

/** What a command has its turn at: its keys, and the channel that it goes to the owner of. */
const turnsOf = ({ args, before, spec }: Command.Any): ReadonlyArray<string> => [
  ...before.flatMap(turnsOf),
  ...CommandSpec.keyIndexes(spec, args).map((index) => `key ${nameOf(args[index])}`),
  ...(spec.affinity >= 0 && args.length > spec.affinity ? [`channel ${nameOf(args[spec.affinity])}`] : [])
]

const onlyReads = ({ before, spec }: Command.Any): boolean =>
  before.length === 0 ? spec.readOnly : before.every((command, index) => index === 0 || command.spec.readOnly)

/** The last of the commands on a key, or to a channel, that were executed or may have been: of all, and of those that write. */
interface Last {
  any: number
  writes: number
}

/** Tells by its index whether a command has been overtaken, from what came of the first try of each. */
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
