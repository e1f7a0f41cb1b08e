/**
 * A command as a value: what to send, where its keys are, and how to read the reply. It is also an Effect, which sends
 * it through the {@link Redis} service. The same value can go into a pipeline or a transaction instead.
 *
 * Building a command sends nothing. The value holds no client, and can be run as often as you like.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as CommandSpec from "./CommandSpec.ts"
import { named } from "./internal/commands/named.ts"
import * as Reply from "./internal/commands/reply.ts"
import { toSent } from "./internal/commands/sendable.ts"
import { duration as durationCheck, kindOf, timeoutMillis } from "./internal/values/settings.ts"
import type { RedisError } from "./RedisError.ts"
import type * as Resp from "./Resp.ts"

const TypeId = "~@redisc/core/Command" as const

/**
 * A key, field or value: text (sent as UTF-8) or bytes (sent unchanged). A number given by untyped code is sent as text;
 * anything else makes the command fail.
 *
 * @category models
 * @since 0.1.0
 */
export type Arg = string | Uint8Array

/**
 * A Redis command whose reply decodes to `A`.
 *
 * **Details**
 *
 * - `args` are the arguments behind the name, `spec` the facts about the command.
 * - `decode` reads the reply. With `bytes`, bulk strings in the reply stay bytes. A `sealed` command does not allow that,
 *   because its reply is text that the decoder takes apart.
 * - `idempotent`: it may be sent again although it may have been executed.
 * - `slow`: it may keep its server busy for long.
 * - `tolerant`: if it is sent in parts to several slots, and some of them fail, their errors are a piece of its reply.
 * - `timeout` is its timeout in milliseconds, or `undefined` for that of the connection's settings.
 * - `maxAge`: how old its reply may be, in milliseconds, if it may come from the client's cache; `undefined` if it may not.
 * - `before` are commands that are sent before it, as one unit: MULTI and the queued commands of an EXEC.
 * - `unabridged` is the full form of the command, for a server that does not know the short form (EVAL for an EVALSHA).
 * - `problem` says what is wrong with the arguments, if anything. Such a command fails with `InvalidArgument` and is not sent.
 *   One such problem is an argument that is neither text, bytes nor a number.
 *
 * **Example** (One value, run and piped)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const name = Redis.get("user:1:name") // Command<string | null>
 * const avatar = Redis.get("user:1:avatar").pipe(Command.bytes) // Command<Uint8Array | null>
 * const both = Effect.all([name, avatar], { concurrency: 2 })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Command<out A> extends Effect.Effect<A, RedisError, Redis> {
  readonly [TypeId]: typeof TypeId
  readonly spec: CommandSpec.CommandSpec
  readonly args: ReadonlyArray<Arg>
  readonly decode: (value: Resp.Value) => A
  readonly bytes: boolean
  readonly sealed: boolean
  readonly idempotent: boolean
  readonly slow: boolean
  readonly tolerant: boolean
  readonly timeout: number | undefined
  readonly maxAge: number | undefined
  readonly before: ReadonlyArray<Any>
  readonly unabridged: Words | undefined
  readonly problem: string | undefined
}

/**
 * A command's name, as its facts, and the arguments behind it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Words {
  readonly spec: CommandSpec.CommandSpec
  readonly args: ReadonlyArray<Arg>
}

/**
 * @category models
 * @since 0.1.0
 */
export type Any = Command<unknown>

