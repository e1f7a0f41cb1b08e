/** Servers without cluster mode that copy one of them: asks each for its role, and waits until they agree. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Admin } from "./clusterAdmin.ts"
import type { ServerNode, ServerState } from "./clusterNode.ts"
import { checkCrashed, isRunning, isUp, patience, pollInterval } from "./members.ts"
import type { Member } from "./members.ts"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"

export type { ServerNode, ServerState } from "./clusterNode.ts"

export interface ServerGroup {
  readonly states: Effect.Effect<ReadonlyArray<ServerState>, RealClusterError>
  /** The running server that all other running ones copy. */
  readonly primary: Effect.Effect<ServerState, RealClusterError>
  readonly replicas: Effect.Effect<ReadonlyArray<ServerState>, RealClusterError>
  /** Waits until all running servers copy the same one of them. */
  readonly stable: Effect.Effect<void, RealClusterError>
  readonly memberOf: (node: ServerNode) => Effect.Effect<Member, RealClusterError>
  readonly runningMember: (node: ServerNode) => Effect.Effect<Member, RealClusterError>
  /** Polls until `look` finds something, or fails with the reason that it last told. */
  readonly waitFor: <A>(
    what: string,
    look: Effect.Effect<A | string, RealClusterError>
  ) => Effect.Effect<A, RealClusterError>
}

const keyOf = (host: unknown, port: unknown): string =>
  `${host}` === "localhost" ? `127.0.0.1:${port}` : `${host}:${port}`

export const makeServerGroup = (admin: Admin, members: ReadonlyMap<string, Member>): ServerGroup => {
  const stateOf = Effect.fnUntraced(function*(member: Member): Effect.fn.Return<ServerState, RealClusterError> {
    const { address, name } = member
    const process = isRunning(member) ? "running" : isUp(member) ? "paused" : "stopped"
    const reply = process === "running"
      ? Option.getOrUndefined(yield* Effect.option(Effect.timeout(admin.send(member, "ROLE"), "10 seconds")))
      : undefined
    const [said, host, port, link] = Array.isArray(reply) ? reply : []
    const role = said === "master" ? "primary" : said === "slave" ? "replica" : undefined
    return {
      name,
      address,
      process,
      role,
      primary: role === "replica" ? keyOf(host, port) : undefined,
      isLinked: role === "replica" && link === "connected"
    }
  })

  const states = Effect.suspend(() => Effect.forEach(members.values(), stateOf, { concurrency: "unbounded" }))

  const waitFor: ServerGroup["waitFor"] = (what, look) =>
    Effect.suspend(() => {
      let reason = "nobody answered"
      const poll = Effect.gen(function*() {
        while (true) {
          yield* Effect.forEach(members.values(), checkCrashed, { discard: true })
          const found = yield* Effect.catch(look, ({ problem }) => Effect.succeed(problem))
          if (typeof found !== "string") return found
          reason = found
          yield* Effect.sleep(pollInterval)
        }
      })
      return Effect.timeoutOrElse(poll, {
        duration: patience,
        orElse: () => Effect.fail(failed(`the servers did not ${what} within ${patience}: ${reason}`))
      })
    })

  const agreed = Effect.map(states, (states): ServerState | string => {
    const running = states.filter(({ process }) => process === "running")
    const primaries = running.filter(({ role }) => role === "primary")
    if (primaries.length !== 1) return `${primaries.length} of them are primaries`
    const [primary] = primaries
    const astray = running.find((state) =>
      state !== primary && !(state.isLinked && state.primary === primary.address.key)
    )
    return astray === undefined ? primary : `${astray.name} does not copy ${primary.name} yet`
  })

  const memberOf = (node: ServerNode): Effect.Effect<Member, RealClusterError> => {
    const member = members.get(node.name)
    return member === undefined
      ? Effect.fail(failed(`${node.name} is not one of these servers`))
      : Effect.succeed(member)
  }

  return {
    states,
    primary: Effect.flatMap(
      agreed,
      (found) => typeof found === "string" ? Effect.fail(failed(found)) : Effect.succeed(found)
    ),
    replicas: Effect.map(states, (states) => states.filter(({ role }) => role === "replica")),
    stable: Effect.asVoid(waitFor("agree on a primary", agreed)),
    memberOf,
    runningMember: (node) =>
      Effect.flatMap(memberOf(node), (member) =>
        isRunning(member)
          ? Effect.succeed(member)
          : Effect.andThen(
            checkCrashed(member),
            Effect.fail(failed(`${node.name} is not running: ${isUp(member) ? "resume" : "restart"} it first`))
          )),
    waitFor
  }
}
