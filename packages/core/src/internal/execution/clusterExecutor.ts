/**
 * Executes commands on a cluster: by slot and map on the shared connection of a node, in every way that this can fail.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Address from "../../Address.ts"
import type * as Command from "../../Command.ts"
import type * as NodePool from "../../NodePool.ts"
import * as ReadFrom from "../../ReadFrom.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import * as RedisError from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import type * as Topology from "../../Topology.ts"
import { anySlot, slotOf } from "../commands/keySlot.ts"
import { attempt, blocks, decoded, standsApart, withTimeLeft } from "../connection/call.ts"
import type { Call, Limits, Outcome, Taker } from "../connection/call.ts"
import { notSent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { unplaced, unsound } from "./admission.ts"
import { Executor } from "./executor.ts"
import * as FanOut from "./fanOut.ts"
import type { NodeResult, Nodes } from "./members.ts"
import * as Redirects from "./redirects.ts"
import type { Replicas } from "./replicas.ts"
import type { TurnClock } from "./turnClock.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What a cluster consists of. All executors of one cluster share it. */
export interface Parts extends Limits {
  readonly topology: Topology.Topology["Service"]
  readonly pool: NodePool.NodePool["Service"]
  readonly replicas: Replicas
  readonly clock: TurnClock
  readonly policy: RedirectPolicy.RedirectPolicy
  readonly readFrom: ReadFrom.ReadFrom
  readonly executeEach: FanOut.ExecuteEach
  readonly counts: Counts
}

/** What has happened since the start. */
export interface Counts {
  redirects: number
  retries: number
  /** The redirects that each node has answered with, by the key of its address. */
  readonly redirectsOf: Map<string, number>
  closed: boolean
}

/** Failures that tell of the node they come from, rather than of the command. Lost connections tell of themselves. */
const unfitting: ReadonlySet<RedisError.Reason["_tag"]> = new Set(["ClusterDown", "Moved", "Timeout"])

export class ClusterExecutor extends Executor {
  readonly actions: Redirects.Actions
  readonly together: Redirects.Actions
  readonly parts: Parts
  private turn = 0

  constructor(parts: Parts) {
    super(parts.clock, parts.commandTimeout, false)
    this.parts = parts
    this.actions = {
      timeout: parts.commandTimeout,
      policy: Effect.map(RedirectPolicy.Current, (ofRegion) => ofRegion ?? parts.policy),
      send: (command, slot, deadline, route) => this.send(command, slot, deadline, route, true),
      locate: parts.topology.locate,
      heed: this.heed,
      serves: parts.topology.serves,
      count: (what, { node }) => {
        const { counts } = parts
        counts[what]++
        if (what === "redirects" && node !== undefined) {
          counts.redirectsOf.set(node, (counts.redirectsOf.get(node) ?? 0) + 1)
        }
      }
    }
    this.together = {
      ...this.actions,
      send: (command, slot, deadline, route) => this.send(command, slot, deadline, route, false)
    }
  }

  admit(command: Command.Any): number | RedisError.Reason {
    return unsound(command) ?? unplaced(command) ?? slotOf(command, this.parts.topology.oneSlot)
  }

  aside<A>(
    command: Command.Command<A>,
    seen: Redirects.Seen
  ): Effect.Effect<A, RedisError.RedisError> | undefined {
    return FanOut.isFanOut(command) ? this.fanOut(command, seen) : undefined
  }

  apart<A>(
    command: Command.Command<A>,
    slot: number,
    deadline: number,
    seen?: Redirects.Seen
  ): Effect.Effect<A, RedisError.RedisError> | undefined {
    return standsApart(command, this.parts) ? this.executeApart(command, slot, deadline, seen) : undefined
  }

  dispatch(call: Call, slot: number, fiber: AnyFiber): void {
    const readFrom = this.readFromOf(call.command, slot, fiber)
    const node = this.nodeFor(call.command, slot, readFrom)
    if (node === undefined) return call.onFailure(notSent(this.noNode(slot, readFrom)))
    this.submit(node, call, slot)
  }

