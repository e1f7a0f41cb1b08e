/**
 * Commands about the whole cluster: sent to every primary (or every node), their replies made one by the response policy
 * that Redis gives for the command.
 *
 * Source: https://redis.io/docs/latest/develop/reference/command-tips/
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Command from "../Command.ts"
import type * as CommandSpec from "../CommandSpec.ts"
import type { NodeResult, Nodes } from "../RedisCluster.ts"
import * as RedisError from "../RedisError.ts"
import { notSent, toError } from "./failure.ts"

/** One that is about its connection (WAIT) means just that one, and a special policy is the caller's business. */
export const isFanOut = ({ spec }: Command.Any): boolean =>
  (spec.request === "AllShards" || spec.request === "AllNodes") &&
  spec.keys.length === 0 && spec.stateful === undefined && spec.response !== "Special"

const numbers = (values: ReadonlyArray<unknown>): ReadonlyArray<number> =>
  values.filter((value) => typeof value === "number")

/** Replies of several answers (SCRIPT EXISTS) are made one answer by answer. */
const merge = (values: ReadonlyArray<unknown>, one: (items: ReadonlyArray<unknown>) => unknown): unknown => {
  const lists = values.filter((value) => Array.isArray(value))
  return lists.length < values.length ? one(values) : lists[0].map((_, i) => one(lists.map((list) => list[i])))
}

const combine = (policy: CommandSpec.ResponsePolicy, values: ReadonlyArray<unknown>): unknown => {
  switch (policy) {
    case "AggSum":
      return numbers(values).reduce((sum, value) => sum + value, 0)
    case "AggMin":
      return Math.min(...numbers(values))
    case "AggMax":
      return Math.max(...numbers(values))
    case "AggLogicalAnd":
      return merge(values, (items) => items.find((item) => !item) ?? items[0])
    case "AggLogicalOr":
      return merge(values, (items) => items.find((item) => item) ?? items[0])
    default:
      return Array.isArray(values[0]) ? values.flat() : values[0]
  }
}

export type ExecuteEach = <A>(
  command: Command.Command<A>,
  nodes: Nodes
) => Effect.Effect<ReadonlyArray<NodeResult<A>>>

export const run = <A>(
  command: Command.Command<A>,
  executeEach: ExecuteEach
): Effect.Effect<A, RedisError.RedisError> => {
  const { request, response } = command.spec
  return Effect.flatMap(executeEach(command, request === "AllNodes" ? "all" : "primaries"), (results) => {
    const values: Array<unknown> = []
    let failed: RedisError.RedisError | undefined
    for (const { result } of results) {
      if (Result.isSuccess(result)) values.push(result.success)
      else failed ??= result.failure
    }
    const tolerant = response === "OneSucceeded" && values.length > 0
    if (failed !== undefined && !tolerant) return Effect.fail(failed)
    return values.length === 0
      ? Effect.fail(toError(notSent(new RedisError.NoNodeForSlot({ slot: undefined })), { command, attempts: 0 }))
      : Effect.succeed(combine(response, values) as A)
  })
}
