/**
 * Failures of this package: arguments that are wrong, as redisc's error, and that error as the one of Effect's Redis service.
 */
import * as RedisError from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import * as Effect from "effect/Effect"
import * as Persisted from "effect/persistence/Redis"

/** The error of a command that was not sent because of a wrong argument. */
export const invalid = (problem: string, command?: string): RedisError.RedisError =>
  new RedisError.RedisError({
    reason: new RedisError.InvalidArgument({ problem }),
    delivery: "NotSent",
    attempts: 0,
    ...(command === undefined ? {} : { command })
  })

/** Fails with what is wrong with the options of a layer. */
export const checkOptions = (
  options: unknown,
  checks: Settings.Checks
): Effect.Effect<void, RedisError.RedisError> => {
  const problem = options === undefined ? undefined : Settings.optionsProblem(options, checks)
  return problem === undefined ? Effect.void : Effect.fail(invalid(problem))
}

/** Text in front of all keys of a store. A brace in it would be a hash tag, and bring all keys into one slot. */
export const prefixCheck: Settings.Check = (name, value) =>
  Settings.text(name, value) ??
    (/[{}]/.test(value as string) ? `${name} must have no braces: they would bring all keys into one slot` : undefined)

export const toPersisted = (cause: RedisError.RedisError): Persisted.RedisError => new Persisted.RedisError({ cause })
