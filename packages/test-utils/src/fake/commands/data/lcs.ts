/**
 * LCS: the longest common subsequence of two strings, its length, or its positions in both.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Definition, Invocation } from "../../definitions/handler.ts"
import { integer, syntaxError, word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, bulk, integer: int, map } = Resp.Reply

/** The first and last index of a run of equal bytes, both included. */
interface Match {
  readonly a: number
  readonly b: number
  length: number
}

interface Common {
  readonly text: Bin
  /** The matches from the last to the first, as the server finds them. */
  readonly matches: ReadonlyArray<Match>
}

/** The table of lengths: `table[i][j]` is for the first i bytes of one string and the first j of the other. */
const lengths = (a: Bin, b: Bin): ReadonlyArray<Uint32Array> => {
  const table = [new Uint32Array(b.length + 1)]
  for (let i = 1; i <= a.length; i++) {
    const row = new Uint32Array(b.length + 1)
    const above = table[i - 1]
    for (let j = 1; j <= b.length; j++) {
      row[j] = a[i - 1] === b[j - 1] ? above[j - 1] + 1 : Math.max(above[j], row[j - 1])
    }
    table.push(row)
  }
  return table
}

const walkBack = (a: Bin, b: Bin, table: ReadonlyArray<Uint32Array>): Common => {
  const matches: Array<Match> = []
  let text = ""
  let current: Match | undefined
  let i = a.length
  let j = b.length
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      i--
      j--
      text = a[i] + text
      if (current === undefined) {
        current = { a: i, b: j, length: 0 }
        matches.push(current)
      }
      current.length++
    } else {
      current = undefined
      if (table[i - 1][j] > table[i][j - 1]) i--
      else j--
    }
  }
  return { text, matches }
}

const options = (args: ReadonlyArray<Bin>) => {
  let length = false
  let indexes = false
  let withLength = false
  let shortest = 0
  for (let i = 2; i < args.length; i++) {
    const option = word(args[i])
    if (option === "LEN") length = true
    else if (option === "IDX") indexes = true
    else if (option === "WITHMATCHLEN") withLength = true
    else if (option === "MINMATCHLEN" && i + 1 < args.length) shortest = integer(args[++i])
    else throw syntaxError()
  }
  return { length, indexes, withLength, shortest }
}

const run = ({ args, keys }: Invocation): Resp.Reply => {
  const [a, b] = args.slice(0, 2).map((key) => {
    const value = keys.get(key)
    if (value !== undefined && value.type !== "string") {
      throw new CommandError("ERR The specified keys must contain string values")
    }
    return value?.value ?? ""
  })
  const { indexes, length, shortest, withLength } = options(args)
  if (indexes && length) {
    throw new CommandError("ERR If you want both the length and indexes, please just use IDX.")
  }
  const table = lengths(a, b)
  const total = table[a.length][b.length]
  if (length) return int(total)
  const common = walkBack(a, b, table)
  if (!indexes) return bulk(common.text)
  const range = (end: number, size: number) => array([int(end - size + 1), int(end)])
  const found = common.matches.filter((match) => match.length >= shortest)
  return map([
    [
      bulk("matches"),
      array(found.map((match) => {
        const { a, b, length } = match
        return array([range(a, length), range(b, length), ...withLength ? [int(length)] : []])
      }))
    ],
    [bulk("len"), int(total)]
  ])
}

export const lcs: Definition = { arity: -3, run }