/**
 * The service that executes commands. A layer of a Redis Cluster provides it, on Node `NodeRedisCluster.layer`.
 *
 * **When to use**
 *
 * Take it once in a service of your own whose methods should ask for nothing: `redis.execute(Redis.get(key))` is the
 * same command without the requirement.
 *
 * **Example** (A service that uses Redis)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Context, Effect, Layer } from "effect"
 *
 * class Visits extends Context.Service<Visits, {
 *   readonly count: (page: string) => Effect.Effect<number, Redis.RedisError>
 * }>()("app/Visits") {
 *   static readonly layer = Layer.effect(
 *     Visits,
 *     Effect.map(Redis.Redis, (redis) => Visits.of({ count: (page) => redis.execute(Redis.incr(`visits:${page}`)) }))
 *   )
 * }
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Redis extends Context.Service<Redis, {
  readonly execute: <A>(command: Command<A>) => Effect.Effect<A, RedisError>
  /**
   * Optional and faster: like `execute`, but may start the command right away in the given fiber, which runs the result.
   *
   * @internal
   */
  readonly executeIn?: <A>(command: Command<A>, fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<A, RedisError>
  /**
   * Executes many commands at once, with a `Result` for each. With `orNone`, if one of them can't be sent, none is, and every
   * result is the error of that one.
   */
  readonly executeAll: <A>(
    commands: ReadonlyArray<Command<A>>,
    options?: { readonly orNone?: boolean | undefined }
  ) => Effect.Effect<ReadonlyArray<Result.Result<A, RedisError>>>
}>()("@redisc/core/Redis") {}

const alone: ReadonlyArray<Any> = []

/** The facts of a value that is no command. The name is empty, so errors show none. */
const nameless = CommandSpec.unknown("", [])

type Fields<A> = { -readonly [K in Exclude<keyof Command<A>, keyof Effect.Effect<unknown>>]: Command<A>[K] }

const CommandValue = function(
  this: Fields<unknown>,
  spec: CommandSpec.CommandSpec,
  args: ReadonlyArray<Arg>,
  decode: (value: Resp.Value) => unknown
) {
  this.spec = spec
  this.args = args
  this.decode = decode
  this.bytes = false
  this.sealed = false
  this.idempotent = false
  this.slow = false
  this.tolerant = false
  this.timeout = undefined
  this.maxAge = undefined
  this.before = alone
  this.unabridged = undefined
  this.problem = undefined
} as unknown as new<A>(
  spec: CommandSpec.CommandSpec,
  args: ReadonlyArray<Arg>,
  decode: (value: Resp.Value) => A
) => Command<A>

/** Every constructor goes through here, so that invalid arguments are found before anything is hashed or encoded. */
const build = <A>(
  spec: CommandSpec.CommandSpec,
  args: ReadonlyArray<Arg | number | bigint>,
  decode: (value: Resp.Value) => A
): Command<A> => {
  const sent = toSent(args)
  if (typeof spec?.name !== "string") {
    return invalid(nameless, "give the facts about the command, as CommandSpec.find does")
  }
  if (typeof sent === "string") return invalid(spec, sent)
  if (typeof decode !== "function") return invalid(spec, `its decoder has to be a function, not ${kindOf(decode)}`)
  return new CommandValue(spec, sent, decode)
}

/** A copy with some fields changed. All commands have the same shape in V8, which keeps reading their fields fast. */
const copy = <A, B>(
  self: Command<A>,
  decode: (value: Resp.Value) => B,
  fields: Partial<Fields<B>>
): Command<B> => {
  const made: Fields<B> = new CommandValue(fields.spec ?? self.spec, fields.args ?? self.args, decode)
  // One by one, which is several times as fast as by a pattern and Object.assign.
  made.bytes = self.bytes
  made.sealed = self.sealed
  made.idempotent = self.idempotent
  made.slow = self.slow
  made.tolerant = self.tolerant
  made.timeout = self.timeout
  made.maxAge = self.maxAge
  made.before = self.before
  made.unabridged = self.unabridged
  made.problem = self.problem
  return Object.assign(made as Command<B>, fields)
}

