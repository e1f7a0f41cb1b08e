import type { Tcp } from "@redisc/core/Address"
import * as Effect from "effect/Effect"
import type { Admin } from "./clusterAdmin.ts"
import { claimant, countSlots, unrest } from "./clusterView.ts"
import type { Known, View } from "./clusterView.ts"
import { checkCrashed, isRunning, isUp, patience, pollInterval, viewOf } from "./members.ts"
import type { Member } from "./members.ts"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"

/** Identifies a node, like the public `Node`. */
export interface Node {
  readonly name: string
  readonly id: string
  readonly address: Tcp
}

interface State extends Node {
  readonly process: "running" | "paused" | "stopped"
  readonly role: "primary" | "replica"
  readonly primary: string | undefined
  readonly slots: Known["slots"]
}

/** Asks all nodes of a cluster for their views, and waits until they agree. */
export interface Census {
  readonly views: Effect.Effect<ReadonlyArray<View>, RealClusterError>
  readonly states: Effect.Effect<ReadonlyArray<State>, RealClusterError>
  readonly stable: Effect.Effect<void, RealClusterError>
  readonly promoted: (lost: Member) => Effect.Effect<Member, RealClusterError>
  readonly memberOf: (node: Node) => Effect.Effect<Member, RealClusterError>
  readonly runningMember: (node: Node) => Effect.Effect<Member, RealClusterError>
  /** The running primaries. */
  readonly primaries: Effect.Effect<ReadonlyArray<State>, RealClusterError>
  /** Asks the nodes once, and returns a function that finds the owner of any slot. */
  readonly owners: Effect.Effect<(slot: number) => Effect.Effect<Member, RealClusterError>, RealClusterError>
}

const processOf = (member: Member): State["process"] =>
  isRunning(member) ? "running" : isUp(member) ? "paused" : "stopped"

export const makeCensus = (admin: Admin, members: ReadonlyMap<string, Member>): Census => {
  // The primary of each replica when the cluster was last stable: later it tells which primary a promoted replica replaces.
  let primaryOf = new Map<string, string>()

  const running = Effect.suspend(() => {
    const all = [...members.values()].filter(isRunning)
    return all.length > 0 ? Effect.succeed(all) : Effect.fail(failed("no node is running: restart one first"))
  })
  const views = Effect.flatMap(
    running,
    (all) => Effect.forEach(all, (member) => viewOf(admin, member), { concurrency: "unbounded" })
  )

  const states = Effect.map(views, (views) =>
    [...members.values()].map((member): State => {
      const own = views.find(({ name }) => name === member.name) ?? views[0]
      const known = own.nodes.find(({ id }) => id === member.id)
      return {
        name: member.name,
        id: member.id,
        address: member.address,
        process: processOf(member),
        role: known?.isPrimary === false ? "replica" : "primary",
        primary: known?.primary,
        slots: known?.slots ?? []
      }
    }))

  /** Polls until `look` returns something else than a text, the reason to wait. A node that can't be asked is one, too. */
  const waitFor = <A>(what: string, look: (views: ReadonlyArray<View>) => A | string) =>
    Effect.suspend(() => {
      let reason = "nobody answered"
      const poll = Effect.gen(function*() {
        while (true) {
          yield* Effect.forEach(members.values(), checkCrashed, { discard: true })
          const found = yield* Effect.map(views, look).pipe(Effect.catch(({ problem }) => Effect.succeed(problem)))
          if (typeof found !== "string") return found
          reason = found
          yield* Effect.sleep(pollInterval)
        }
      })
      return Effect.timeoutOrElse(poll, {
        duration: patience,
        orElse: () => Effect.fail(failed(`the cluster did not ${what} within ${patience}: ${reason}`))
      })
    })

  const stable = waitFor("become stable", (views) => {
    const everybody = [...members.values()].map((member) => ({
      name: member.name,
      id: member.id,
      isRunning: isRunning(member)
    }))
    const reason = unrest(views, everybody)
    if (reason !== undefined) return reason
    const links = views[0].nodes.flatMap(({ id, primary }) => primary === undefined ? [] : [[id, primary] as const])
    primaryOf = new Map(links)
    return true
  })

  const promoted = Effect.fnUntraced(function*(lost: Member): Effect.fn.Return<Member, RealClusterError> {
    const heirs = [...members.values()].filter(({ id }) => primaryOf.get(id) === lost.id)
    if (heirs.length === 0) return yield* failed(`${lost.name} had no replica when the cluster was last stable`)
    const rules = (id: string) => (view: View) =>
      view.state === "ok" && view.nodes.some((node) => node.id === id && node.isPrimary && countSlots(node.slots) > 0)
    return yield* waitFor(
      `promote a replica of ${lost.name}`,
      (views) => heirs.find(({ id }) => views.every(rules(id))) ?? "not all nodes know of a new primary"
    )
  })

  const memberOf = (node: Node) => {
    const member = members.get(node.name)
    return member?.id === node.id
      ? Effect.succeed(member)
      : Effect.fail(failed(`${node.name} is no node of this cluster, or not any more`))
  }

  const runningMember = (node: Node) =>
    Effect.flatMap(memberOf(node), (member) =>
      isRunning(member)
        ? Effect.succeed(member)
        : Effect.andThen(
          checkCrashed(member),
          Effect.fail(failed(`${node.name} is not running: ${isUp(member) ? "resume" : "restart"} it first`))
        ))

  const primaries = Effect.map(
    states,
    (states) => states.filter(({ process, role }) => process === "running" && role === "primary")
  )

  const owners = Effect.map(views, (views) => (slot: number) => {
    const id = claimant(views, slot)?.id
    const owner = [...members.values()].find((member) => member.id === id)
    return owner === undefined ? Effect.fail(failed(`no running node owns slot ${slot}`)) : Effect.succeed(owner)
  })

  return { views, states, stable: Effect.asVoid(stable), promoted, memberOf, runningMember, primaries, owners }
}
