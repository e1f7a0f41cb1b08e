/**
 * The node that the text of a redirect, or of an announcement, means.
 */
import type * as Clock from "effect/Clock"
import * as Result from "effect/Result"
import * as Address from "../../Address.ts"
import * as RedisError from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { Redirects } from "./source.ts"
import type { Strangers } from "./strangers.ts"

export interface Options {
  readonly map: () => SlotMap.SlotMap
  readonly redirects: Pick<Redirects, "addressOf"> | undefined
  readonly strangers: Strangers
  readonly clock: Clock.Clock
  readonly redirectsTo: "anyNode" | "knownNodes" | undefined
}

/**
 * Finds the address to connect to. `from` is the key of the node that names it. Undefined if the text names none; fails if the
 * address is invalid, or may not be followed.
 */
export const locating = (
  { clock, map, redirects, redirectsTo, strangers }: Options
) =>
(
  text: string,
  from: string | undefined
): Result.Result<Address.Address | undefined, string | RedisError.RedirectRefused> => {
  const origin = from === undefined ? undefined : Result.getOrUndefined(Address.parse(from))
  const announced = origin === undefined ? undefined : Address.fromRedirect(text, origin)
  if (announced === undefined) return Result.succeed(undefined)
  const known = SlotMap.resolve(map(), announced)
  if (known !== undefined) return Result.succeed(known.address)
  const mapped = redirects === undefined ? Result.succeed(announced) : redirects.addressOf(announced)
  if (Result.isFailure(mapped) || map().nodes.has(mapped.success.key)) return mapped
  if (redirectsTo === "knownNodes") return Result.fail(new RedisError.RedirectRefused({ address: text }))
  // One that is not followed counts as naming nobody: the command goes by the map again, after a pause.
  return strangers.admit(mapped.success.key, clock.currentTimeMillisUnsafe()) ? mapped : Result.succeed(undefined)
}
