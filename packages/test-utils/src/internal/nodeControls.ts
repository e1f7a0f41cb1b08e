import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Census, Node } from "./census.ts"
import type { Admin } from "./clusterAdmin.ts"
import { isRunning, killMember, patience, pollInterval } from "./members.ts"
import type { Member } from "./members.ts"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"
import { expand } from "./slotControls.ts"

interface Dependencies {
  readonly admin: Admin
  readonly census: Census
  readonly members: Map<string, Member>
  readonly plan: (index: number) => Effect.Effect<Member, RealClusterError, Scope.Scope>
  readonly start: (member: Member) => Effect.Effect<void, RealClusterError>
  /** Moves slots from a node to another. */
  readonly clear: (from: Member, to: Node, slots: ReadonlyArray<number>) => Effect.Effect<void, RealClusterError>
}

/** The controls that add nodes, remove nodes and change their roles. */
export const makeNodeControls = Effect.fnUntraced(function*(
  { admin, census, clear, members, plan, start }: Dependencies
) {
  const scope = yield* Effect.scope
  let nodesEver = members.size

  const isPrimary = (node: Node) =>
    Effect.map(census.primaries, (primaries) => primaries.some(({ id }) => id === node.id))

  const failover = Effect.fnUntraced(function*(node: Node, mode: "default" | "force" | "takeover" = "default") {
    const replica = yield* census.runningMember(node)
    const promoted = Effect.gen(function*() {
      while (!(yield* isPrimary(replica))) yield* Effect.sleep(pollInterval)
    })
    const promote = Effect.gen(function*() {
      while (true) {
        yield* admin.send(replica, "CLUSTER", "FAILOVER", ...(mode === "default" ? [] : [mode.toUpperCase()]))
        // The server gives up a manual failover after five seconds.
        yield* Effect.timeoutOption(promoted, "6 seconds")
        yield* census.stable
        if (yield* isPrimary(replica)) return
        // If two elections of a replica are less than four seconds apart, Redis 7.0 counts the votes of the first one again.
        // The new primary then has no epoch of its own, and steps down at once. So try again.
        yield* Effect.sleep("500 millis")
      }
    })
    yield* Effect.timeoutOrElse(promote, {
      duration: patience,
      orElse: () =>
        Effect.fail(
          failed(`${replica.name} was not promoted; force helps if its primary is down, takeover without a majority`)
        )
    })
  })

  const addNode = Effect.fnUntraced(function*(options: { readonly replicaOf?: Node | undefined } = {}) {
    const primary = options.replicaOf && (yield* census.runningMember(options.replicaOf))
    const contact = primary ?? (yield* census.primaries)[0]
    const member = yield* Scope.provide(plan(nodesEver++), scope)
    members.set(member.name, member)
    yield* start(member).pipe(Effect.onError(() => Effect.sync(() => members.delete(member.name))))
    yield* admin.send(member, "CLUSTER", "MEET", contact.address.host, contact.address.port)
    yield* census.stable
    if (primary !== undefined) {
      yield* admin.send(member, "CLUSTER", "REPLICATE", primary.id)
      yield* census.stable
    }
    return member
  })

  const removeNode = Effect.fnUntraced(function*(node: Node) {
    const member = yield* census.memberOf(node)
    const states = yield* census.states
    const replica = states.find(({ primary }) => primary === member.id)
    if (replica !== undefined) {
      return yield* failed(`${replica.name} is a replica of ${member.name}: remove it first, or fail over to it`)
    }
    const slots = (yield* expand(states.find(({ id }) => id === member.id)?.slots ?? [])).slice()
    const heirs = (yield* census.primaries).filter(({ id }) => id !== member.id)
    if (heirs.length === 0) return yield* failed(`${member.name} is the only primary, and can't be removed`)
    const share = Math.ceil(slots.length / heirs.length)
    for (const heir of heirs) {
      const part = slots.splice(0, share)
      if (part.length > 0) yield* clear(member, heir, part)
    }
    members.delete(member.name)
    yield* Effect.forEach(
      [...members.values()].filter(isRunning),
      (other) => admin.send(other, "CLUSTER", "FORGET", member.id),
      { concurrency: "unbounded", discard: true }
    )
    yield* killMember(member)
    yield* admin.drop(member)
    yield* census.stable
  })

  return { failover, addNode, removeNode }
})