CommandValue.prototype = Object.assign(
  Effectable.Prototype<Any>({
    label: "Command",
    evaluate(this: Any, fiber: Fiber.Fiber<unknown, unknown>) {
      const redis = Context.getUnsafe(fiber.context, Redis)
      return redis.executeIn === undefined ? redis.execute(this) : redis.executeIn(this, fiber)
    }
  }),
  {
    [TypeId]: TypeId,
    // Shows no arguments: they may be secrets, and inspected values end up in logs.
    toJSON(this: Any) {
      return { _id: "Command", name: this.spec.name, args: this.args.length }
    }
  }
)

/**
 * Tells whether a value is a {@link Command}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCommand = (value: unknown): value is Any => Predicate.hasProperty(value, TypeId)

/**
 * Builds a command from the facts about it, its arguments and a decoder of its reply.
 *
 * **Gotchas**
 *
 * The array of arguments is not copied, and must not change afterwards.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(
  spec: CommandSpec.CommandSpec,
  args: ReadonlyArray<Arg>,
  decode: (value: Resp.Value) => A
): Command<A> => build(spec, args, decode)

/**
 * Builds a command whose reply is text that the decoder takes apart, such as CLUSTER NODES. `Command.bytes` refuses it.
 *
 * @internal
 */
export const makeSealed = <A>(
  spec: CommandSpec.CommandSpec,
  args: ReadonlyArray<Arg>,
  decode: (value: Resp.Value) => A
): Command<A> => Object.assign(build(spec, args, decode), { sealed: true })

/**
 * Builds a command that fails with `InvalidArgument` when it is run. `problem` says what to do instead.
 *
 * @category constructors
 * @since 0.1.0
 */
export const invalid = (spec: CommandSpec.CommandSpec, problem: string): Command<never> =>
  Object.assign(new CommandValue<never>(spec, [], (value) => value as never), { problem })

/**
 * Returns the value if it is a command, else a command that fails and says so. For all functions that take commands.
 *
 * @internal
 */
export const orInvalid = <A>(value: Command<A>): Command<A> =>
  isCommand(value) ? value : invalid(nameless, `give a command, as Redis.get("key") is one, not ${kindOf(value)}`)

/**
 * Like `orInvalid`, for a list of commands. If the value is no list, returns a list of one command that fails and says so.
 *
 * @internal
 */
export const listOf = <A>(commands: ReadonlyArray<Command<A>>): ReadonlyArray<Command<A>> => {
  if (!Array.isArray(commands)) return [invalid(nameless, `give the commands in an array, not ${kindOf(commands)}`)]
  const list: Array<Command<A>> = []
  // A loop: unlike `map`, it visits holes of a sparse array.
  for (const command of commands as ReadonlyArray<Command<A>>) list.push(orInvalid(command))
  return list
}

/**
 * Builds a command that is sent as one unit with others before it. The replies of the others are dropped. But if one of them
 * is an error, and the server therefore refuses this command (EXECABORT), that error becomes its reply.
 *
 * @internal
 */
export const makeUnit = <A>(
  spec: CommandSpec.CommandSpec,
  before: ReadonlyArray<Any>,
  decode: (value: Resp.Value) => A,
  options: { readonly bytes: boolean; readonly idempotent: boolean }
): Command<A> => {
  const parts = listOf(before)
  const problem = parts.find(({ problem }) => problem !== undefined)?.problem
  return problem === undefined
    ? Object.assign(build(spec, [], decode), { before: parts, sealed: true, ...options })
    : invalid(spec, problem)
}

/**
 * Builds a command from its short form, which a server may not know, and its full form. If the server answers the short form
 * with `NOSCRIPT`, the client sends the full one. Both must have the same keys at the same positions.
 *
 * @internal
 */
export const makeAbridged = <A>(
  short: Words,
  unabridged: Words,
  decode: (value: Resp.Value) => A
): Command<A> => {
  const command = build(short?.spec, short?.args, decode)
  const { args, problem, spec } = build(unabridged?.spec, unabridged?.args, decode)
  return problem === undefined ? Object.assign(command, { unabridged: { spec, args } }) : invalid(command.spec, problem)
}

