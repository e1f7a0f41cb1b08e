/**
 * One sentinel at work: whom it hears, what it takes for down, and what the others tell it.
 *
 * Works ten times a second, as the server does, but only while something is to be done: a group at rest has no timer.
 *
 * Source: the server's sentinel.c
 *
 * @since 0.1.0
 */
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import { deliver } from "../session/pubsub.ts"
import { Failover } from "./failover.ts"
import type { Group, GroupSettings, Told } from "./group.ts"
import { look } from "./info.ts"
import { Instance } from "./instance.ts"
import type { Observer, Vote } from "./observer.ts"

/** The time between two turns, in milliseconds. */
export const tick = 100
/** Sentinels that vote for another one hold back for up to this time, so that not all try at once. */
const desync = 1000
/** A sentinel that was stopped for longer does not trust its eyes for a while. */
const tiltTrigger = 2000
const tiltPeriod = 30_000

const mostTold = 10_000

/** Another sentinel, as one sentinel knows it. */
export class Peer extends Instance {
  readonly watch: Watch
  /** Since when its messages arrive, directly or by a server that both reach. */
  heardSince: number | undefined
  askedAt = -Infinity
  saysDown = false
  vote: Vote | undefined

  constructor(watch: Watch, now: number) {
    super("sentinel", watch.node, now)
    this.runId = watch.node.id
    this.watch = watch
    this.heardSince = now
  }
}

export class Watch implements Observer {
  readonly node: FakeNode
  readonly group: Group
  master: Instance
  replicas: Array<Instance> = []
  peers: Array<Peer> = []
  /** The highest epoch that it knows, and that of the primary. */
  epoch = 0
  configEpoch = 0
  leader: { readonly id: string; readonly epoch: number } | undefined
  failover: Failover | undefined
  failoverStartedAt = -Infinity
  /** When it has last told the others at once. */
  announcedAt = -Infinity
  /** Since when it has only looked on. */
  tiltSince: number | undefined
  /** What it has published. */
  readonly told: Array<Told> = []
  /** When the network, a process or a role has last changed. */
  changedAt: number

  /** One of the times at which it works. */
  private readonly phase: number
  private pausedSince: number | undefined
  private next = Infinity
  private wakeAt = Infinity
  private cancel: (() => void) | undefined

  constructor(node: FakeNode, group: Group, primary: FakeNode, replicas: ReadonlyArray<FakeNode>) {
    const now = node.world.now()
    this.node = node
    this.group = group
    this.master = new Instance("master", primary, now)
    this.replicas = replicas.map((replica) => new Instance("slave", replica, now))
    this.changedAt = now
    this.phase = now + Math.floor(node.world.random() * tick)
  }

  get world(): FakeWorld {
    return this.node.world
  }

  get settings(): GroupSettings {
    return this.group.settings
  }

  get id(): string {
    return this.node.id
  }

  get now(): number {
    return this.node.world.now()
  }

  private get all(): ReadonlyArray<Instance> {
    return [this.master, ...this.replicas, ...this.peers]
  }

  /** The server that it names as the primary. */
  get primary(): FakeNode {
    return this.failover?.successor ?? this.master.node
  }

  get isTilted(): boolean {
    return this.tiltSince !== undefined
  }

  // What it publishes.

  say(channel: string, message: string): void {
    this.told.push({ at: this.now, channel, message })
    if (this.told.length > 2 * mostTold) this.told.splice(0, mostTold)
    deliver(this.node, channel, message)
  }

  /** An event about a server or another sentinel. */
  event(channel: string, of: Instance, more = ""): void {
    this.say(channel, of.describe(this.settings.name, this.master) + more)
  }

  // When it works.

  /** Notes who can be heard. To be called after every change of the network, of processes and of roles. */
  observe(): void {
    const { node, now, world } = this
    if (node.process !== "running") {
      if (node.process === "paused") this.pausedSince ??= now
      return
    }
    if (this.pausedSince !== undefined && now - this.pausedSince > tiltTrigger) {
      this.tiltSince = now
      this.say("+tilt", "#tilt mode entered")
    }
    this.pausedSince = undefined
    this.changedAt = now
    for (const each of this.all) each.hear(world.reaches(node, each.node), now)
    const servers = [this.master, ...this.replicas].filter((each) => world.reaches(node, each.node))
    for (const peer of this.peers) {
      const isHeard = peer.node.process === "running" &&
        (world.reaches(node, peer.node) || servers.some((each) => world.reaches(peer.node, each.node)))
      if (isHeard) peer.heardSince ??= now
      else peer.heardSince = undefined
    }
    this.soon()
  }

