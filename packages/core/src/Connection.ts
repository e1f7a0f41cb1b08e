/**
 * A connection to one node, for work outside of pool, map and redirects. The client itself uses the same kind of connection:
 * `internal/connection/connection.ts`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { read as readAddress } from "./Address.ts"
import type { Address } from "./Address.ts"
import type * as Connector from "./Connector.ts"
import { connect } from "./internal/connection/connect.ts"
import type { Connection } from "./internal/connection/connection.ts"
import { Logins } from "./internal/connection/logins.ts"
import { checks } from "./internal/connection/options.ts"
import type { Options } from "./internal/connection/options.ts"
import { unsent } from "./internal/failures/failure.ts"
import * as Settings from "./internal/values/settings.ts"
import * as RedisError from "./RedisError.ts"

export type { Connection, Stats } from "./internal/connection/connection.ts"
export type { Credentials, Grant } from "./internal/connection/credentials.ts"
export type { Options, ReplyLimits } from "./internal/connection/options.ts"

/**
 * Opens a connection and does the handshake: HELLO 3 (falling back to RESP2 on servers that don't know it), authentication, the
 * client's name, and READONLY if the options ask for it. The connection closes with the scope; commands that are on it then
 * fail with `Closed`.
 *
 * **Example** (A command on one node)
 *
 * ```ts
 * import { Address, Connection, Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const ping = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* Connection.make(Address.tcp("127.0.0.1", 7000))
 *   return yield* connection.execute(Redis.ping())
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  address: Address,
  options: Options = {}
): Effect.Effect<Connection, RedisError.RedisError, Scope.Scope | Connector.Connector> =>
  Effect.suspend(() => {
    const problem = (typeof address === "string" || Result.isFailure(readAddress(address))
      ? `address has to be an Address: write Address.tcp("127.0.0.1", 6379), or read text with Address.parse`
      : undefined) ?? Settings.optionsProblem(options, checks)
    return problem === undefined
      ? open(address, options)
      : Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
  })

const open = Effect.fnUntraced(function*(
  address: Address,
  options: Options
): Effect.fn.Return<Connection, RedisError.RedisError, Scope.Scope | Connector.Connector> {
  const logins = new Logins(options, { clock: yield* Clock.Clock, random: yield* Random.Random })
  return yield* logins.use({ isFailing: () => false }, (access) => connect(address, options, {}, access))
})