  /** Over which of a node's connections a call goes. */
  protected submit(node: NodePool.Node, call: Call, slot: number): void {
    node.submit(call, slot)
  }

  /** The same for a command that would hold up everybody on a shared connection, or that they can't wait for. */
  protected submitApart(
    node: NodePool.Node,
    deadline: number,
    attemptOn: (taker: Taker) => Effect.Effect<Outcome>
  ): Effect.Effect<Outcome> {
    return Effect.scoped(Effect.matchEffect(node.dedicatedBy(deadline), {
      onSuccess: attemptOn,
      onFailure: ({ reason }) => Effect.succeed(failed(notSent(reason, node.address.key)))
    }))
  }

  private fanOut<A>(
    command: Command.Command<A>,
    seen: Redirects.Seen
  ): Effect.Effect<A, RedisError.RedisError> {
    return FanOut.run(command, (command, nodes) =>
      Effect.tap(this.executeEach(command, nodes), (results) => {
        seen?.(...FanOut.nodesOf(results))
        return Effect.forEach(
          results,
          ({ result }) => Result.isFailure(result) ? this.note(result.failure) : Effect.void,
          { discard: true }
        )
      }))
  }

  protected executeEach<A>(command: Command.Command<A>, nodes: Nodes): Effect.Effect<ReadonlyArray<NodeResult<A>>> {
    return this.parts.executeEach(command, nodes)
  }

  /** What nodes say about the map is heeded, although nothing is sent again. */
  heeding<A, R>(effect: Effect.Effect<A, RedisError.RedisError, R>): Effect.Effect<A, RedisError.RedisError, R> {
    return Effect.tapError(effect, (error) => this.note(error))
  }

  private note({ delivery, node, reason }: RedisError.RedisError): Effect.Effect<void> {
    const facts = { repeatable: false, redirects: 0, abridged: false, target: undefined }
    const failure = { delivery, node, reason }
    return this.heed(failure, RedirectPolicy.decide(failure, facts).topology)
  }

  private executeApart<A>(
    command: Command.Command<A>,
    slot: number,
    deadline: number,
    seen: Redirects.Seen
  ): Effect.Effect<A, RedisError.RedisError> {
    return Effect.flatMap(this.send(command, slot, deadline, Redirects.byMap, true), (outcome) => {
      if (outcome._tag === "Failed") {
        return Redirects.follow(this.actions, { command, slot, deadline, failure: outcome.failure, seen })
      }
      seen?.(outcome.node)
      return decoded(command, outcome.value, outcome.node, slot)
    })
  }

  private readonly send = (
    command: Command.Any,
    slot: number,
    deadline: number,
    route: Redirects.Route,
    isAlone: boolean
  ): Effect.Effect<Outcome> =>
    Effect.withFiber((fiber) => {
      const readFrom = this.readFromOf(command, slot, fiber)
      const node = route._tag === "To" && !this.parts.counts.closed
        ? this.parts.pool.node(route.address)
        : this.nodeFor(command, slot, readFrom)
      if (node === undefined) return Effect.succeed(failed(notSent(this.noNode(slot, readFrom))))
      const asking = route._tag === "To" && route.asking
      if (asking) this.parts.topology.keep(route.address)
      if (blocks(command) || (isAlone && standsApart(command, this.parts))) {
        return this.submitApart(
          node,
          deadline,
          (taker) => {
            const now = this.clock.readExactly()
            const left = withTimeLeft(command, { now, deadline, timeout: this.commandTimeout })
            return attempt(taker, left, { asking, deadline })
          }
        )
      }
      return attempt({ submit: (call) => this.submit(node, call, slot) }, command, { asking, deadline })
    })

  /** Why there is no node for it. */
  noNode(slot: number, readFrom: ReadFrom.ReadFrom): RedisError.Reason {
    if (this.parts.counts.closed) return new RedisError.Closed()
    const problem = ReadFrom.check("readFrom", readFrom)
    if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
    const role = readFrom === "replica" && (slot < 0 || this.shardOf(slot) !== undefined) ? "replica" : undefined
    return new RedisError.NoNodeForSlot({ slot: slot === anySlot ? undefined : slot, role })
  }