  /** The process has begun again. It remembers only what is written in its configuration. */
  begin(): void {
    const { now } = this
    for (const each of this.all) each.forget(now)
    for (const peer of this.peers) {
      Object.assign(peer, { heardSince: undefined, askedAt: -Infinity, saysDown: false, vote: undefined })
    }
    this.failover = this.tiltSince = this.pausedSince = undefined
    this.failoverStartedAt = -Infinity
    this.observe()
  }

  /** Looks at the servers as they are, as one that has watched them for long. */
  learn(): void {
    this.observe()
    look(this, this.now)
  }

  /** Works in the next turn. */
  soon(): void {
    this.wake(this.now + 1)
  }

  /** Asks for a turn at a time or after it. */
  due(at: number): void {
    this.next = Math.min(this.next, at)
  }

  private wake(from: number): void {
    if (from === Infinity) return
    const now = this.now
    const at = this.phase + Math.ceil((Math.max(from, now + 1) - this.phase) / tick) * tick
    if (at >= this.wakeAt) return
    this.cancel?.()
    this.wakeAt = at
    this.cancel = this.world.timers.after(at - now, () => {
      this.wakeAt = Infinity
      this.work()
    })
  }

  private work(): void {
    if (this.node.process !== "running") return
    const { now } = this
    this.next = Infinity
    for (const each of this.all) each.reconnect()
    this.hearOthers(now)
    look(this, now)
    if (this.tiltSince === undefined || now - this.tiltSince >= tiltPeriod) {
      if (this.tiltSince !== undefined) {
        this.tiltSince = undefined
        this.say("-tilt", "#tilt mode exited")
      }
      for (const each of this.all) this.judge(each, now)
      this.judgeTogether(now)
      const { failover } = this
      if (failover === undefined && this.mayFailOver(now)) this.startFailover(now, false)
      this.failover?.work(now)
      this.ask(now, false)
    } else {
      this.due(this.tiltSince + tiltPeriod)
    }
    this.wake(this.next)
    this.group.changed()
  }

  // Who is down.

  /** Whether one is down in its own eyes. */
  private judge(each: Instance, now: number): void {
    const { downAfter, periods } = this.settings
    const { silentSince } = each
    const changes: Array<number> = []
    if (silentSince !== undefined) changes.push(silentSince + downAfter)
    // A primary that says for long that it is a replica.
    if (each.kind === "master" && each.role === "slave") changes.push(each.roleSince + downAfter + 2 * periods.info)
    const isDown = changes.some((at) => at <= now)
    for (const at of changes) if (at > now) this.due(at)
    if (isDown === (each.sDownSince !== undefined)) return
    if (isDown) each.sDownSince = now
    else {
      each.sDownSince = undefined
      each.upSince = now
    }
    this.event(isDown ? "+sdown" : "-sdown", each)
  }

  /** Whether the primary is down in the eyes of enough sentinels. */
  private judgeTogether(now: number): void {
    const { master, peers, settings: { quorum } } = this
    const isDown = master.sDownSince !== undefined
    if (!isDown) { for (const peer of peers) peer.saysDown = false }
    const votes = isDown ? 1 + peers.filter((peer) => peer.saysDown).length : 0
    if ((votes >= quorum) === (master.oDownSince !== undefined)) return
    master.oDownSince = votes >= quorum ? now : undefined
    if (votes >= quorum) this.event("+odown", master, ` #quorum ${votes}/${quorum}`)
    else this.event("-odown", master)
  }

  /** What another sentinel is told: whether it finds this primary down. */
  findsDown(primary: FakeNode): boolean {
    return !this.isTilted && this.master.node === primary && this.master.sDownSince !== undefined
  }

  /** Asks the others about the primary, and during an election for their votes. */
  ask(now: number, isForced: boolean): void {
    const { failover, master, settings: { periods } } = this
    if (master.sDownSince === undefined) return
    for (const peer of this.peers) {
      if (!isForced && now - peer.askedAt < periods.ask) {
        this.due(peer.askedAt + periods.ask)
        continue
      }
      if (peer.isSilent) {
        // What it has said holds for five periods.
        if (now - peer.askedAt > 5 * periods.ask) peer.saysDown = false
        this.due(now + periods.ask)
        continue
      }
      peer.askedAt = now
      peer.saysDown = peer.watch.findsDown(master.node)
      if (failover !== undefined) peer.vote = peer.watch.voteFor(this.id, failover.epoch)
      this.due(now + tick)
    }
  }

