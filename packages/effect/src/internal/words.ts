/**
 * Commands from words, as Effect's Redis service gets them.
 */
import * as Command from "@redisc/core/Command"
import * as CommandSpec from "@redisc/core/CommandSpec"
import * as Redis from "@redisc/core/Redis"
import type * as Resp from "@redisc/core/Resp"
import * as Slot from "@redisc/core/Slot"

const raw = (value: Resp.Value): Resp.Value => value

const hasTag = (arg: Command.Arg | undefined): arg is string => typeof arg === "string" && Slot.hashTag(arg) !== arg

/**
 * The place of the argument by which a command is routed that counts its keys and has none: the first one behind the count, if it
 * has a hash tag. -1 for any other command.
 */
const placeOfTag = ({ keys }: CommandSpec.CommandSpec, args: ReadonlyArray<Command.Arg>): number => {
  if (keys.length !== 1) return -1
  const [{ begin, find }] = keys
  if (find._tag !== "Count" || begin._tag !== "Index" || args[begin.index + find.index] !== "0") return -1
  const place = begin.index + find.first
  return hasTag(args[place]) ? place : -1
}

/** The same command, sent to the owner of its first argument's hash tag if it is a script without keys. */
export const byTag = (command: Command.Command<Resp.Value>): Command.Command<Resp.Value> => {
  if (command.problem !== undefined) return command
  const affinity = placeOfTag(command.spec, command.args)
  return affinity < 0 ? command : Command.make({ ...command.spec, affinity }, command.args, raw)
}

/** The argument that chooses the node of a script without keys. */
export const tagOf = ({ args, spec }: Command.Any): string | undefined => {
  const arg = spec.affinity < 0 || spec.keys.length === 0 ? undefined : args[spec.affinity]
  return hasTag(arg) ? arg : undefined
}

export const fromWords = (name: string, args: ReadonlyArray<string>): Command.Command<Resp.Value> =>
  byTag(Redis.command(name, args))

export const make = (spec: CommandSpec.CommandSpec, args: ReadonlyArray<Command.Arg>): Command.Command<Resp.Value> =>
  byTag(Command.make(spec, args, raw))

/** The facts about a command that is certainly in the table. */
export const specOf = (name: string): CommandSpec.CommandSpec => CommandSpec.find(name) ?? CommandSpec.unknown(name, [])
