/**
 * Routes commands in a cluster: each goes to a node by slot and map, and failures are used to correct the map.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Command from "../../Command.ts"
import * as CrossSlot from "../../CrossSlot.ts"
import type * as NodePool from "../../NodePool.ts"
import type { ReadFrom } from "../../ReadFrom.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import * as RedisError from "../../RedisError.ts"
import type { Cache, Kept } from "../caching/cache.ts"
import * as Region from "../caching/region.ts"
import { forReader } from "../caching/store.ts"
import { slotOf } from "../commands/keySlot.ts"
import { attempt, blocks, deadlineOf, standsApart, withTimeLeft } from "../connection/call.ts"
import type { Call, Outcome } from "../connection/call.ts"
import { notSent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { isForAllNodes, unplaced, unsound } from "./admission.ts"
import type { Admission, Split } from "./admission.ts"
import type { Cluster } from "./cluster.ts"
import type { Place } from "./door.ts"
import { Executor } from "./executor.ts"
import * as FanOut from "./fanOut.ts"
import { unbegun } from "./firstMap.ts"
import type { FirstMap } from "./firstMap.ts"
import * as Lines from "./lines.ts"
import * as Parts from "./parts.ts"
import { Placement } from "./placement.ts"
import { isAsking } from "./router.ts"
import type { AnyFiber, Route, Router, Try } from "./router.ts"
import type { TurnClock } from "./turnClock.ts"
import type { WaitingRoom } from "./waitingRoom.ts"

/** Failures that show that the node can't answer reads; other failures are about the command. */
const unfitting: ReadonlySet<RedisError.Reason["_tag"]> = new Set(["ClusterDown", "Moved", "Timeout"])

/** With so many counts by node, those of nodes that are gone are dropped. */
const mostCounted = 1000

/** Where a call goes, and on whose behalf. */
interface Way {
  readonly slot: number
  readonly fiber: AnyFiber
  readonly lane: number
}

export class ClusterRouter implements Router {
  readonly asking = false
  readonly clock: TurnClock
  readonly timeout: number
  readonly cluster: Cluster
  readonly placement: Placement
  readonly room: WaitingRoom
  readonly firstMap: FirstMap
  readonly locate: Router["locate"]
  readonly serves: Router["serves"]
  private readonly lines: Lines.Lines

  constructor(cluster: Cluster, lines: Lines.Lines = Lines.shared) {
    this.cluster = cluster
    this.room = cluster.room
    this.firstMap = cluster.firstMap
    this.lines = lines
    this.clock = cluster.clock
    this.timeout = cluster.commandTimeout
    this.locate = cluster.topology.locate
    this.serves = cluster.topology.serves
    this.placement = new Placement(cluster)
  }

  get oneSlot(): boolean {
    return this.cluster.topology.oneSlot() !== false
  }

  admit(command: Command.Any, fiber: AnyFiber, isLate = false): Admission {
    const refusal = this.lines.over() ?? unsound(command) ?? unplaced(command)
    if (refusal !== undefined) return refusal
    if (!this.firstMap.isThere && !isLate) return this.onceThereIsAMap
    if (isForAllNodes(command)) return this.toAllNodes
    const { oneSlot } = this
    const { layout } = command.spec
    if (command.maxAge !== undefined) {
      const region = Context.getOrUndefined(fiber.context, Region.Current)
      const problem = region === undefined ? undefined : Region.check("Cached", region)
      if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
    }
    if (layout === undefined) return slotOf(command, oneSlot)
    const crossSlot = Context.getOrUndefined(fiber.context, CrossSlot.Current) ?? this.cluster.crossSlot
    const problem = CrossSlot.check("crossSlot", crossSlot)
    return problem === undefined
      ? Parts.divide(command, layout, {
        isAllowed: crossSlot === "split",
        oneSlot,
        isByKey: this.keeps(command, fiber)
      })
      : new RedisError.InvalidArgument({ problem })
  }

  standsApart(command: Command.Any): boolean {
    return standsApart(command, this.cluster)
  }

  recallAll(commands: ReadonlyArray<Command.Any>, fiber: AnyFiber): ReadonlyArray<Kept> | undefined {
    const { cache } = this.cluster
    if (cache === undefined || !this.keeps(commands[0], fiber)) return undefined
    const now = this.clock.read()
    const all: Array<Kept> = []
    for (const command of commands) {
      const kept = cache.recall(command, now)
      if (kept === undefined) return undefined
      all.push(kept)
    }
    for (const kept of all) cache.hit(kept)
    return all
  }

