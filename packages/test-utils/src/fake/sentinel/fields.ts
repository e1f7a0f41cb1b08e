/**
 * What SENTINEL MASTER, REPLICAS and SENTINELS tell of one server or sentinel.
 *
 * @since 0.1.0
 */
import type { Instance } from "./instance.ts"
import type { Peer, Watch } from "./watch.ts"

/** The names of fields and their values, in order. */
export type Fields = ReadonlyArray<readonly [name: string, value: string | number]>

/** How often a server is sent a PING, in milliseconds. */
const pingPeriod = 1000

const flagsOf = (watch: Watch, each: Instance): string => {
  const { failover } = watch
  const { isSilent, kind, oDownSince, reconfiguration, sDownSince } = each
  return [
    ...(sDownSince === undefined ? [] : ["s_down"]),
    ...(oDownSince === undefined ? [] : ["o_down"]),
    kind,
    ...(isSilent ? ["disconnected"] : []),
    ...(kind === "sentinel" && (each as Peer).saysDown ? ["master_down"] : []),
    ...(kind === "master" && failover !== undefined ? ["failover_in_progress"] : []),
    ...(kind === "slave" && failover?.isHeir(each) === true ? ["promoted"] : []),
    ...(reconfiguration === "sent" || reconfiguration === "inprog" ? [`reconf_${reconfiguration}`] : [])
  ].join(",")
}

/** The time since the last of events that happen periodically, seen at any moment. */
const sinceLast = (each: Instance, now: number, period: number): number =>
  Math.floor(each.silentSince === undefined ? (now - each.roleSince) % period : now - each.silentSince)

const common = (watch: Watch, each: Instance, now: number): Fields => {
  const answered = sinceLast(each, now, Math.min(pingPeriod, watch.settings.downAfter))
  const { oDownSince, sDownSince } = each
  return [
    ["name", each.kind === "master" ? watch.settings.name : each.kind === "slave" ? each.key : each.node.id],
    ["ip", each.host],
    ["port", each.port],
    ["runid", each.runId],
    ["flags", flagsOf(watch, each)],
    ["link-pending-commands", each.isSilent ? 3 : 0],
    ["link-refcount", 1],
    ...(watch.failover !== undefined && each.kind === "master"
      ? [["failover-state", watch.failover.state] as const]
      : []),
    ["last-ping-sent", each.isSilent ? answered : 0],
    ["last-ok-ping-reply", answered],
    ["last-ping-reply", answered],
    ...(sDownSince === undefined ? [] : [["s-down-time", Math.floor(now - sDownSince)] as const]),
    ...(oDownSince === undefined ? [] : [["o-down-time", Math.floor(now - oDownSince)] as const]),
    ["down-after-milliseconds", watch.settings.downAfter]
  ]
}

const told = (watch: Watch, each: Instance, now: number): Fields => {
  const { infoAt, role, roleSince } = each
  const refresh = infoAt === undefined ? 0 : (now - infoAt) % (each.isSilent ? Infinity : watch.settings.periods.info)
  return [
    ["info-refresh", Math.floor(refresh)],
    ["role-reported", role],
    ["role-reported-time", Math.floor(now - roleSince)]
  ]
}

export const masterFields = (watch: Watch): Fields => {
  const { configEpoch, master, now, peers, replicas, settings } = watch
  return [
    ...common(watch, master, now),
    ...told(watch, master, now),
    ["config-epoch", configEpoch],
    ["num-slaves", replicas.length],
    ["num-other-sentinels", peers.length],
    ["quorum", settings.quorum],
    ["failover-timeout", settings.failoverTimeout],
    ["parallel-syncs", settings.parallelSyncs]
  ]
}

export const replicaFields = (watch: Watch, each: Instance): Fields => {
  const { now } = watch
  const { followed, infoAt, unlinkedSince } = each
  const isKnown = infoAt !== undefined && followed !== undefined
  return [
    ...common(watch, each, now),
    ...told(watch, each, now),
    ["master-link-down-time", isKnown && unlinkedSince !== undefined ? Math.floor(now - unlinkedSince) : 0],
    ["master-link-status", isKnown && unlinkedSince === undefined ? "ok" : "err"],
    ["master-host", isKnown ? followed.host : "?"],
    ["master-port", isKnown ? followed.port : 0],
    ["slave-priority", each.priority],
    ["slave-repl-offset", isKnown ? each.offset : 0],
    ["replica-announced", 1]
  ]
}

export const sentinelFields = (watch: Watch, each: Peer): Fields => {
  const { now, settings } = watch
  const vote = each.vote
  return [
    ...common(watch, each, now),
    ["last-hello-message", sinceLast(each, now, settings.periods.publish)],
    ["voted-leader", vote?.leader ?? "?"],
    ["voted-leader-epoch", vote?.epoch ?? 0]
  ]
}
