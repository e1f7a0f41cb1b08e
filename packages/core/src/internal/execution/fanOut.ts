/**
 * Commands about the whole cluster: each is sent to every primary, or to every node, and their replies are merged by the
 * command's response policy, which Redis publishes.
 *
 * Source: https://redis.io/docs/latest/develop/reference/command-tips/
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import { describeReply } from "../commands/reply.ts"
import { decoded } from "../connection/call.ts"
import { executed, toError, unsent } from "../failures/failure.ts"
import type { NodeResult, Nodes } from "./members.ts"
import { failuresIn } from "./onNodes.ts"

type Numeric = number | bigint

const isNumeric = (value: unknown): value is Numeric => typeof value === "number" || typeof value === "bigint"

const isAnswer = (value: unknown): boolean => isNumeric(value) || typeof value === "boolean"

/** Adds integers of any size exactly. Sums beyond 2^53 are bigints, as in replies. */
const sum = (a: Numeric, b: Numeric): Numeric => {
  const about = Number(a) + Number(b)
  if (Number.isSafeInteger(about) || !isWhole(a) || !isWhole(b)) return about
  return BigInt(a) + BigInt(b)
}

const isWhole = (value: Numeric): boolean => typeof value === "bigint" || Number.isInteger(value)

type Join = (a: never, b: never) => Resp.Value

/** How to merge the replies of two nodes. More replies are merged one after the other. */
const joins: { readonly [P in CommandSpec.ResponsePolicy]?: Join } = {
  AggSum: sum,
  AggMin: (a: Numeric, b: Numeric) => b < a ? b : a,
  AggMax: (a: Numeric, b: Numeric) => b > a ? b : a,
  AggLogicalAnd: (a: Resp.Value, b: Resp.Value) => a ? b : a,
  AggLogicalOr: (a: Resp.Value, b: Resp.Value) => a ? a : b
}

/** Reduces the replies of all nodes to one. Arrays of answers (SCRIPT EXISTS) are reduced element by element. */
const fold = (values: ReadonlyArray<Resp.Value>, join: Join): Resp.Value => {
  const [first] = values
  const reduce = (items: ReadonlyArray<Resp.Value>): Resp.Value => items.reduce((a, b) => join(a as never, b as never))
  return Array.isArray(first)
    ? first.map((_, i) => reduce(values.map((list) => (list as typeof first)[i])))
    : reduce(values)
}

/** Concatenates arrays and merges maps, in the order of the nodes. A nil adds nothing. */
const concat = (values: ReadonlyArray<Resp.Value>): Resp.Value => {
  const told = values.filter((value) => value !== null)
  const [first = null] = told
  if (Array.isArray(first)) return told.flat(1)
  return first instanceof Map ? new Map(told.flatMap((map) => Array.from(map as typeof first))) : first
}

const combine = (policy: CommandSpec.ResponsePolicy, values: ReadonlyArray<Resp.Value>): Resp.Value => {
  const join = joins[policy]
  if (join !== undefined) return fold(values, join)
  return policy === "Default" ? concat(values) : values[0]
}

/** What a node's reply should have been, if it can't be merged with another node's; undefined if it can. */
const misfit = (policy: CommandSpec.ResponsePolicy, value: Resp.Value, other: Resp.Value): string | undefined => {
  if (policy === "Default") {
    const isLike = value === null ||
      (Array.isArray(value) === Array.isArray(other) && value instanceof Map === other instanceof Map)
    return isLike ? undefined : `${describeReply(other)}, as from another node`
  }
  if (joins[policy] === undefined) return undefined
  if (!Array.isArray(other)) return isAnswer(value) ? undefined : "a number"
  const isLike = Array.isArray(value) && value.length === other.length && value.every(isAnswer)
  return isLike ? undefined : `an array of ${other.length} numbers`
}

/** Whether a node only reports that there was nothing to do (NOTBUSY). An error of another node says more. */
const isIdle = ({ reason }: RedisError.RedisError): boolean =>
  reason._tag === "ServerError" && reason.code === "NOTBUSY"

const certainty: ReadonlyArray<RedisError.Delivery> = ["NotSent", "Rejected", "Executed", "MaybeExecuted"]

/** What became of the command on a node. */
const partOf = ({ address, result }: NodeResult<unknown>): RedisError.Part => {
  if (Result.isSuccess(result)) return { node: address.key, delivery: "Executed", attempts: 1 }
  const { attempts, delivery, reason } = result.failure
  return { node: address.key, delivery, reason, attempts }
}

/** Merges the errors of some nodes into one. If another node has executed the command, its delivery is `MaybeExecuted`. */
const failureOf = (command: Command.Any, results: ReadonlyArray<NodeResult<unknown>>): RedisError.RedisError => {
  const failures = failuresIn(results)
  const told = failures.find((error) => !isIdle(error)) ?? failures[0]
  const worst = Math.max(...failures.map(({ delivery }) => certainty.indexOf(delivery)))
  const isDone = failures.length < results.length
  const delivery = isDone && !CommandSpec.isHarmless(command.spec) ? "MaybeExecuted" : certainty[worst]
  return toError(
    { reason: told.reason, delivery, node: told.node },
    { command, attempts: told.attempts, parts: results.map(partOf) }
  )
}

export type ExecuteEach = <A>(
  command: Command.Command<A>,
  nodes: Nodes
) => Effect.Effect<ReadonlyArray<NodeResult<A>>>

/**
 * Sends a command to each node, merges the raw replies in the order of the nodes, and decodes the merged reply. So the decoder,
 * and any function mapped over its result, gets the reply of the whole cluster.
 */
export const run = <A>(
  command: Command.Command<A>,
  executeEach: ExecuteEach
): Effect.Effect<A, RedisError.RedisError> => {
  const { request, response } = command.spec
  const nodes = request === "AllNodes" ? "all" : "primaries"
  return Effect.flatMap(executeEach(Command.undecoded(command), nodes), (results) => {
    const values: Array<Resp.Value> = []
    let failed = 0
    let other: Resp.Value = null
    let misfitting: RedisError.RedisError | undefined
    for (const { address, result } of results) {
      if (Result.isFailure(result)) {
        failed++
        continue
      }
      const value = result.success
      other ??= value
      const expected = misfit(response, value, other)
      if (expected !== undefined) {
        const reason = new RedisError.DecodeFailed({ expected, received: describeReply(value) })
        misfitting ??= toError(executed(reason, address.key), { command })
      }
      values.push(value)
    }
    const tolerant = response === "OneSucceeded" && values.length > 0
    if (failed > 0 && !tolerant) return Effect.fail(failureOf(command, results))
    if (values.length === 0) {
      return Effect.fail(unsent(new RedisError.NoNodeForSlot({ slot: undefined }), command))
    }
    return misfitting === undefined
      ? decoded(command, combine(response, values), undefined)
      : Effect.fail(misfitting)
  })
}
