/**
 * MULTI to EXEC as one command: commands on keys of one slot that are executed with nothing in between.
 *
 * A transaction is a value like any command. It is sent as one unit, from MULTI to EXEC, on a shared connection, so that no
 * other command can get into it. Redirects, moving slots and dying nodes are handled as for any other command; the unit is
 * tried again as a whole or not at all.
 *
 * Source: https://redis.io/docs/latest/develop/using-commands/transactions/
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Command from "./Command.ts"
import * as CommandSpec from "./CommandSpec.ts"
import { describeReply, isMismatch, Mismatch, raw } from "./internal/commands/reply.ts"
import { executed, inPart, rejected, toError } from "./internal/failures/failure.ts"
import { decodeText } from "./internal/resp/text.ts"
import { modeProblem } from "./Pipeline.ts"
import type { Replies, Results } from "./Pipeline.ts"
import * as RedisError from "./RedisError.ts"
import * as Resp from "./Resp.ts"

const MULTI = Command.make(CommandSpec.get("MULTI"), [], raw)

/** The facts about EXEC, but without `stateful`: as part of a unit it does not need a dedicated connection. */
const EXEC: CommandSpec.CommandSpec = { ...CommandSpec.get("EXEC"), stateful: undefined, write: true }

const problemOf = (commands: ReadonlyArray<Command.Any>): string | undefined => {
  if (commands.length === 0) return "give at least one command"
  for (const { args, before, problem, spec } of commands) {
    if (problem !== undefined) return spec.name === "" ? problem : `${spec.name}: ${problem}`
    if (before.length > 0) return "a transaction can't be part of another"
    if (spec.stateful !== undefined) return `${spec.name} can't be part of a transaction`
    if (CommandSpec.blockMillis(spec, args) !== undefined) {
      return `${spec.name} does not block in a transaction: use its form that does not`
    }
  }
  return undefined
}

/** Converts bytes back to text. If one command of a transaction wants bytes, the whole reply to EXEC is read as bytes. */
const asText = (value: Resp.Value): Resp.Value => {
  if (value instanceof Uint8Array) return decodeText(value, 0, value.length)
  if (Array.isArray(value)) return value.map(asText)
  if (value instanceof Map) return new Map(Array.from(value, ([key, item]) => [asText(key), asText(item)]))
  return value
}

const resultOf = (
  command: Command.Any,
  value: Resp.Value,
  bytes: boolean
): Result.Result<unknown, RedisError.RedisError> => {
  if (value instanceof Resp.ReplyError) {
    return Result.fail(toError(rejected(value, undefined, { command }), { command }))
  }
  try {
    return Result.succeed(command.decode(bytes && !command.bytes ? asText(value) : value))
  } catch (problem) {
    if (!isMismatch(problem)) throw problem
    const { expected, path, received } = problem
    return Result.fail(toError(executed(new RedisError.DecodeFailed({ expected, path, received })), { command }))
  }
}

const mayHaveWritten = (command: Command.Any, result: Result.Result<unknown, RedisError.RedisError>): boolean =>
  !command.spec.readOnly && !(Result.isFailure(result) && result.failure.delivery === "Rejected")

/** Turns the error of one command into that of the transaction, whose other commands may have been executed. */
const ofWhole = (
  commands: ReadonlyArray<Command.Any>,
  results: ReadonlyArray<Result.Result<unknown, RedisError.RedisError>>,
  failed: number
): RedisError.RedisError => {
  const error = Result.getOrThrow(Result.flip(results[failed]))
  return error.delivery === "Rejected" && commands.some((command, index) => mayHaveWritten(command, results[index]))
    ? inPart(error)
    : error
}

/**
 * Executes commands as a transaction and replies with a typed tuple, in their order.
 *
 * **Details**
 *
 * - All keys have to be in one slot: give them a common hash tag. Otherwise it fails with `CrossSlot` before it is sent.
 * - Redis does not roll back. If one command fails, the others are executed nevertheless. The transaction then fails with the
 *   first such error. If other commands that write were executed, the error has `delivery` `"MaybeExecuted"` and is marked
 *   `inPart`. With `mode: "result"` the tuple has each command's own `Result` instead.
 * - If Redis refuses to queue a command, it executes none, and the transaction fails with that refusal. If MULTI itself is
 *   refused, for instance by an ACL, the commands have been executed one by one, and `delivery` is `"MaybeExecuted"`.
 * - In a session that watches keys, it fails with `Conflict`, and executes nothing, if one of these keys was changed.
 * - If the connection is lost before EXEC's reply, it fails with `MaybeExecuted`: everything was executed, or nothing.
 *
 * **Example** (Two keys that change together)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const moved = Effect.gen(function*() {
 *   const [from, to] = yield* Redis.transaction([
 *     Redis.decrby("{account}:a", 10), // number
 *     Redis.incrby("{account}:b", 10) // number
 *   ])
 *   return { from, to }
 * })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/multi/
 * @category constructors
 * @since 0.1.0
 */
export const transaction: {
  <const Commands extends ReadonlyArray<Command.Any>>(
    commands: Commands,
    options?: { readonly mode?: undefined }
  ): Command.Command<Replies<Commands>>
  <const Commands extends ReadonlyArray<Command.Any>>(
    commands: Commands,
    options: { readonly mode: "result" }
  ): Command.Command<Results<Commands>>
} = (
  given: ReadonlyArray<Command.Any>,
  options?: { readonly mode?: "result" | undefined }
): Command.Command<never> => {
  const commands = Command.listOf(given)
  const problem = modeProblem(options) ?? problemOf(commands)
  if (problem !== undefined) return Command.invalid(EXEC, problem)
  // Send scripts in full: one that the server does not know by its digest would fail inside EXEC, after other commands ran.
  const sent = commands.map((command) => Command.inFull(command))
  const bytes = sent.some((command) => command.bytes)
  const decode = (value: Resp.Value): never => {
    if (value === null) throw toError({ reason: new RedisError.Conflict(), delivery: "Rejected", node: undefined })
    if (!Array.isArray(value) || value.length !== sent.length) {
      throw new Mismatch(`the replies of ${sent.length} commands`, describeReply(value))
    }
    const results = sent.map((command, index) => resultOf(command, value[index], bytes))
    if (options?.mode === "result") return results as never
    const failed = results.findIndex(Result.isFailure)
    if (failed >= 0) throw ofWhole(sent, results, failed)
    return results.map((result) => Result.getOrThrow(result)) as never
  }
  return Command.makeUnit(EXEC, [MULTI, ...sent], decode, {
    bytes,
    idempotent: sent.every((command) => command.idempotent || command.spec.readOnly)
  })
}
