/**
 * What the keyspaces of all kinds of values have in common: a name, a time to live, and commands about the key itself.
 */
import * as Schema from "effect/Schema"
import * as Command from "../../Command.ts"
import * as Keys from "../../commands/keys.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as Args from "../commands/args.ts"
import { optionsProblem, satisfies } from "../values/settings.ts"
import type { Check, Checks } from "../values/settings.ts"
import { expiring } from "./expiring.ts"
import { keyOf } from "./name.ts"
import type { Name } from "./name.ts"
import type { Keyed } from "./types.ts"

/**
 * What the declarations of all kinds of values may have.
 *
 * **Details**
 *
 * `ex` is how long a key lives after it was last written; without it a key lives for ever. Every command of the keyspace that writes
 * gives it anew, those that only remove do not. All but `set` do it with a script, so that a key is never without it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly ex?: Args.Span | undefined
}

/**
 * Keys of one name. Commands on the key as a whole, whatever it holds.
 *
 * **Details**
 *
 * - `del` replies whether there was such a key, `exists` whether there is.
 * - `expire` lets the key live for as long as declared, from now on, and replies whether there is such a key.
 * - `pttl` replies for how many milliseconds the key still lives: -1 when it lives for ever, -2 when there is no such key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyspace<in out Params, out Tag extends string> {
  readonly name: Name<Params, string>
  readonly del: (params: Params) => Keyed<boolean, Tag>
  readonly exists: (params: Params) => Keyed<boolean, Tag>
  readonly expire: (params: Params) => Keyed<boolean, Tag>
  readonly pttl: (params: Params) => Keyed<number, Tag>
}

/** What makes the commands of a keyspace. `command` is the name for the error of one that could not be made. */
export interface Declared<in out Params, in out Tag extends string, out Given> {
  /** The options, or none of them if they are wrong. */
  readonly given: Partial<Given>
  readonly space: Keyspace<Params, Tag>
  /** The declared time to live, for commands that take one; `undefined` for ever. */
  readonly ex: Args.Span | undefined
  readonly on: <A>(command: string, params: Params, build: (key: string) => Command.Command<A>) => Keyed<A, Tag>
  /** Like `on`, for commands that write: the key gets its time to live. */
  readonly write: <A>(command: string, params: Params, build: (key: string) => Command.Command<A>) => Keyed<A, Tag>
  /** For a command on many keys. */
  readonly onAll: <A>(
    command: string,
    params: ReadonlyArray<Params>,
    build: (keys: ReadonlyArray<string>) => Command.Command<A>
  ) => Command.Command<A>
}

const span: Check = (_, value) => {
  try {
    Args.ex(value as Args.Span)
    return undefined
  } catch (error) {
    return error instanceof Args.Invalid ? error.problem : "ex can't be read"
  }
}

/** A check for a Schema. */
export const aSchema = satisfies("a Schema", Schema.isSchema)

const isThere = (count: number): boolean => count > 0

/** Reads a declaration. If it is wrong, its commands fail and say why. `checks` are of the options that it must have. */
export const declare = <Params, Tag extends string, Given extends Options>(
  name: Name<Params, string>,
  options: Given,
  checks: Checks
): Declared<Params, Tag, Given> => {
  const problem = optionsProblem(options, { ex: span, ...checks }) ??
    Object.keys(checks).map((each) => checks[each](each, (options as Readonly<Record<string, unknown>>)[each]))
      .find((each) => each !== undefined)
  const given: Partial<Given> = problem === undefined ? options : {}
  const { ex } = given
  const millis = ex === undefined ? undefined : Args.ex(ex)
  const right = (): Name<Params, string> => problem === undefined ? name : Args.refuse(`the keyspace: ${problem}`)

  const on: Declared<Params, Tag, Given>["on"] = (command, params, build) =>
    Args.building(CommandSpec.get(command), () => build(keyOf(right(), params)))

  return {
    given,
    ex,
    on,
    write: (command, params, build) => on(command, params, (key) => expiring(build(key), key, millis)),
    onAll: (command, params, build) =>
      Args.building(CommandSpec.get(command), () => {
        const known = right()
        return build(Args.some(params, "object of parameters").map((each) => keyOf(known, each)))
      }),
    space: {
      name,
      del: (params) => on("DEL", params, (key) => Command.map(Keys.del([key]), isThere)),
      exists: (params) => on("EXISTS", params, (key) => Command.map(Keys.exists([key]), isThere)),
      expire: (params) =>
        on("PEXPIRE", params, (key) =>
          millis === undefined
            ? Args.refuse("the keyspace has no time to live; declare ex, or use Redis.expire on its key")
            : Keys.pexpire(key, millis)),
      pttl: (params) => on("PTTL", params, Keys.pttl)
    }
  }
}
