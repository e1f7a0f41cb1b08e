/**
 * SCAN of a whole cluster, page by page: the cursor is the checkpoint of a scan, so it survives resharding and failovers, and
 * nothing is kept between the pages.
 */
import type { Client } from "@redisc/core/Client"
import type * as Command from "@redisc/core/Command"
import type * as RedisError from "@redisc/core/RedisError"
import * as Scan from "@redisc/core/Scan"
import * as Slot from "@redisc/core/Slot"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { invalid } from "./failures.ts"
import { specOf } from "./words.ts"

const SCAN = specOf("SCAN")

export const isScan = ({ spec }: Command.Any): boolean => spec === SCAN

/** The options of SCAN by their words, and the names that `Scan` has for them. */
const words: ReadonlyMap<string, "match" | "count" | "type"> = new Map([
  ["MATCH", "match"],
  ["COUNT", "count"],
  ["TYPE", "type"]
])

type Options = Omit<Scan.Options, "keys">

const optionsOf = (args: ReadonlyArray<Command.Arg>): Result.Result<Options, string> => {
  const options: Record<string, string | number> = {}
  for (let i = 1; i < args.length; i += 2) {
    const name = words.get(String(args[i]).toUpperCase())
    if (name === undefined || i + 1 >= args.length) {
      return Result.fail("it takes a cursor, MATCH with a pattern, COUNT with a number and TYPE with a type")
    }
    options[name] = name === "count" ? Number(args[i + 1]) : String(args[i + 1])
  }
  return Result.succeed(options)
}

/** A checkpoint, which `Scan` checks; undefined for the first page. */
const checkpointOf = (cursor: string): Result.Result<Scan.Checkpoint | undefined, string> => {
  if (cursor === "0") return Result.succeed(undefined)
  return Result.flatMap(
    Result.mapError(Base64Url.decodeString(cursor), () => alien),
    (text) => Result.try({ try: () => JSON.parse(text) as Scan.Checkpoint, catch: () => alien })
  )
}

const alien =
  "this is no cursor of a scan through this service: begin with 0, and go on with the cursor of the last reply"

const textOf = (checkpoint: Scan.Checkpoint): string => Base64Url.encode(JSON.stringify(checkpoint))

/**
 * Whether a scan that goes on from the checkpoint of this page does not begin where this one began. The last page of a node is
 * followed by one without keys that says so.
 */
const isFurther = ({ checkpoint, done }: Scan.Page, before: string): boolean => {
  if (done === Slot.count) return true
  // A pattern with a hash tag begins with all slots done but one.
  return before === "0"
    ? checkpoint.rounds.length > 0 || (done > 0 && done < Slot.count - 1)
    : textOf(checkpoint) !== before
}

type Page = readonly [cursor: string, keys: ReadonlyArray<string>]

/** The next page of a scan, as SCAN answers it. */
export const page = (
  { args }: Command.Any
): Effect.Effect<Page, RedisError.RedisError, Client> =>
  Effect.suspend(() => {
    const cursor = String(args[0])
    const given = Result.all([checkpointOf(cursor), optionsOf(args)])
    if (Result.isFailure(given)) return Effect.fail(invalid(given.failure, SCAN.name))
    const [checkpoint, options] = given.success
    const pages = Scan.pages({ ...options, concurrency: 1, ...(checkpoint === undefined ? {} : { checkpoint }) })
    const some = Stream.runCollect(Stream.takeUntil(pages, (page) => isFurther(page, cursor)))
    return Effect.map(some, (found): Page => {
      const last = found.at(-1)
      if (last === undefined) return ["0", []]
      return [last.done === Slot.count ? "0" : textOf(last.checkpoint), found.flatMap(({ keys }) => keys)]
    })
  })