/**
 * The full form of a command, if it has one: for places where a second try is impossible, such as a transaction.
 *
 * **Example** (By its text)
 *
 * ```ts
 * import { Command, Script } from "@redisc/core"
 *
 * const one = Script.make({ lua: "return 1", params: () => ({}) })
 * Command.inFull(one()).spec.name // "EVAL"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const inFull = <A>(given: Command<A>): Command<A> => {
  const self = orInvalid(given)
  const { decode, unabridged } = self
  return unabridged === undefined ? self : copy(self, decode, { ...unabridged, unabridged: undefined })
}

/**
 * The same command with other arguments.
 *
 * @internal
 */
export const withArgs = <A>(self: Command<A>, args: ReadonlyArray<Arg>): Command<A> => copy(self, self.decode, { args })

/**
 * The same command with its raw reply, for code that merges several replies before it decodes the result.
 *
 * @internal
 */
export const undecoded = (self: Any): Command<Resp.Value> => copy(self, Reply.raw, {})

/**
 * The part of a command that is about some of its keys. There may be thousands of them, so this copies no more than they need.
 *
 * @internal
 */
export const part = (
  { bytes, idempotent, maxAge, slow, spec, timeout }: Any,
  args: ReadonlyArray<Arg>,
  decode: (value: Resp.Value) => Resp.Value
): Command<Resp.Value> => {
  const made: Fields<Resp.Value> = new CommandValue(spec, args, decode)
  made.bytes = bytes
  made.idempotent = idempotent
  made.slow = slow
  made.timeout = timeout
  made.maxAge = maxAge
  return made as Command<Resp.Value>
}

/**
 * The same command, whose reply may come from the client's cache if it is not older than so many milliseconds.
 *
 * @internal
 */
export const aged = <A>(self: Command<A>, maxAge: number): Command<A> => copy(self, self.decode, { maxAge })

/**
 * The same command, of whose reply the errors of failed parts are a piece: a `RedisError` in the place of a value.
 *
 * @internal
 */
export const tolerating = <A>(self: Command<A>): Command<A> => copy(self, self.decode, { tolerant: true })

/**
 * Any command, whether redisc knows it or not, with its raw reply.
 *
 * **Details**
 *
 * redisc finds the keys of the commands that it knows. For others give `keys`, the positions of the keys among the arguments
 * behind the name, counted from 0; an empty list for a command without keys. `keys` changes nothing else: the other facts
 * that redisc knows about a command (that it blocks, or changes its connection) stay in force.
 *
 * The name may be in upper or lower case. The subcommand may be part of the name, or the first argument. Numbers are sent as
 * text, an infinity as `inf`.
 *
 * **Example** (A command of a module)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const added = Redis.command("BF.ADD", ["seen:today", "item-1"], { keys: [0] })
 * const length = Redis.command("STRLEN", ["greeting"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const command = (
  name: string,
  args: ReadonlyArray<Arg | number | bigint> = [],
  options?: { readonly keys?: ReadonlyArray<number> | undefined }
): Command<Resp.Value> => {
  const { problem, spec, taken } = named(name, args, options)
  return problem === undefined ? build(spec, args.slice(taken), Reply.raw) : invalid(spec, problem)
}

/**
 * The keys of a command, in the order of its arguments.
 *
 * **Example** (The keys of a command)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * Command.keys(Redis.mget(["{a}1", "{a}2"])) // ["{a}1", "{a}2"]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const keys = (self: Any): ReadonlyArray<Arg> => {
  const { args, before, spec } = orInvalid(self)
  return [...before.flatMap(keys), ...CommandSpec.keyIndexes(spec, args).map((index) => args[index])]
}

/**
 * Transforms the decoded reply. If the function throws, the command dies, as with `Effect.map`.
 *
 * **Example** (A number from text)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const age = Redis.get("user:1:age").pipe(Command.map(Number)) // Command<number>
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const map: {
  <A, B>(f: (value: A) => B): (self: Command<A>) => Command<B>
  <A, B>(self: Command<A>, f: (value: A) => B): Command<B>
} = dual(2, <A, B>(self: Command<A>, f: (value: A) => B): Command<B> => mapped(self, f))

const mapped = <A, B>(given: Command<A>, f: (value: A) => B): Command<B> => {
  const self = orInvalid(given)
  const decode = self.decode
  if (typeof f !== "function") return invalid(self.spec, `map takes a function, not ${kindOf(f)}`)
  return copy(self, (value) => f(decode(value)), { sealed: true })
}

/**
 * `A` with its text replaced by bytes, at any depth. Literals such as `"OK"` and the names of fields stay.
 *
 * @category models
 * @since 0.1.0
 */
