/**
 * What a sentinel learns from the INFO of servers, and what it corrects: replicas that take themselves for primaries, or follow
 * another server.
 *
 * @since 0.1.0
 */
import type { Instance } from "./instance.ts"
import type { Observer } from "./observer.ts"
import { follow } from "./orders.ts"

/** How often servers are asked while a failover is under way, in milliseconds. */
const fastPeriod = 1000

const periodOf = ({ failover, master, settings: { periods } }: Observer, each: Instance): number => {
  const isUrgent = each.kind === "slave" &&
    (master.oDownSince !== undefined || failover !== undefined || each.unlinkedSince !== undefined)
  return isUrgent ? Math.min(fastPeriod, periods.info) : periods.info
}

/** Whether its INFO would tell something new. */
const hasNews = (watch: Observer, { follows, kind, node, role, runId, unlinkedSince }: Instance): boolean => {
  const isReplica = node.isReplica
  if (runId !== node.runId || (role === "slave") !== isReplica) return true
  if (isReplica) return follows !== node.primary || (unlinkedSince === undefined) !== node.isLinked
  return kind === "master" && newcomers(watch).length > 0
}

/** The replicas of the primary that it does not know. */
const newcomers = ({ master, replicas, world }: Observer) =>
  [...world.nodes.values()].filter((node) =>
    node.primary === master.node && node.isLinked && replicas.every((each) => each.node !== node)
  )

const read = (watch: Observer, each: Instance, now: number): void => {
  const { node } = each
  const { runId } = node
  if (each.runId !== "" && each.runId !== runId) watch.event("+reboot", each)
  each.runId = runId
  const role = node.isReplica ? "slave" : "master"
  if (each.role !== role) {
    each.role = role
    each.roleSince = each.followsSince = now
    watch.event(role === each.kind ? "+role-change" : "-role-change", each, ` new reported role is ${role}`)
  }
  if (role === "master") {
    if (each.kind === "master") { for (const newcomer of newcomers(watch)) watch.add(newcomer, now) }
    return
  }
  if (each.follows !== node.primary) {
    each.follows = node.primary
    each.followsSince = now
  }
  each.unlinkedSince = node.isLinked ? undefined : each.unlinkedSince ?? now
}

const isAstray = ({ master }: Observer, { follows, kind, role }: Instance): boolean =>
  kind === "slave" && (role === "master" || follows !== master.node)

/** Corrects a replica that has not done for some time what it should. */
const correct = (watch: Observer, each: Instance, now: number): void => {
  const { failover, master, settings: { failoverTimeout, periods } } = watch
  if (failover?.hear(each, now) === true || !isAstray(watch, each)) return
  if (master.isDown || master.role !== "master") return
  const isPrimary = each.role === "master"
  const wait = isPrimary ? 4 * periods.publish : failoverTimeout
  const since = isPrimary ? each.roleSince : each.followsSince
  if (!each.isUpFor(wait, now) || now - since <= wait) return
  follow(watch, each, master.node)
  watch.event(isPrimary ? "+convert-to-slave" : "+fix-slave-config", each)
}

/** Asks those for INFO of whom it is time. */
export const look = (watch: Observer, now: number): void => {
  for (const each of [watch.master, ...watch.replicas]) {
    if (each.isSilent) continue
    const period = periodOf(watch, each)
    const asked = each.infoAt
    const at = asked === undefined ? now : asked + Math.floor((now - asked) / period) * period
    // In between it was asked too. Only what it says since the last change can be new.
    if (at !== asked) {
      each.infoAt = at
      if (at >= watch.changedAt) {
        read(watch, each, now)
        if (!watch.isTilted) correct(watch, each, now)
      }
    }
    if (hasNews(watch, each) || isAstray(watch, each) || each.reconfiguration !== "none") watch.due(at + period)
  }
}