  // Elections and failovers.

  private mayFailOver(now: number): boolean {
    if (this.master.oDownSince === undefined) return false
    const at = this.failoverStartedAt + 2 * this.settings.failoverTimeout
    if (at > now) this.due(at)
    return at <= now
  }

  startFailover(now: number, isForced: boolean): void {
    const epoch = this.learnEpoch(this.epoch + 1)
    this.failover = new Failover(this, epoch, now, isForced)
    this.event("+try-failover", this.master)
    this.failoverStartedAt = now + this.world.random() * desync
    if (!isForced) this.ask(now, true)
    this.soon()
  }

  /** Gives up. It is tried again after twice the failover timeout. */
  abort(): void {
    this.failover = undefined
    for (const each of this.replicas) each.reconfiguration = "none"
  }

  learnEpoch(epoch: number): number {
    this.epoch = epoch
    this.say("+new-epoch", `${epoch}`)
    return epoch
  }

  /** Its vote in an election: the first that asks for it gets it. */
  voteFor(id: string, epoch: number): Vote | undefined {
    if (epoch > this.epoch) this.learnEpoch(epoch)
    if ((this.leader?.epoch ?? 0) < epoch && this.epoch <= epoch) {
      this.leader = { id, epoch }
      this.say("+vote-for-leader", `${id} ${epoch}`)
      if (id !== this.id) this.failoverStartedAt = this.now + this.world.random() * desync
      this.soon()
    }
    return this.leader && { leader: this.leader.id, epoch: this.leader.epoch }
  }

  /** Tells the others at once what it knows. */
  announce(): void {
    this.announcedAt = this.now
    for (const peer of this.peers) peer.watch.soon()
  }

  /** Adopts what others tell if it is newer. */
  private hearOthers(now: number): void {
    for (const peer of this.peers) {
      const { heardSince, watch } = peer
      if (heardSince === undefined) continue
      if (watch.epoch <= this.epoch && watch.configEpoch <= this.configEpoch) continue
      const at = watch.announcedAt >= heardSince ? watch.announcedAt : heardSince + this.settings.periods.publish
      if (at > now) {
        this.due(at)
        continue
      }
      if (watch.epoch > this.epoch) this.learnEpoch(watch.epoch)
      if (watch.configEpoch <= this.configEpoch) continue
      this.configEpoch = watch.configEpoch
      if (watch.primary === this.master.node) continue
      this.event("+config-update-from", peer)
      this.switchTo(watch.primary)
    }
  }

  /** Watches another primary from now on. */
  switchTo(primary: FakeNode): void {
    const { master: old, now, settings: { name } } = this
    this.say("+switch-master", `${name} ${old.host} ${old.port} ${primary.host} ${primary.port}`)
    this.failover = undefined
    const others = [...this.replicas.map(({ node }) => node), old.node].filter((node) => node !== primary)
    this.master = new Instance("master", primary, now)
    this.replicas = []
    for (const node of others) this.add(node, now)
    for (const peer of this.peers) peer.saysDown = false
    this.observe()
  }

  /** Watches one more replica. */
  add(node: FakeNode, now: number): void {
    const replica = new Instance("slave", node, now)
    replica.hear(this.world.reaches(this.node, node), now)
    this.replicas.push(replica)
    this.event("+slave", replica)
    this.soon()
  }

  /** SENTINEL RESET: forgets the replicas and the other sentinels, and finds those that are there. */
  reset(): void {
    const { now, peers } = this
    this.abort()
    this.event("+reset-master", this.master)
    this.master = new Instance("master", this.master.node, now)
    this.replicas = []
    this.peers = []
    this.observe()
    this.world.timers.after(this.settings.periods.publish, () => {
      for (const { watch } of peers) {
        if (!this.world.reaches(this.node, watch.node) || this.peers.some((peer) => peer.watch === watch)) continue
        const peer = new Peer(watch, this.now)
        this.peers.push(peer)
        this.event("+sentinel", peer)
      }
      this.observe()
    })
  }
}
