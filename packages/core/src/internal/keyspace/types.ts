/**
 * What types know about keys: the parameters of a pattern, its hash tag, and whether commands can be in one slot.
 */
import type * as Schema from "effect/Schema"
import type * as Command from "../../Command.ts"

declare const tagged: unique symbol

/**
 * A command whose keys have the hash tag `Tag`, written as in the pattern: `"<user>"`. A key without braces is its own tag.
 *
 * Functions that return a plain `Command`, such as `Cached.for`, forget the tag. {@link transaction} then leaves it to the client to
 * find keys of different slots, as it does for any command.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyed<out A, out Tag extends string> extends Command.Command<A> {
  readonly [tagged]?: Tag
}

/**
 * The Schema of a parameter, which encodes it as text or as a number.
 *
 * @category models
 * @since 0.1.0
 */
export type Parameter = Schema.Codec<unknown, string | number>

/** The names of the parameters of a pattern. */
type NamesOf<Pattern extends string> = string extends Pattern ? never
  : Pattern extends `${string}<${infer Name}>${infer Rest}` ? Name | NamesOf<Rest>
  : never

/**
 * The Schemas of a pattern's parameters, by name. A parameter without one is text.
 *
 * @category models
 * @since 0.1.0
 */
export type Parameters<Pattern extends string> = { readonly [Name in NamesOf<Pattern>]?: Parameter }

/**
 * The parameters of a pattern, as their Schemas decode them.
 *
 * @category models
 * @since 0.1.0
 */
export type ParamsOf<Pattern extends string, Schemas> =
  & {
    readonly [Name in NamesOf<Pattern>]: Schemas extends { readonly [K in Name]: { readonly Type: infer T } } ? T
      : string
  }
  & {}

/** No other names than those of the pattern. */
export type Only<Pattern extends string, Schemas> = {
  readonly [Name in Exclude<keyof Schemas, NamesOf<Pattern>>]: never
}

/** Two sets of parameters as one. */
export type Both<One, Other> = One & Other extends infer All ? { readonly [Name in keyof All]: All[Name] } : never

/**
 * The hash tag of a pattern: what is inside of its braces, or all of it.
 *
 * @category models
 * @since 0.1.0
 */
export type TagOf<Pattern extends string> = Pattern extends `${string}{${infer Tag}}${string}` ? Tag : Pattern

/** A tag without the names of its parameters: those may have the same value. */
type Nameless<Tag extends string> = Tag extends `${infer Before}<${string}>${infer Rest}` ?
  `${Before}<>${Nameless<Rest>}`
  : Tag

type MayBeEqual<One extends string, Other extends string> = Nameless<One> extends Nameless<Other> ? true
  : Nameless<Other> extends Nameless<One> ? true
  : false

/** The tag of a command; `never` if it is not known. */
type TagOfCommand<C> = C extends Keyed<unknown, infer Tag> ? string extends Tag ? never : Tag : never

type Tags<Commands extends ReadonlyArray<unknown>> = Commands extends readonly [infer First, ...infer Rest]
  ? [TagOfCommand<First>] extends [never] ? Tags<Rest> : [TagOfCommand<First>, ...Tags<Rest>]
  : []

type Strange<Tag extends string, Others extends ReadonlyArray<string>> = Others extends
  readonly [infer Other extends string, ...infer Rest extends ReadonlyArray<string>]
  ? MayBeEqual<Tag, Other> extends true ? Strange<Tag, Rest> : Other
  : never

type Check<All extends ReadonlyArray<string>> = All extends
  readonly [infer First extends string, ...infer Rest extends ReadonlyArray<string>]
  ? [Strange<First, Rest>] extends [never] ? unknown
  : `keys tagged {${First}} and {${Strange<First, Rest>}} are in different slots: no transaction can have both`
  : unknown

/**
 * What {@link transaction} demands of its commands: that their tags, as far as types know them, can be equal.
 *
 * @category models
 * @since 0.1.0
 */
export type OneTag<Commands extends ReadonlyArray<unknown>> = Check<Tags<Commands>>