  recall(command: Command.Any, fiber: AnyFiber): Kept | undefined {
    const { cache } = this.cluster
    if (cache === undefined || !this.keeps(command, fiber)) return undefined
    const kept = cache.recall(command, this.clock.read())
    if (kept !== undefined) cache.hit(kept)
    return kept
  }

  /** Whether a command's reply may be kept, and come from the cache. On connections that are held it always travels. */
  private keeps({ maxAge }: Command.Any, fiber: AnyFiber): boolean {
    return maxAge !== undefined && this.lines === Lines.shared && this.placement.mayRecall(fiber)
  }

  dispatch(call: Call, slot: number, fiber: AnyFiber, lane = slot): void {
    const { command } = call
    if (command.maxAge !== undefined || !command.spec.readOnly) {
      const { cache } = this.cluster
      if (cache !== undefined && this.keeps(command, fiber)) return this.look(cache, call, { slot, fiber, lane })
      // Whoever reads after it must not get what was there before.
      cache?.wrote(command)
    }
    this.submit(call, slot, fiber, lane)
  }

  /** Answers a call from the cache, or by a flight that is under way, or begins one. Each read is counted once. */
  private look(cache: Cache, call: Call, to: Way, isFirst = true): void {
    const now = this.clock.read()
    const kept = cache.recall(call.command, now)
    if (kept !== undefined) {
      if (isFirst) cache.hit(kept)
      return call.onReply(forReader(call.command, kept.value), kept.node)
    }
    const passenger = { call, again: () => this.look(cache, call, to, false) }
    const flight = cache.joinable(call, now)
    if (isFirst) cache.counts[flight === undefined ? "misses" : "shared"]++
    if (flight !== undefined) return flight.join(passenger)
    this.submit(cache.begin(passenger, to.slot), to.slot, to.fiber, to.lane)
  }

  private submit(call: Call, slot: number, fiber: AnyFiber, lane: number): void {
    const readFrom = this.placement.readFromOf(call.command, slot, fiber)
    const node = this.placement.nodeFor(call.command, slot, readFrom)
    const refusal = this.room.isEmpty || call.isAdmitted
      ? undefined
      : this.room.refusalOf(slot, readFrom, node, call.command.spec.readOnly)
    if (refusal !== undefined) call.onAway(refusal)
    else if (node === undefined) call.onFailure(notSent(this.placement.noNode(slot, readFrom)))
    else this.lines.submit(node, call, lane)
  }

  policyOf({ context }: AnyFiber): RedirectPolicy.RedirectPolicy {
    return Context.getOrUndefined(context, RedirectPolicy.Current) ?? this.cluster.redirects
  }

  /** What is published follows its channel, not its slot. What reads from nowhere waits for nothing. */
  placeOf(command: Command.Any, slot: number, fiber: AnyFiber): Place | undefined {
    if (command.spec.affinity >= 0) return undefined
    const readFrom = this.placement.readFromOf(command, slot, fiber)
    return this.placement.problemOf(readFrom) === undefined ? { slot, readFrom } : undefined
  }

  redispatch(call: Call, slot: number, route: Route, fiber: AnyFiber): void {
    const readFrom = this.placement.readFromOf(call.command, slot, fiber)
    const node = this.nodeBy(route, call.command, slot, readFrom)
    if (node === undefined) return call.onFailure(notSent(this.placement.noNode(slot, readFrom)))
    this.lines.submit(node, call, slot)
  }

  send({ command, deadline, route, slot, together }: Try): Effect.Effect<Outcome> {
    return Effect.withFiber((fiber) => {
      const asking = isAsking(route)
      if (!blocks(command) && (together || !this.standsApart(command))) {
        const taker = { submit: (call: Call) => this.redispatch(call, slot, route, fiber) }
        return attempt(taker, command, { asking, deadline, isAdmitted: true })
      }
      const readFrom = this.placement.readFromOf(command, slot, fiber)
      const node = this.nodeBy(route, command, slot, readFrom)
      if (node === undefined) {
        return Effect.succeed({ _tag: "Failed", failure: notSent(this.placement.noNode(slot, readFrom)) })
      }
      return this.lines.alone(node, deadline, (taker) => {
        const left = withTimeLeft(command, { now: this.clock.readExactly(), deadline, timeout: this.timeout })
        return attempt(taker, left, { asking, deadline, isAdmitted: true })
      })
    })
  }

