/**
 * A failover by one sentinel: the election of a leader among sentinels, the choice of a replica, its promotion, and the
 * reconfiguration of the others.
 *
 * @since 0.1.0
 */
import type { FakeNode } from "../cluster/node.ts"
import type { Instance } from "./instance.ts"
import type { Observer } from "./observer.ts"
import { follow, promote } from "./orders.ts"

/** The longest time that an election takes, in milliseconds. */
const electionTimeout = 10_000
/** After this time a replica is asked again to follow the new primary, in milliseconds. */
const reconfigurationTimeout = 10_000
/** The time between two turns, in milliseconds. */
const turn = 100

type State = "wait_start" | "select_slave" | "send_slaveof_noone" | "wait_promotion" | "reconf_slaves" | "update_config"

/** The replicas that could take the place of the primary, the fittest first. */
export const candidates = ({ master, replicas, settings: { downAfter }, now }: Observer): ReadonlyArray<Instance> => {
  const mostUnlinked = 10 * downAfter + (master.sDownSince === undefined ? 0 : now - master.sDownSince)
  return replicas
    .filter((each) =>
      !each.isDown && !each.isSilent && each.priority !== 0 && each.role === "slave" &&
      (each.unlinkedSince === undefined || now - each.unlinkedSince <= mostUnlinked)
    )
    .sort((a, b) => a.priority - b.priority || b.offset - a.offset || (a.runId < b.runId ? -1 : 1))
}

export class Failover {
  readonly epoch: number
  readonly isForced: boolean
  state: State = "wait_start"
  private readonly watch: Observer
  private since: number
  private heir: Instance | undefined

  constructor(watch: Observer, epoch: number, now: number, isForced: boolean) {
    this.watch = watch
    this.epoch = epoch
    this.since = now
    this.isForced = isForced
  }

  /** The server that has become the primary by it. */
  get successor(): FakeNode | undefined {
    return this.state === "reconf_slaves" || this.state === "update_config" ? this.heir?.node : undefined
  }

  /** Whether a replica is the one that is to become the primary. */
  isHeir(each: Instance): boolean {
    return this.heir === each
  }

  /** One turn. */
  work(now: number): void {
    this.watch.due(now + turn)
    switch (this.state) {
      case "wait_start":
        return this.elect(now)
      case "select_slave":
        return this.select(now)
      case "send_slaveof_noone":
        return this.order(now)
      case "wait_promotion":
        return this.isLate(now) ? this.abort("-failover-abort-slave-timeout") : undefined
      case "reconf_slaves":
        return this.reconfigure(now)
      case "update_config":
        if (this.heir !== undefined) this.watch.switchTo(this.heir.node)
    }
  }

  private enter(state: State, of: Instance, now: number): void {
    this.state = state
    this.since = now
    this.watch.event(`+failover-state-${state.replaceAll("_", "-")}`, of)
  }

  private abort(channel: string): void {
    const { watch } = this
    watch.event(channel, watch.master)
    watch.abort()
  }

  private isLate(now: number): boolean {
    return now - this.since > this.watch.settings.failoverTimeout
  }

  private elect(now: number): void {
    const { epoch, isForced, watch } = this
    const { id, master, peers, settings } = watch
    const votes = new Map<string, number>()
    const count = (leader: string): void => void votes.set(leader, (votes.get(leader) ?? 0) + 1)
    for (const { vote } of peers) if (vote?.epoch === epoch) count(vote.leader)
    const ranked = () => [...votes].sort(([, a], [, b]) => b - a)
    const own = watch.voteFor(ranked()[0]?.[0] ?? id, epoch)
    if (own?.epoch === epoch) count(own.leader)
    const [[winner, most] = ["", 0]] = ranked()
    const majority = Math.floor((peers.length + 1) / 2) + 1
    const isElected = winner === id && most >= majority && most >= settings.quorum
    if (!isElected && !isForced) {
      const timeout = Math.min(electionTimeout, settings.failoverTimeout)
      if (now - watch.failoverStartedAt > timeout) this.abort("-failover-abort-not-elected")
      return
    }
    watch.event("+elected-leader", master)
    this.enter("select_slave", master, now)
  }

  private select(now: number): void {
    const [heir] = candidates(this.watch)
    if (heir === undefined) return this.abort("-failover-abort-no-good-slave")
    this.heir = heir
    this.watch.event("+selected-slave", heir)
    this.enter("send_slaveof_noone", heir, now)
  }

  private order(now: number): void {
    const { heir, watch } = this
    if (heir === undefined) return
    if (heir.isSilent) return this.isLate(now) ? this.abort("-failover-abort-slave-timeout") : undefined
    this.enter("wait_promotion", heir, now)
    promote(watch, heir)
  }

  /** Takes note of a replica's INFO. Returns whether that is its business. */
  hear(each: Instance, now: number): boolean {
    const { heir, state, watch } = this
    if (each === heir) {
      if (state === "wait_promotion" && each.role === "master") {
        watch.configEpoch = this.epoch
        watch.event("+promoted-slave", each)
        this.enter("reconf_slaves", watch.master, now)
        watch.announce()
      }
      return true
    }
    if (heir === undefined || each.role !== "slave" || each.follows !== heir.node) return false
    if (each.reconfiguration === "sent") {
      each.reconfiguration = "inprog"
      watch.event("+slave-reconf-inprog", each)
    }
    if (each.reconfiguration === "inprog" && each.unlinkedSince === undefined) {
      each.reconfiguration = "done"
      watch.event("+slave-reconf-done", each)
    }
    return true
  }

  private reconfigure(now: number): void {
    const { heir, watch } = this
    if (heir === undefined) return
    const others = watch.replicas.filter((each) => each !== heir)
    let busy = others.filter(({ reconfiguration }) => reconfiguration === "sent" || reconfiguration === "inprog").length
    for (const each of others) {
      if (busy >= watch.settings.parallelSyncs) break
      if (each.reconfiguration === "sent" && now - each.sentAt > reconfigurationTimeout) {
        watch.event("-slave-reconf-sent-timeout", each)
        each.reconfiguration = "none"
      }
      if (each.reconfiguration !== "none" || each.isSilent) continue
      this.send(each, "+slave-reconf-sent", now)
      busy++
    }
    this.detectEnd(others, heir, now)
  }

  private send(each: Instance, channel: string, now: number): void {
    if (this.heir === undefined) return
    each.reconfiguration = "sent"
    each.sentAt = now
    follow(this.watch, each, this.heir.node)
    this.watch.event(channel, each)
  }

  private detectEnd(others: ReadonlyArray<Instance>, heir: Instance, now: number): void {
    const { watch } = this
    if (heir.sDownSince !== undefined) return
    const left = others.filter((each) => each.reconfiguration !== "done" && each.sDownSince === undefined)
    const isLate = this.isLate(now)
    if (left.length > 0 && !isLate) return
    if (left.length > 0) watch.event("+failover-end-for-timeout", watch.master)
    watch.event("+failover-end", watch.master)
    this.state = "update_config"
    this.since = now
    for (const each of left) if (!each.isSilent) this.send(each, "+slave-reconf-sent-be", now)
  }
}