export type Bytes<A> = Resp.Value extends A ? A
  : A extends string ? (string extends A ? Uint8Array : A)
  : A extends Uint8Array ? A
  : A extends Result.Result<infer S, infer E> ? Result.Result<Bytes<S>, E>
  : A extends ReadonlyArray<unknown> ? { readonly [K in keyof A]: Bytes<A[K]> }
  : A extends object ? { readonly [K in keyof A]: Bytes<A[K]> }
  : A

/**
 * Returns the strings of a reply as bytes, for values that are not UTF-8 text.
 *
 * **Gotchas**
 *
 * Ask for bytes before `map`, `option` or `schema`. Afterwards, and for replies that are text by nature (TYPE, INFO,
 * CLUSTER NODES), the command fails with `InvalidArgument`.
 *
 * **Example** (Reading a picture)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const avatar = Redis.get("user:1:avatar").pipe(Command.bytes) // Command<Uint8Array | null>
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const bytes = <A>(given: Command<A>): Command<Bytes<A>> => {
  const self = orInvalid(given)
  return self.sealed
    ? invalid(
      self.spec,
      "its reply is text that is taken apart or mapped already; ask for bytes first, or for the raw reply"
    )
    : copy(self, self.decode as unknown as (value: Resp.Value) => Bytes<A>, { bytes: true, sealed: false })
}

/**
 * A nil reply as `Option.none`, anything else as `Option.some`.
 *
 * **Example** (Nil as none)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const name = Redis.get("user:1:name").pipe(Command.option) // Command<Option<string>>
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const option = <A>(self: Command<A>): Command<Option.Option<Exclude<A, null>>> =>
  mapped(self, (value) => value === null ? Option.none() : Option.some(value as Exclude<A, null>))

/** Whether a reply of type `A` can match the encoded side `E` of a Schema: one extends the other, at any depth. */
type Meets<A, E> = [A] extends [E] ? true
  : [E] extends [A] ? true
  : [A, E] extends [ReadonlyArray<infer I>, ReadonlyArray<infer J>] ? Meets<I, J>
  : [A, E] extends [ReadonlyArray<unknown>, unknown] | [unknown, ReadonlyArray<unknown>] ? false
  : [A, E] extends [object, object] ? (false extends MeetsEach<A, E> ? false : true)
  : false

type MeetsEach<A, E> = {
  readonly [K in keyof E]-?: K extends keyof A ? Meets<A[K], E[K]> : undefined extends E[K] ? true : false
}[keyof E]

/**
 * The requirement that a Schema puts on a command: none if the command's reply can match the encoded side `E` of the Schema,
 * else a command that replies `E`.
 *
 * @category models
 * @since 0.1.0
 */
export type SchemaFits<A, E> = Meets<Exclude<A, null>, E> extends true ? unknown : Command<E | null>

