/** What running sentinels say, and waiting until they agree. */
import type * as Resp from "@redisc/core/Resp"
import * as Effect from "effect/Effect"
import type { Admin } from "./clusterAdmin.ts"
import { isRunning } from "./members.ts"
import type { Member } from "./members.ts"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"
import type { ServerGroup, ServerNode, ServerState } from "./serverGroup.ts"

export interface Sentinels {
  /** Makes a sentinel look at the servers more often than every ten seconds, and rest for less, if its version can. */
  readonly hurry: (sentinel: Member) => Effect.Effect<void>
  /** Waits until the servers, and all running sentinels, agree on the primary and see who is up. */
  readonly stable: Effect.Effect<void, RealClusterError>
  /** Waits until all running sentinels name another primary than `from`, and it says so too. */
  readonly switched: (from: ServerNode) => Effect.Effect<ServerState, RealClusterError>
  readonly failover: Effect.Effect<ServerState, RealClusterError>
}

interface Dependencies {
  readonly name: string
  readonly admin: Admin
  readonly members: ReadonlyMap<string, Member>
  readonly group: ServerGroup
}

/** How often a sentinel looks, in milliseconds; and how long it rests after it was paused, which would be 30 seconds. */
const periods = ["INFO-PERIOD", "300", "PUBLISH-PERIOD", "500", "ASK-PERIOD", "300", "TILT-PERIOD", "1000"]

/** The fields of an instance. */
type Fields = ReadonlyMap<unknown, unknown>

const fieldsOf = (value: Resp.Value): Fields =>
  value instanceof Map
    ? value
    : new Map(Array.isArray(value) ? value.flatMap((field, at) => at % 2 === 0 ? [[field, value[at + 1]]] : []) : [])

const portOf = (reply: Resp.Value): number => Number(Array.isArray(reply) ? reply[1] : undefined)

export const makeSentinels = ({ admin, group, members, name }: Dependencies): Sentinels => {
  const running = Effect.suspend(() => {
    const all = Array.from(members.values()).filter(isRunning)
    return all.length > 0 ? Effect.succeed(all) : Effect.fail(failed("no sentinel is running: restart one first"))
  })
  const hurry = (sentinel: Member) => Effect.ignore(admin.send(sentinel, "SENTINEL", "DEBUG", ...periods))
  const ask = (sentinel: Member, ...args: ReadonlyArray<string>) => admin.send(sentinel, "SENTINEL", ...args, name)
  const list = (sentinel: Member, what: string) =>
    Effect.map(ask(sentinel, what), (reply) => Array.isArray(reply) ? reply.map(fieldsOf) : [])

  /** Why a sentinel does not see what is; undefined if it does. */
  const unrestAt = Effect.fnUntraced(function*(sentinel: Member, primary: ServerState, linked: number, others: number) {
    const [address, own, replicas, sentinels] = yield* Effect.all([
      ask(sentinel, "GET-MASTER-ADDR-BY-NAME"),
      Effect.map(ask(sentinel, "MASTER"), fieldsOf),
      list(sentinel, "REPLICAS"),
      list(sentinel, "SENTINELS")
    ], { concurrency: "unbounded" })
    if (portOf(address) !== primary.address.port) return `${sentinel.name} names another primary than ${primary.name}`
    if (own.get("flags") !== "master") return `${sentinel.name} sees the primary as ${own.get("flags")}`
    const isUp = (fields: Fields) => fields.get("flags") === "slave" && fields.get("master-link-status") === "ok"
    if (replicas.filter(isUp).length !== linked) return `${sentinel.name} does not see all replicas`
    // An opinion of theirs about the primary ("master_down") may stay for long.
    const flags = sentinels.map((fields) => `${fields.get("flags")}`)
    const seen = flags.filter((each) => !/s_down|disconnected/.test(each)).length
    return seen === others ? undefined : `${sentinel.name} sees other sentinels as: ${flags.join(" ")}`
  })

  const stable = Effect.asVoid(group.waitFor(
    "be seen alike by all sentinels",
    Effect.gen(function*() {
      const primary = yield* group.primary
      const replicas = yield* group.replicas
      const all = yield* running
      for (const sentinel of all) {
        const reason = yield* unrestAt(sentinel, primary, replicas.length, all.length - 1)
        if (reason !== undefined) return reason
      }
      return true
    })
  ))

  const switched = (from: ServerNode) =>
    group.waitFor(
      `replace ${from.name}`,
      Effect.gen(function*() {
        const replies = yield* Effect.forEach(yield* running, (each) => ask(each, "GET-MASTER-ADDR-BY-NAME"))
        const ports = new Set(replies.map(portOf))
        if (ports.size !== 1 || ports.has(from.address.port)) return "not all sentinels name a new primary"
        const heir = (yield* group.states).find(({ address }) => ports.has(address.port))
        return heir?.role === "primary" ? heir : "the new primary is none yet"
      })
    )

  const failover = Effect.gen(function*() {
    const primary = yield* group.primary
    const [sentinel] = yield* running
    yield* ask(sentinel, "FAILOVER")
    return yield* switched(primary)
  })

  return { hurry, stable, switched, failover }
}
