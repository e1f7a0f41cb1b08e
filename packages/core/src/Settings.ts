/**
 * Checks of options at run time, for those who build a transport or a layer on redisc and take options of their own: what is
 * wrong is told in the words of the rest.
 *
 * Nothing here fails: a check answers what is wrong and what to write instead, or nothing. Values are never repeated.
 *
 * @since 0.1.0
 */
import * as Internal from "./internal/values/settings.ts"

/**
 * What is wrong with the value of an option of that name. It is not asked about what was left out.
 *
 * @category models
 * @since 0.1.0
 */
export type Check = Internal.Check

/**
 * The checks of the options that an object may have, by their names.
 *
 * @category models
 * @since 0.1.0
 */
export type Checks = Internal.Checks

/**
 * What is wrong with an object of options: that it is no plain object and no instance with properties of its own, that it
 * has an option that nobody knows (the nearest is named), or the first value that makes no sense. Options that are
 * `undefined` count as left out. `path` is where the object stands in another one.
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
 * A check by a predicate; `what` is what the value has to be.
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
 * Text, also empty text.
 *
 * @category checks
 * @since 0.1.0
 */
export const text: Check = Internal.text

/**
 * A `Duration.Input` above zero.
 *
 * @category checks
 * @since 0.1.0
 */
export const duration: Check = Internal.duration

/**
 * One of some words.
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
