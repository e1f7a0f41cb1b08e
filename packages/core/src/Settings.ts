/**
 * Run-time checks of options, for authors of transports and layers with options of their own: their users get the same kind of
 * messages as from redisc itself.
 *
 * Nothing here fails or throws: a check returns a problem (what is wrong, and what to write instead) or `undefined`. A problem
 * never shows the value.
 *
 * @since 0.1.0
 */
import * as Internal from "./internal/values/settings.ts"

/**
 * Checks the value of an option. It gets the option's name, and is not called for an option that was left out.
 *
 * @category models
 * @since 0.1.0
 */
export type Check = Internal.Check

/**
 * The check of each option that an object may have, by name.
 *
 * @category models
 * @since 0.1.0
 */
export type Checks = Internal.Checks

/**
 * Checks an object of options. The problem is that it is neither a plain object nor an instance with own properties, that it
 * has an unknown option (the nearest known one is suggested), or its first wrong value. Options that are `undefined` count as
 * left out. `path` is the name of the option that holds the object, if it is inside another one.
 *
 * **Example** (A transport with one option)
 *
 * ```ts
 * import * as Settings from "@redisc/core/Settings"
 *
 * const checks = { keepAlive: Settings.flag }
 * Settings.optionsProblem({ keepAlve: true }, checks) // => "keepAlve is not an option; did you mean keepAlive?"
 * Settings.optionsProblem({ keepAlive: 1 }, checks) // => "keepAlive has to be true or false, not a number"
 * Settings.optionsProblem({ keepAlive: true }, checks) // => undefined
 * ```
 *
 * @category checking
 * @since 0.1.0
 */
export const optionsProblem: (options: unknown, checks: Checks, path?: string) => string | undefined =
  Internal.optionsProblem

/**
 * Makes a check from a predicate. `what` says what the value has to be.
 *
 * **Example** (A port)
 *
 * ```ts
 * import * as Settings from "@redisc/core/Settings"
 *
 * const port = Settings.satisfies("a port", (value) => Number.isInteger(value))
 * port("port", "6379") // => "port has to be a port, not text"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const satisfies: (what: string, isRight: (value: unknown) => boolean) => Check = Internal.satisfies

/**
 * True or false.
 *
 * @category checks
 * @since 0.1.0
 */
export const flag: Check = Internal.flag

/**
 * Text, which may be empty.
 *
 * @category checks
 * @since 0.1.0
 */
export const text: Check = Internal.text

/**
 * A `Duration.Input` of at least a millisecond.
 *
 * @category checks
 * @since 0.1.0
 */
export const duration: Check = Internal.duration

/**
 * One of the given words.
 *
 * **Example** (A version)
 *
 * ```ts
 * import * as Settings from "@redisc/core/Settings"
 *
 * const version = Settings.oneOf("TLSv1.2", "TLSv1.3")
 * version("minVersion", "TLSv1.1")
 * // => 'minVersion has to be one of "TLSv1.2", "TLSv1.3"; did you mean "TLSv1.2"?'
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const oneOf: (...choices: ReadonlyArray<string>) => Check = Internal.oneOf
