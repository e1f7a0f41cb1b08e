/**
 * The name of keys: a pattern, and a Schema for each of its parameters. From parameters to a key, and from a key to its parameters.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import { InvalidArgument } from "../../RedisError.ts"
import type { RedisError } from "../../RedisError.ts"
import * as Args from "../commands/args.ts"
import { unsent } from "../failures/failure.ts"
import { isPlain, kindOf } from "../values/settings.ts"
import * as Template from "./template.ts"
import type { Both, Keyed, Only, Parameter, Parameters, ParamsOf, TagOf } from "./types.ts"
import { text } from "./values.ts"
import type { Text } from "./values.ts"

const TypeId = "~@redisc/core/Keyspace/Name" as const

/**
 * The name of keys, a pattern with parameters: from parameters to the key, and back.
 *
 * **Details**
 *
 * - `pattern` is the pattern with all that it stands under: `"shop:cart:{<user>}"`.
 * - `match` is the pattern for `Scan` and SCAN. Servers' patterns can't say where a parameter ends, so it may match keys of others, too;
 *   {@link scan} leaves those out.
 * - `name` makes a name under this one, behind a colon, which has the parameters of both.
 * - `key` is the key with these parameters, or the error with which a command would fail that has them.
 * - `parse` gives the parameters of a key, if it has this name.
 * - `command` makes any command on the key, for those that a keyspace has no function for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Name<in out Params, out Pattern extends string> {
  readonly [TypeId]: Parts
  readonly pattern: Pattern
  readonly match: string
  readonly name: <const Sub extends string, const Schemas extends Parameters<Sub> = {}>(
    pattern: Sub,
    parameters?: Schemas & Only<Sub, Schemas>
  ) => Name<Both<Params, ParamsOf<Sub, Schemas>>, `${Pattern}:${Sub}`>
  readonly key: (params: Params) => Result.Result<string, RedisError>
  readonly parse: (key: Command.Arg) => Option.Option<Params>
  readonly command: <A>(params: Params, make: (key: string) => Command.Command<A>) => Keyed<A, TagOf<Pattern>>
}

type Schemas = Readonly<Record<string, Parameter>>

/** What a name is made of, or what is wrong with it. */
interface Parts {
  readonly template: Template.Template | undefined
  readonly schemas: Schemas
  readonly texts: ReadonlyArray<Text<unknown>>
  readonly problem: string | undefined
}

const plain = text(Schema.String)

/** The text of a parameter without a Schema, which is most of them: text needs no encoding. */
const asItIs = {
  encode: (value: unknown, what: string) => typeof value === "string" ? value : plain.encode(value as string, what),
  decode: plain.decode
}

const textOf = (schema: Parameter | undefined): Text<unknown> =>
  schema === undefined ? asItIs : text(Schema.toCodecStringTree(schema) as Schema.Codec<unknown, string>)

const schemasProblem = (names: ReadonlyArray<string>, schemas: unknown): string | undefined => {
  if (!isPlain(schemas)) return `give the Schemas of its parameters as an object, not ${kindOf(schemas)}`
  if (Object.keys(schemas).some((name) => !names.includes(name))) {
    return "there is a Schema for a parameter that it has not"
  }
  const wrong = names.find((name) => schemas[name] !== undefined && !Schema.isSchema(schemas[name]))
  return wrong === undefined ? undefined : `its parameter ${wrong} has to have a Schema, not ${kindOf(schemas[wrong])}`
}

/** Takes a pattern apart that stands under another one, or under none. */
const partsOf = (pattern: unknown, above: Parts | undefined, own: unknown): Parts => {
  if (above?.problem !== undefined) return above
  const failed = (problem: string): Parts => ({ template: undefined, schemas: {}, texts: [], problem })
  if (typeof pattern !== "string") return failed(`the pattern of the key has to be text, not ${kindOf(pattern)}`)
  const template = Template.parse(pattern)
  if (typeof template === "string") return failed(`the pattern of the key ${template}`)
  try {
    const problem = own === undefined ? undefined : schemasProblem(template.names, own)
    if (problem !== undefined) return failed(`the pattern of the key: ${problem}`)
    const schemas = { ...above?.schemas, ...own as Schemas }
    return { template, schemas, texts: template.names.map((name) => textOf(schemas[name])), problem: undefined }
  } catch {
    return failed("the pattern of the key: the Schema of a parameter can't be read, or can't be text")
  }
}