/**
 * Decodes the reply with a Schema. Nil stays `null`.
 *
 * **Details**
 *
 * - The encoded side of the Schema is the type of the command's reply, or a narrower one: `Literals` of a text, a `Struct` of
 *   some fields of a hash. An impossible one, such as a number in a hash, does not compile.
 * - A reply that does not fit fails with `DecodeFailed`, of `delivery` `"Executed"`. The error shows the path and the kinds of
 *   values, as in `at ["a"]["b"], expected number, received string`. It shows no value, since replies can be secrets, and
 *   neither messages of checks nor keys that the Schema does not name.
 * - A Schema that throws, or that is asynchronous, fails in the same way.
 *
 * **Example** (The fields of a hash)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const User = Schema.Struct({ name: Schema.String, age: Schema.NumberFromString })
 * const user = Redis.hgetall("user:1").pipe(Command.schema(User)) // Command<{ name: string; age: number }>
 * ```
 *
 * **Example** (A JSON document)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 * import { Schema } from "effect"
 *
 * const User = Schema.Struct({ name: Schema.String, age: Schema.Number })
 * const user = Redis.get("user:1").pipe(Command.schema(Schema.fromJsonString(User)))
 * // Command<{ readonly name: string; readonly age: number } | null>
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const schema = <T, E>(codec: Schema.Codec<T, E>) => {
  const parse = Schema.isSchema(codec) ? Reply.schema(codec) : undefined
  return <A>(self: Command<A> & SchemaFits<A, E>): Command<T | Extract<A, null>> =>
    parse === undefined
      ? invalid(orInvalid<unknown>(self).spec, `schema takes a Schema, not ${kindOf(codec)}`)
      : mapped(self as unknown as Command<A>, (value) =>
        value === null ? value as Extract<A, null> : parse(value as Resp.Value))
}

/**
 * Declares that executing the command twice does no harm. It is then sent again if its connection is lost and it is unknown
 * whether it was executed. Commands that only read are sent again without this.
 *
 * **Example** (Setting a value twice sets it once)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const saved = Redis.set("user:1:name", "ada").pipe(Command.idempotent)
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const idempotent = <A>(given: Command<A>): Command<A> => {
  const self = orInvalid(given)
  return copy(self, self.decode, { idempotent: true })
}

/**
 * Marks a command that may keep its server busy for long, such as KEYS, or SORT of a million elements.
 *
 * **Details**
 *
 * A connection on which the server has been silent for twice the `pingInterval` (10 seconds by default) is given up, since it
 * may be dead. If a slow command may take longer than that (by its {@link timeout}, or else the layer's `commandTimeout`), it
 * gets a connection of its own, as a blocking command does. That connection is kept until the command's deadline, and commands
 * of others are not lost with it. Scripts and functions count as slow without this mark if they have a {@link timeout} that
 * long, or if the layer was given such a `commandTimeout`.
 *
 * **Gotchas**
 *
 * In a pipeline all commands stay on the shared connection, and so do the parts of a command with keys of several slots. A server executes one command at a time, so it answers no other
 * client meanwhile.
 *
 * **Example** (A minute for all keys)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const sorted = Redis.sort("scores", { alpha: true }).pipe(Command.slow, Command.timeout("1 minute"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const slow = <A>(given: Command<A>): Command<A> => {
  const self = orInvalid(given)
  return copy(self, self.decode, { slow: true })
}

/**
 * Sets how long the command may take, over all its tries, in place of the layer's `commandTimeout`. After that it fails with
 * `Timeout`. For a command that blocks on the server, the time for which it may block is added.
 *
 * **Example** (A read that is not worth waiting for)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const hint = Redis.get("hint").pipe(Command.timeout("50 millis"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const timeout: {
  (duration: Duration.Input): <A>(self: Command<A>) => Command<A>
  <A>(self: Command<A>, duration: Duration.Input): Command<A>
} = dual(2, <A>(given: Command<A>, duration: Duration.Input): Command<A> => {
  const self = orInvalid(given)
  const problem = durationCheck("timeout", duration)
  return problem === undefined
    ? copy(self, self.decode, { timeout: timeoutMillis(duration) })
    : invalid(self.spec, problem)
})