  private nodeBy(route: Route, command: Command.Any, slot: number, readFrom: ReadFrom): NodePool.Node | undefined {
    const { closed, pool, topology } = this.cluster
    if (route._tag === "ByMap" || closed) return this.placement.nodeFor(command, slot, readFrom)
    // A redirect need not have changed the map, which decides what connections stay.
    if (route.asking || !topology.currentUnsafe().nodes.has(route.address.key)) topology.keep(route.address)
    return pool.node(route.address)
  }

  /** The way of a command for all nodes or all shards. */
  private readonly toAllNodes: Split = {
    _tag: "Split",
    execute: (command, seen, begun) =>
      FanOut.run({ cluster: this.cluster, router: this, lines: this.lines }, command, seen, begun)
  }

  private readonly executor = new Executor(this)

  /** The way of all commands before the first map is known: they wait for it, and then begin. */
  private readonly onceThereIsAMap: Split = {
    _tag: "Split",
    execute: (command, seen) =>
      Effect.withFiber((fiber) => {
        const begun = this.clock.readExactly()
        const waited = this.firstMap.wait(this.policyOf(fiber), deadlineOf(command, begun, this.timeout))
        return Effect.flatMap(waited, (failure) =>
          failure === undefined
            ? this.executor.begin(command, fiber, seen, begun)
            : Effect.fail(unbegun(failure, command, this.timeout)))
      })
  }

  /** Runs an effect and uses its failure to correct the map. Nothing is sent again. */
  heeding<A, R>(effect: Effect.Effect<A, RedisError.RedisError, R>): Effect.Effect<A, RedisError.RedisError, R> {
    return Effect.tapError(effect, (error) => this.note(error))
  }

  private note({ delivery, node, reason }: RedisError.RedisError): Effect.Effect<void> {
    const facts = { repeatable: false, redirects: 0, abridged: false, target: undefined }
    const failure = { delivery, node, reason }
    return this.heed(failure, RedirectPolicy.decide(failure, facts).topology)
  }

  readonly heed: Router["heed"] = ({ node, reason }, change) => {
    const { cache, pool, replicas, topology } = this.cluster
    // While a slot moves, its owner pushes nothing about keys that are created at the target.
    if (reason._tag === "Moved" || reason._tag === "Ask") cache?.movedSlot(reason.slot)
    if (node !== undefined && this.isUnfit(node, reason, change)) replicas.eject(node)
    // A node whose MOVED names no node, or itself, does not have the slot either.
    const disclaimed = reason._tag === "Moved" && node !== undefined
      ? topology.disclaim(reason.slot, node)
      : Effect.void
    switch (change._tag) {
      case "Keep":
        return Effect.void
      case "Refresh":
        return Effect.andThen(disclaimed, Effect.sync(() => topology.failed(node)))
      case "Renew":
        return Effect.andThen(
          disclaimed,
          Effect.sync(() => {
            pool.renew(change.address)
            topology.requestRefresh()
          })
        )
      case "Patch":
        return topology.patch(change.slot, change.address, node)
    }
  }

  /**
   * Whether a node should not be read from for a while. A redirect that the map can follow does not count against a node,
   * unless the node is a replica that does not serve a slot of its own primary.
   */
  private isUnfit(node: string, reason: RedisError.Reason, change: RedirectPolicy.Decision["topology"]): boolean {
    if (change._tag !== "Patch") return unfitting.has(reason._tag)
    if (change.slot === undefined) return false
    const shard = this.placement.shardOf(change.slot)
    return shard?.primary?.address.key === change.address.key &&
      shard.replicas.some(({ address }) => address.key === node)
  }

  count(what: "redirects" | "retries", { node }: Failure): void {
    const { counts } = this.cluster
    counts[what]++
    if (what === "redirects" && node !== undefined) this.countRedirectOf(node)
  }

  /** Counts by node are dropped for nodes that are gone, once there are many of them. */
  private countRedirectOf(node: string): void {
    const { counts: { redirectsOf }, pool } = this.cluster
    const count = redirectsOf.get(node) ?? 0
    if (count === 0 && redirectsOf.size >= mostCounted) {
      for (const key of redirectsOf.keys()) {
        if (!pool.nodes().has(key) && !pool.readers().has(key)) redirectsOf.delete(key)
      }
    }
    redirectsOf.set(node, count + 1)
  }
}
