/**
 * Asks a server for its role, and who its primary is.
 *
 * Source: https://redis.io/docs/latest/commands/role/
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Address from "../../Address.ts"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type { Node } from "../../NodePool.ts"
import type * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"

const ROLE = Command.make(CommandSpec.get("ROLE"), [], Reply.raw)

/** How long a server may take to answer. */
const askTimeout = "2 seconds"

/**
 * What a server says of itself. `Unknown` is one that answers, but does not tell: the user may not ask, or it is a proxy. The
 * `primary` of a replica is as the replica reaches it, and `isInTouch` says whether it does.
 */
export type Role =
  | { readonly _tag: "Primary" }
  | { readonly _tag: "Replica"; readonly primary: Address.Address | undefined; readonly isInTouch: boolean }
  | { readonly _tag: "Sentinel" }
  | { readonly _tag: "Unknown" }

const textOf = (value: Resp.Value | undefined): string | undefined => typeof value === "string" ? value : undefined

const read = (reply: Resp.Value): Role => {
  const [role, host, port, link] = Array.isArray(reply) ? reply : []
  switch (textOf(role)) {
    case "master":
      return { _tag: "Primary" }
    case "slave": {
      const primary = Address.parse(Address.tcp(textOf(host) ?? "", Number(port)).key)
      return {
        _tag: "Replica",
        primary: Result.getOrUndefined(primary),
        isInTouch: textOf(link) === "connected"
      }
    }
    case "sentinel":
      return { _tag: "Sentinel" }
  }
  return { _tag: "Unknown" }
}

/** The role of a server; or the problem why it did not answer. */
export const roleOf = (node: Node): Effect.Effect<Role, string> =>
  node.ask(ROLE).pipe(
    Effect.map(read),
    Effect.catch(({ reason }) =>
      reason._tag === "ServerError" && reason.code !== "BUSY"
        ? Effect.succeed<Role>({ _tag: "Unknown" })
        : Effect.fail(reason.message)
    ),
    Effect.timeoutOrElse({ duration: askTimeout, orElse: () => Effect.fail("it did not answer in time") })
  )
