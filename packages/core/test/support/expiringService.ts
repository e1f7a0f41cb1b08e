/** Nodes of a service whose tokens end, and that hangs up on whoever is still logged in with one that has ended. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Connection from "../../src/Connection.ts"
import { Reply } from "./ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedConnection } from "./ScriptedCluster.ts"

const greeting = (id: number) =>
  Reply.map([[Reply.bulk("proto"), Reply.integer(3)], [Reply.bulk("id"), Reply.integer(id)]])
export const wrongPass = Reply.error("WRONGPASS invalid username-password pair or user is disabled.")

/** A connection on which the service hung up, and how many commands were under way on it. */
interface Cut {
  readonly at: number
  readonly received: ReadonlyArray<string>
  readonly underWay: number
}

export interface Provider {
  /** How often it was asked. */
  calls: number
  /** What becomes of those who ask. */
  state: "yields" | "fails" | "repeats" | "never ends" | "yields nonsense"
}

/**
 * Tokens that hold for `life` milliseconds. Connections are cut when that of their last login has ended. `isRefusing` makes the
 * service refuse tokens that it has not accepted before.
 */
export const expiringService = (life: number) => {
  const provider: Provider = { calls: 0, state: "yields" }
  const service = { isRefusing: false }
  const ends = new Map<string, number>()
  const accepted = new Set<string>()
  const logins = new Map<ScriptedConnection, Array<{ readonly at: number; readonly until: number }>>()
  const cuts: Array<Cut> = []
  let now = 0
  let connections = 0
  let last: { readonly token: string; readonly expiresAt: number } | undefined

  const credentials: Effect.Effect<Connection.Grant, string> = Effect.clockWith((clock) =>
    Effect.suspend(() => {
      provider.calls++
      if (provider.state === "fails") return Effect.fail("the vault is sealed")
      if (provider.state === "never ends") return Effect.never
      if (provider.state === "yields nonsense") {
        return Effect.succeed({ password: "plain" } as unknown as Connection.Grant)
      }
      if (provider.state === "yields" || last === undefined) {
        last = { token: `token-${provider.calls}`, expiresAt: clock.currentTimeMillisUnsafe() + life }
      }
      ends.set(last.token, last.expiresAt)
      return Effect.succeed({ username: "app", password: Redacted.make(last.token), expiresAt: last.expiresAt })
    })
  )

  const logIn = (connection: ScriptedConnection, token: string | undefined): boolean => {
    const until = ends.get(token ?? "") ?? -Infinity
    if (until <= now || (service.isRefusing && !accepted.has(token!))) return false
    accepted.add(token!)
    const all = logins.get(connection) ?? []
    logins.set(connection, [...all, { at: now, until }])
    return true
  }

  const install = (cluster: ScriptedCluster): void => {
    for (const node of cluster.nodes.values()) {
      node.on("HELLO", (args, connection) => logIn(connection, args[3]) ? greeting(++connections) : wrongPass)
      node.on("AUTH", (args, connection) => logIn(connection, args.at(-1)) ? Reply.simple("OK") : wrongPass)
    }
  }

  /** Hangs up where it is time. To be called often. */
  const sweep = (cluster: ScriptedCluster) =>
    Effect.clockWith((clock) =>
      Effect.sync(() => {
        now = clock.currentTimeMillisUnsafe()
        for (const node of cluster.nodes.values()) {
          for (const connection of node.live) {
            const until = logins.get(connection)?.at(-1)?.until ?? Infinity
            if (until > now) continue
            cuts.push({ at: now, received: connection.received, underWay: connection.unanswered })
            connection.drop("the token of this connection has ended")
          }
        }
      })
    )

  /** Runs the door of the service for as long as the scope is open. */
  const guard = (cluster: ScriptedCluster) =>
    Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(10), sweep(cluster))))

  return { provider, service, credentials, logins, cuts, install, guard }
}
