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

/** The map, and what translates the addresses that nodes announce. */
export interface Known {
  readonly map: () => SlotMap.SlotMap
  readonly redirects: Pick<Redirects, "addressOf"> | undefined
}

export interface Options extends Known {
  readonly strangers: Strangers
  readonly clock: Clock.Clock
  readonly redirectsTo: "anyNode" | "knownNodes" | undefined
}

/**
 * The address to connect to, and whether the map has it. `from` is the key of the node that names it. Undefined if the text names
 * none; fails if the address is invalid.
 */
export const meant = (
  { map, redirects }: Known,
  text: string,
  from: string | undefined
): Result.Result<{ readonly address: Address.Address; readonly isMember: boolean } | undefined, string> => {
  const origin = from === undefined ? undefined : Result.getOrUndefined(Address.parse(from))
  const announced = origin === undefined ? undefined : Address.fromRedirect(text, origin)
  if (announced === undefined) return Result.succeed(undefined)
  const member = SlotMap.resolve(map(), announced)
  if (member !== undefined) return Result.succeed({ address: member.address, isMember: true })
  const mapped = redirects === undefined ? Result.succeed(announced) : redirects.addressOf(announced)
  return Result.map(mapped, (address) => ({ address, isMember: map().nodes.has(address.key) }))
}

/** Finds the address to connect to, as {@link meant} does. Also undefined, or a failure, if it may not be followed. */
export const locating = ({ clock, redirectsTo, strangers, ...known }: Options) =>
(
  text: string,
  from: string | undefined
): Result.Result<Address.Address | undefined, string | RedisError.RedirectRefused> =>
  Result.flatMap(meant(known, text, from), (found) => {
    if (found === undefined || found.isMember) return Result.succeed(found?.address)
    if (redirectsTo === "knownNodes") return Result.fail(new RedisError.RedirectRefused({ address: text }))
    const { address } = found
    // One that is not followed counts as naming nobody: the command goes by the map again, after a pause.
    return Result.succeed(strangers.admit(address.key, clock.currentTimeMillisUnsafe()) ? address : undefined)
  })