/** The text of a parameter in a key. */
const valueOf = (name: string, text: Text<unknown>, params: Readonly<Record<string, unknown>>): string => {
  const value = Object.hasOwn(params, name) ? params[name] : undefined
  if (value === undefined) return Args.refuse(`the parameter ${name} of the key is missing`)
  if (typeof value === "number" && !Number.isFinite(value)) return Args.refuse(`the parameter ${name} is ${value}`)
  const encoded = text.encode(value, `the parameter ${name} of the key`)
  return encoded === "" ? Args.refuse(`the parameter ${name} of the key is empty`) : encoded
}

const isName = (value: unknown): value is Name<never, string> =>
  typeof value === "object" && value !== null && TypeId in value

const ready = <Params>(name: Name<Params, string>) => {
  if (!isName(name)) return Args.refuse(`give the name of the keys, as Keyspace.name makes it, not ${kindOf(name)}`)
  const { problem, template, texts } = name[TypeId]
  return template === undefined ? Args.refuse(`${problem}`) : { template, texts }
}

const given = (params: unknown): Readonly<Record<string, unknown>> =>
  typeof params === "object" && params !== null
    ? params as Readonly<Record<string, unknown>>
    : Args.refuse(`give the parameters of the key as an object, not ${kindOf(params)}`)

/** The key with these parameters. Throws `Invalid`. */
export const keyOf = <Params>(name: Name<Params, string>, params: Params): string => {
  const { template, texts } = ready(name)
  return Template.format(template, template.names.map((each, index) => valueOf(each, texts[index], given(params))))
}

/** The pattern for SCAN of the keys with those parameters that are given. Throws `Invalid`. */
export const globOf = <Params>(name: Name<Params, string>, some: Partial<Params>): string => {
  const { template, texts } = ready(name)
  const values = template.names.map((each, index) =>
    given(some)[each] === undefined ? undefined : valueOf(each, texts[index], given(some))
  )
  return Template.glob(template, values)
}

/** Whether the keys of two names can be the same. A name whose pattern is wrong has no keys. */
export const overlap = (one: unknown, other: unknown): boolean => {
  const [a, b] = [one, other].map((each) => isName(each) ? each[TypeId].template : undefined)
  return a !== undefined && b !== undefined && Template.overlap(a, b)
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const parse = ({ template, texts }: Parts, key: Command.Arg): Readonly<Record<string, unknown>> | undefined => {
  if (template === undefined) return undefined
  const whole = typeof key === "string" ? key : decoder.decode(key)
  const values = Template.valuesOf(template, whole)
  if (values === undefined) return undefined
  const params: Record<string, unknown> = {}
  template.names.forEach((name, index) => params[name] = texts[index].decode(values[index]))
  // Another spelling of the same parameters, such as 01 for 1, is another key.
  const own = template.names.map((name, index) => valueOf(name, texts[index], params))
  return Template.format(template, own) === whole ? params : undefined
}

/** Runs what throws `Invalid`. */
export const attempt = <A>(run: () => A): Result.Result<A, RedisError> => {
  try {
    return Result.succeed(run())
  } catch (error) {
    const problem = error instanceof Args.Invalid ? error.problem : "a parameter of the key is not what its type says"
    return Result.fail(unsent(new InvalidArgument({ problem })))
  }
}

/** The facts of a command that could not be made. The name is empty, so errors show none. */
const nameless = CommandSpec.unknown("", [])

/** A pattern that is no text, or empty, stays as it is, and is told as that. */
const under = <Pattern extends string, Sub extends string>(pattern: Pattern, sub: Sub) =>
  (typeof sub === "string" && sub !== "" ? `${pattern}:${sub}` : sub) as `${Pattern}:${Sub}`

/**
 * Makes a name of a pattern and the Schemas of its parameters. `above` is of the name that it stands under, whose pattern is a part of
 * this one.
 */
export const make = <Params, Pattern extends string>(
  pattern: Pattern,
  own: unknown,
  above?: Parts
): Name<Params, Pattern> => {
  const parts = partsOf(pattern, above, own)
  const { template } = parts
  const self: Name<Params, Pattern> = {
    [TypeId]: parts,
    pattern,
    match: template === undefined ? "" : Template.glob(template, template.names.map(() => undefined)),
    name: (sub, parameters) => make(under(pattern, sub), parameters, parts),
    key: (params) => attempt(() => keyOf(self, params)),
    parse: (key) => {
      try {
        return Option.fromUndefinedOr(parse(parts, key) as Params | undefined)
      } catch {
        return Option.none()
      }
    },
    command: (params, build) => Args.building(nameless, () => Command.orInvalid(build(keyOf(self, params))))
  }
  return self
}