  private shardOf(slot: number): SlotMap.Shard | undefined {
    return SlotMap.shardOf(this.parts.topology.currentUnsafe(), slot)
  }

  /** Only a read of a key can be answered by a replica, and only one that is complete in itself. */
  private readFromOf({ spec }: Command.Any, slot: number, fiber: AnyFiber): ReadFrom.ReadFrom {
    if (!spec.readOnly || spec.sticky || slot < 0) return "primary"
    return Context.getOrUndefined(fiber.context, ReadFrom.Current) ?? this.parts.readFrom
  }

  private nodeFor(
    { args, spec }: Command.Any,
    slot: number,
    readFrom: ReadFrom.ReadFrom
  ): NodePool.Node | undefined {
    if (spec.affinity < 0) return this.nodeOf(slot, readFrom)
    const preferred = this.nodeOf(Slot.fromKey(args[spec.affinity] ?? ""), readFrom)
    return preferred === undefined || preferred.isDown() ? this.nodeOf(slot, readFrom) : preferred
  }

  /** The node for a piece of work on a slot, or on no slot, that reads from there. */
  nodeOf(slot: number, readFrom: ReadFrom.ReadFrom): NodePool.Node | undefined {
    if (this.parts.counts.closed) return undefined
    if (readFrom !== "primary" && ReadFrom.check("readFrom", readFrom) !== undefined) return undefined
    if (slot < 0) return readFrom === "primary" ? this.anyPrimary() : this.anyReader(readFrom)
    const shard = this.shardOf(slot)
    if (shard !== undefined && readFrom !== "primary") return this.parts.replicas.choose(shard, readFrom)
    return shard?.primary === undefined ? undefined : this.parts.pool.node(shard.primary.address)
  }

  /** Takes turns, passing over shards that have nobody who may answer. */
  private anyReader(readFrom: Exclude<ReadFrom.ReadFrom, "primary">): NodePool.Node | undefined {
    const { shards } = this.parts.topology.currentUnsafe()
    const turn = this.turn++
    for (let i = 0; i < shards.length; i++) {
      const node = this.parts.replicas.choose(shards[(turn + i) % shards.length], readFrom)
      if (node !== undefined) return node
    }
    return undefined
  }

  /** Takes turns, passing over nodes that can't be reached now. */
  private anyPrimary(): NodePool.Node | undefined {
    const { shards } = this.parts.topology.currentUnsafe()
    const turn = this.turn++
    let first: Address.Address | undefined
    for (let i = 0; i < shards.length; i++) {
      const address = shards[(turn + i) % shards.length].primary?.address
      if (address === undefined) continue
      if (this.parts.pool.nodes().get(address.key)?.isDown() !== true) return this.parts.pool.node(address)
      first ??= address
    }
    return first === undefined ? undefined : this.parts.pool.node(first)
  }

  /** A redirect that the map can follow is about the slot, unless a replica does not serve what its own primary does. */
  private isUnfit(node: string, reason: RedisError.Reason, change: RedirectPolicy.Decision["topology"]): boolean {
    if (change._tag !== "Patch") return unfitting.has(reason._tag)
    const shard = this.shardOf(change.slot)
    return shard?.primary?.address.key === change.address.key &&
      shard.replicas.some(({ address }) => address.key === node)
  }

  private readonly heed = (
    { node, reason }: Failure,
    change: RedirectPolicy.Decision["topology"]
  ): Effect.Effect<void> => {
    const { pool, replicas, topology } = this.parts
    if (node !== undefined && this.isUnfit(node, reason, change)) replicas.eject(node)
    // A node that names nobody, or itself, does not have the slot either.
    const disclaimed = reason._tag === "Moved" && node !== undefined
      ? topology.disclaim(reason.slot, node)
      : Effect.void
    switch (change._tag) {
      case "Keep":
        return Effect.void
      case "Refresh":
        return Effect.andThen(disclaimed, Effect.sync(topology.requestRefresh))
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
}

const failed = (failure: Failure): Outcome => ({ _tag: "Failed", failure })
