/**
 * Makes one reply of those of several nodes, by the response policy of the command. Pure.
 *
 * Source: https://redis.io/docs/latest/develop/reference/command-tips/
 */
import type * as CommandSpec from "../../CommandSpec.ts"
import type * as Resp from "../../Resp.ts"
import { describeReply } from "../commands/reply.ts"

type Numeric = number | bigint

const isNumeric = (value: unknown): value is Numeric => typeof value === "number" || typeof value === "bigint"

const isAnswer = (value: unknown): boolean => isNumeric(value) || typeof value === "boolean"

const isText = (value: unknown): value is string | Uint8Array =>
  typeof value === "string" || value instanceof Uint8Array

/** A text that stands for a string or bytes, the same for the same bytes. */
const nameOf = (text: string | Uint8Array): string =>
  typeof text === "string" ? text : Array.from(text, (byte) => String.fromCharCode(byte)).join("")

/** Whether two values are the same text, such as the name before a count. */
const isSameText = (a: unknown, b: unknown): boolean => isText(a) && isText(b) && nameOf(a) === nameOf(b)

const isWhole = (value: Numeric): boolean => typeof value === "bigint" || Number.isInteger(value)

/** Adds integers of any size exactly. Sums beyond 2^53 are bigints, as in replies. */
const sum = (a: Numeric, b: Numeric): Numeric => {
  const about = Number(a) + Number(b)
  if (Number.isSafeInteger(about) || !isWhole(a) || !isWhole(b)) return about
  return BigInt(a) + BigInt(b)
}

type Join = (a: never, b: never) => Resp.Value

/** How to merge the replies of two nodes. More replies are merged one after the other. */
const joins: { readonly [P in CommandSpec.ResponsePolicy]?: Join } = {
  AggSum: sum,
  AggMin: (a: Numeric, b: Numeric) => b < a ? b : a,
  AggMax: (a: Numeric, b: Numeric) => b > a ? b : a,
  AggLogicalAnd: (a: Resp.Value, b: Resp.Value) => a ? b : a,
  AggLogicalOr: (a: Resp.Value, b: Resp.Value) => a ? a : b
}

/**
 * Reduces the replies of all nodes to one. Arrays of answers (SCRIPT EXISTS) are reduced element by element; texts among them,
 * which say what is counted (PUBSUB NUMSUB), are the same in all.
 */
const fold = (values: ReadonlyArray<Resp.Value>, join: Join): Resp.Value => {
  const [first] = values
  const reduce = (items: ReadonlyArray<Resp.Value>): Resp.Value =>
    items.reduce((a, b) => isText(a) ? a : join(a as never, b as never))
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

/** Leaves out the texts that are already there. */
const unique = (value: Resp.Value): Resp.Value => {
  if (!Array.isArray(value)) return value
  const seen = new Set<string>()
  return value.filter((item) => {
    if (!isText(item)) return true
    const name = nameOf(item)
    return seen.size < seen.add(name).size
  })
}

/** Makes one reply of several, none of which is a {@link misfit}. */
export const combine = (
  policy: CommandSpec.ResponsePolicy,
  values: ReadonlyArray<Resp.Value>
): Resp.Value => {
  const join = joins[policy]
  if (join !== undefined) return fold(values, join)
  if (policy === "Default") return concat(values)
  return policy === "Union" ? unique(concat(values)) : values[0]
}

/** What a node's reply should have been, if it can't be merged with another node's; undefined if it can. */
export const misfit = (
  policy: CommandSpec.ResponsePolicy,
  value: Resp.Value,
  other: Resp.Value
): string | undefined => {
  if (policy === "Default" || policy === "Union") {
    const isLike = value === null ||
      (Array.isArray(value) === Array.isArray(other) && value instanceof Map === other instanceof Map)
    return isLike ? undefined : `${describeReply(other)}, as from another node`
  }
  if (joins[policy] === undefined) return undefined
  if (!Array.isArray(other)) return isAnswer(value) ? undefined : "a number"
  const isLike = Array.isArray(value) && value.length === other.length &&
    value.every((item, i) => isAnswer(item) ? !isText(other[i]) : isSameText(item, other[i]))
  return isLike ? undefined : `an array of ${other.length} numbers`
}

/** A node's reply, and how many keys the node has; undefined if it has not said that. */
export interface Weighed {
  readonly value: Resp.Value
  readonly size: Resp.Value | undefined
}

/**
 * Chooses one reply by chance, from 0 to 1, where a node with more keys has more of it. Nil is chosen only if there is nothing
 * else.
 */
export const choose = (replies: ReadonlyArray<Weighed>, chance: number): Resp.Value => {
  const weights = replies.map(({ size, value }) => {
    const weight = isNumeric(size) ? Number(size) : 1
    return value === null ? 0 : Number.isFinite(weight) ? Math.max(weight, 1) : 1
  })
  let left = chance * weights.reduce((all, weight) => all + weight, 0)
  const index = weights.findIndex((weight) => {
    left -= weight
    return left < 0
  })
  return (replies[index] ?? replies.find(({ value }) => value !== null))?.value ?? null
}
