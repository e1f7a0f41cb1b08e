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
import type { RedisError } from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { fieldOf, HELLO } from "./hello.ts"

const ROLE = Command.make(CommandSpec.get("ROLE"), [], Reply.raw)

/** How long a server may take to answer. */
const askTimeout = "2 seconds"

/**
 * What a server says of itself. `Unknown` is one that answers, but does not tell: the user may not ask, or it is a proxy. The
 * `primary` of a replica is as the replica reaches it.
 */
export type Role =
  | { readonly _tag: "Primary" }
  | { readonly _tag: "Replica"; readonly primary: Address.Address | undefined }
  | { readonly _tag: "Sentinel" }
  | { readonly _tag: "Unknown" }

const textOf = (value: Resp.Value | undefined): string | undefined => typeof value === "string" ? value : undefined

const read = (reply: Resp.Value): Role => {
  const [role, host, port] = Array.isArray(reply) ? reply : []
  switch (textOf(role)) {
    case "master":
      return { _tag: "Primary" }
    case "slave": {
      const primary = Address.parse(Address.tcp(textOf(host) ?? "", Number(port)).key)
      return { _tag: "Replica", primary: Result.getOrUndefined(primary) }
    }
    case "sentinel":
      return { _tag: "Sentinel" }
  }
  return { _tag: "Unknown" }
}

/** The role in the greeting: those who may not ask for it are told it there, but not who the primary of a replica is. */
const inHello = (reply: Resp.Value): Role => {
  switch (fieldOf(reply, "role")) {
    case "master":
      return { _tag: "Primary" }
    case "replica":
    case "slave":
      return { _tag: "Replica", primary: undefined }
  }
  return { _tag: "Unknown" }
}

const isRefused = ({ reason }: RedisError): boolean => reason._tag === "ServerError" && reason.code !== "BUSY"

/** The role of a server; or the problem why it did not answer. */
export const roleOf = (node: Node): Effect.Effect<Role, string> =>
  node.ask(ROLE).pipe(
    Effect.map(read),
    Effect.catchIf(isRefused, () => Effect.map(node.ask(HELLO), inHello)),
    Effect.catchIf(isRefused, () => Effect.succeed<Role>({ _tag: "Unknown" })),
    Effect.mapError(({ reason }) => reason.message),
    Effect.timeoutOrElse({ duration: askTimeout, orElse: () => Effect.fail("it did not answer in time") })
  )
