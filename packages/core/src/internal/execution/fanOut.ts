/**
 * Executes a command about the whole cluster: one part of it on every primary, or on every node, at the same time. A part that
 * fails is tried again by the redirect policy, on its own. The raw replies are merged (`merging.ts`), and only the merged reply is
 * decoded.
 *
 * A part for a primary is about the slots that the primary serves: it is tried again at whoever serves them by then, so it follows
 * a failover. In the end every owner of slots has been asked, or has taken over from one that has. A part for a node is about that
 * node, and there is nothing left to do once the node has left.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Address from "../../Address.ts"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import { describeReply, raw } from "../commands/reply.ts"
import { deadlineOf, decoded } from "../connection/call.ts"
import { deliveryOf, executed, notSent, toError, unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { Cluster } from "./cluster.ts"
import type { Place } from "./door.ts"
import type * as Lines from "./lines.ts"
import { membersOf } from "./members.ts"
import { choose, combine, misfit } from "./merging.ts"
import { executeOn } from "./onNodes.ts"
import * as Redirects from "./redirects.ts"
import type { Router } from "./router.ts"
import type { Seen } from "./tracing.ts"

/** Once one node has done a command that needs to be done by one only, the others have so many milliseconds to do it, too. */
const grace = 1000

/** How long nodes may take to say whether they are primaries, in milliseconds. */
const patience = 1000

/** Tells how many keys a node has. */
const DBSIZE = Command.make(CommandSpec.get("DBSIZE"), [], raw)

const ROLE = Command.make(CommandSpec.get("ROLE"), [], raw)

const isReplica = (role: Resp.Value): boolean => Array.isArray(role) && role[0] === "slave"

/** The client whose nodes are asked. */
export interface Client {
  readonly cluster: Cluster
  readonly router: Router
  readonly lines: Lines.Lines
}

/** One part of a command: for the node at an address, or, with a slot, for whoever serves that by the map. */
interface Part {
  readonly address: Address.Address
  /** The map by which the node was chosen. */
  readonly map: SlotMap.SlotMap
  slot: number | undefined
}

interface Answer {
  readonly _tag: "Answer"
  readonly node: string
  readonly value: Resp.Value
  readonly attempts: number
  /** Answers are numbered as they come. */
  readonly turn: number
}

/** `Relieved`: the part has nothing left to do, as its node has left, or its slots belong to a node that another part asks. */
type Outcome =
  | Answer
  | { readonly _tag: "Failed"; readonly error: RedisError.RedisError }
  | { readonly _tag: "Relieved" }

const relieved: Outcome = { _tag: "Relieved" }

const isAnswer = (outcome: Outcome): outcome is Answer => outcome._tag === "Answer"

/** Whether a node only reports that there was nothing to do (NOTBUSY). An error of another node says more. */
const isIdle = ({ reason }: RedisError.RedisError): boolean =>
  reason._tag === "ServerError" && reason.code === "NOTBUSY"

/** The key of the node that serves a slot; undefined if none does. */
const ownerOf = (map: SlotMap.SlotMap, slot: number): string | undefined =>
  SlotMap.shardOf(map, slot)?.primary?.address.key

/** One execution of a command on many nodes. */
class FanOut {
  private readonly client: Client
  private readonly command: Command.Any
  private readonly part: Command.Command<Resp.Value>
  private readonly deadline: number
  private readonly outcomes: Array<Outcome> = []
  /** The parts that ask a node, or have asked it, by the key of the node's address. */
  private readonly asking = new Map<string, Part>()
  /** Primaries of the map that say that they are none. */
  private readonly demoted = new Set<string>()
  /** Nodes that have answered, and those that took over from them. */
  private readonly reached = new Set<string>()
  private readonly oneDone = Deferred.makeUnsafe<void>()
  private turns = 0

  constructor(client: Client, command: Command.Any, deadline: number) {
    this.client = client
    this.command = command
    this.part = Command.undecoded(command)
    this.deadline = deadline
  }

  /** Returns the answers, at most one of each node. Fails unless all parts are done, or one where that is enough. */
  readonly answers = (seen: Seen): Effect.Effect<ReadonlyArray<Answer>, RedisError.RedisError> =>
    Effect.flatMap(this.asked, () => {
      const answers = new Map<string, Answer>()
      const failures: Array<RedisError.RedisError> = []
      for (const outcome of this.outcomes) {
        if (outcome._tag === "Failed") failures.push(outcome.error)
        else if (isAnswer(outcome) && (answers.get(outcome.node)?.turn ?? 0) <= outcome.turn) {
          answers.set(outcome.node, outcome)
        }
      }
      seen?.(...answers.keys(), ...failures.map(({ node }) => node))
      const isEnough = answers.size > 0 && (failures.length === 0 || this.command.spec.response === "OneSucceeded")
      if (isEnough) return Effect.succeed(Array.from(answers.values()))
      return Effect.fail(failures.length > 0 ? this.failure(failures) : unsent(this.nobody(), this.command))
    })

  /** Asks all, in rounds: those that have come to serve slots meanwhile are asked in the next. */
  private get asked(): Effect.Effect<void, RedisError.RedisError> {
    return Effect.gen({ self: this }, function*() {
      let map = yield* this.settled
      let parts = this.all(map)
      if (this.absent(map) !== undefined) {
        map = yield* this.complete
        parts = this.all(map)
      }
      while (parts.length > 0) {
        for (const part of parts) this.asking.set(part.address.key, part)
        yield* this.inTime(parts)
        if (this.outcomes.some(({ _tag }) => _tag === "Failed")) return
        const before = map
        if (before === this.map) return
        map = yield* this.settled
        parts = this.missing(before, map)
      }
    })
  }

  private get map(): SlotMap.SlotMap {
    return this.client.cluster.topology.currentUnsafe()
  }

  /**
   * The map. While a shard is known from a redirect only, it may be the successor of another one that is still in the map, and both
   * would be asked about the same keys: then the primaries are asked whether they are, and once more if the map has changed meanwhile.
   */
  private get settled(): Effect.Effect<SlotMap.SlotMap> {
    return Effect.suspend(() => this.settledBy(this.client.router.clock.readExactly() + patience))
  }

  private settledBy(until: number): Effect.Effect<SlotMap.SlotMap> {
    return Effect.suspend(() => {
      const { map } = this
      if (this.command.spec.request === "AllNodes" || map.shards.every(({ replicasKnown }) => replicasKnown)) {
        return Effect.succeed(map)
      }
      const left = until - this.client.router.clock.readExactly()
      if (left <= 0) return Effect.succeed(map)
      const ask = ({ primary }: SlotMap.Shard): Effect.Effect<void> => {
        if (primary === undefined || this.client.cluster.closed) return Effect.void
        const { address } = primary
        const role = Effect.timeout(this.client.cluster.pool.node(address).ask(ROLE), left)
        return Effect.map(Effect.result(role), (told) => {
          if (Result.isSuccess(told) && isReplica(told.success)) this.demoted.add(address.key)
          else this.demoted.delete(address.key)
        })
      }
      return Effect.flatMap(
        Effect.forEach(map.shards, ask, { concurrency: "unbounded", discard: true }),
        () => map === this.map ? Effect.succeed(map) : this.settledBy(until)
      )
    })
  }

  /** One part for each primary, or for each node that is known to be up. */
  private all(map: SlotMap.SlotMap): ReadonlyArray<Part> {
    if (this.client.cluster.closed) return []
    const nodes = this.command.spec.request === "AllNodes"
      ? membersOf(map, "all")
      : map.shards.flatMap(({ primary }) =>
        primary === undefined || this.demoted.has(primary.address.key) ? [] : primary
      )
    return nodes.map(({ address }) => ({ address, map, slot: undefined }))
  }

  /** Parts for those that nobody has asked, and that have not taken over from those that were asked either. */
  private missing(before: SlotMap.SlotMap, now: SlotMap.SlotMap): ReadonlyArray<Part> {
    const { asking, reached } = this
    const strangers = this.all(now).filter(({ address: { key } }) => !asking.has(key) && !reached.has(key))
    if (this.command.spec.request === "AllNodes" || strangers.length === 0) return strangers
    const owners = new Set<string | undefined>()
    for (let slot = 0; slot < now.owners.length; slot++) owners.add(ownerOf(now, slot))
    for (const key of this.demoted) owners.delete(key)
    return strangers.filter(({ address: { key } }) => {
      if (!owners.has(key)) return false
      for (let slot = 0; slot < now.owners.length; slot++) {
        if (ownerOf(now, slot) !== key) continue
        const owner = ownerOf(before, slot)
        if (owner === undefined || owners.has(owner) || !reached.has(owner)) return true
      }
      reached.add(key)
      return false
    })
  }

  /** Why not all can be asked; undefined if they can. A shard that has lost its primary has nobody to ask, for a while. */
  private absent(map: SlotMap.SlotMap): RedisError.Reason | undefined {
    if (this.all(map).length === 0) return this.nobody()
    if (this.command.spec.request === "AllNodes" || map.assigned === Slot.count) return undefined
    return map.shards.every(({ primary }) => primary !== undefined)
      ? undefined
      : new RedisError.NoNodeForSlot({ slot: map.owners.indexOf(0) })
  }

  /** Waits, as long as the policy does, until all can be asked. */
  private get complete(): Effect.Effect<SlotMap.SlotMap, RedisError.RedisError> {
    const look = Effect.map(
      Effect.suspend(() => {
        this.demoted.clear()
        return this.settled
      }),
      (map) => {
        const reason = this.absent(map)
        return reason === undefined ? Result.succeed(map) : Result.fail(notSent(reason))
      }
    )
    const first = notSent(this.absent(this.map) ?? this.nobody())
    return Redirects.persevere<SlotMap.SlotMap, never, never>(
      this.client.router,
      { ...this.work, placeOf: () => undefined, again: () => look },
      first
    )
  }

  private nobody(): RedisError.Reason {
    return this.client.cluster.closed ? new RedisError.Closed() : new RedisError.NoNodeForSlot({ slot: undefined })
  }

  /** Executes parts at the same time. If one success is enough, it is not kept waiting for the others for long. */
  private inTime(parts: ReadonlyArray<Part>): Effect.Effect<void> {
    const first = this.outcomes.length
    const all = Effect.forEach(parts, (part, i) =>
      Effect.map(this.executed(part), (outcome) => {
        this.outcomes[first + i] = outcome
        if (!isAnswer(outcome)) return
        this.reached.add(outcome.node)
        Deferred.doneUnsafe(this.oneDone, Effect.void)
      }), { concurrency: "unbounded", discard: true })
    if (this.command.spec.response !== "OneSucceeded") return all
    const enough = Effect.andThen(Deferred.await(this.oneDone), Effect.sleep(grace))
    return Effect.map(Effect.raceFirst(all, enough), () => {
      for (let i = first; i < first + parts.length; i++) this.outcomes[i] ??= relieved
    })
  }

  /** What all pieces of this work have in common for the loop that tries again. */
  private get work() {
    const { command, deadline } = this
    const { readOnly, repeatable } = command.spec
    return {
      repeatable: readOnly || repeatable || command.idempotent,
      patient: false,
      abridged: false,
      beside: this.client.router.standsApart(command),
      reads: readOnly,
      stale: false,
      deadline,
      overtaken: false,
      error: (failure: Failure, attempts: number): RedisError.RedisError => this.error(failure, attempts)
    }
  }

  private error(failure: Failure, attempts: number): RedisError.RedisError {
    const { client, command } = this
    return toError(failure, { command, attempts, time: deadlineOf(command, 0, client.router.timeout) })
  }

  private executed(part: Part): Effect.Effect<Outcome> {
    return Effect.flatMap(this.first(part), (first) => {
      if (Result.isSuccess(first)) return Effect.succeed(first.success)
      let attempts = 1
      const work = {
        ...this.work,
        placeOf: () => this.placeOf(part),
        again: () => Effect.suspend(() => this.again(part, ++attempts))
      }
      const outcome = Redirects.persevere<Outcome, never, never>(this.client.router, work, first.failure)
      return Effect.catch(outcome, (error) => Effect.succeed(this.hasLeft(part) ? relieved : { _tag: "Failed", error }))
    })
  }

  /** The first try, unless others wait for the same node already. */
  private first(part: Part): Effect.Effect<Result.Result<Outcome, Failure>> {
    const { room } = this.client.cluster
    const place = room.isEmpty ? undefined : this.placeOf(part)
    const refusal = place && room.refusalOf(place.slot, place.readFrom, part, this.command.spec.readOnly)
    return refusal === undefined ? this.at(part.address, 1) : Effect.succeed(Result.fail(refusal))
  }

  /** Where a part waits while its node is away. What ends a script waits for nothing that may wait for that. */
  private placeOf(part: Part): Place | undefined {
    const slot = this.command.spec.urgent ? undefined : this.slotOf(part)
    return slot === undefined ? undefined : { slot, readFrom: "primary" }
  }

  /** Another try, at whoever the part is for by now. */
  private again(part: Part, attempts: number): Effect.Effect<Result.Result<Outcome, Failure>> {
    const slot = this.slotOf(part)
    if (slot === undefined) {
      return this.hasLeft(part) ? Effect.succeed(Result.succeed(relieved)) : this.at(part.address, attempts)
    }
    const owner = SlotMap.shardOf(this.map, slot)?.primary?.address
    if (owner === undefined) return Effect.succeed(Result.fail(notSent(new RedisError.NoNodeForSlot({ slot }))))
    const other = this.asking.get(owner.key)
    // A node that was asked about its keys may have got more of them since.
    if (other !== undefined && other !== part && !this.command.spec.keyspace) {
      return Effect.succeed(Result.succeed(relieved))
    }
    this.asking.set(owner.key, other ?? part)
    return this.at(owner, attempts)
  }

  private at(address: Address.Address, attempts: number): Effect.Effect<Result.Result<Outcome, Failure>> {
    const { cluster, lines } = this.client
    return Effect.map(
      Effect.result(executeOn(cluster, address, this.part, lines, this.deadline)),
      Result.mapBoth({
        onSuccess: (value): Outcome => ({ _tag: "Answer", node: address.key, value, attempts, turn: ++this.turns }),
        onFailure: ({ delivery, node, reason }): Failure => ({ delivery, node, reason })
      })
    )
  }

  /**
   * A slot that the node of a part serves; undefined if the part is about the node itself. The call goes over the node's first
   * connection, so the slot is one of those that do, too.
   */
  private slotOf(part: Part): number | undefined {
    if (part.slot !== undefined || this.command.spec.request === "AllNodes") return part.slot
    const { connectionsPerNode } = this.client.cluster
    for (const { end, shard, start } of SlotMap.ranges(part.map)) {
      if (shard.primary?.address.key !== part.address.key) continue
      const first = Math.ceil(start / connectionsPerNode) * connectionsPerNode
      part.slot ??= start
      if (first > end) continue
      part.slot = first
      break
    }
    return part.slot
  }

  /** Whether a part was for a node, and that is no member any more. */
  private hasLeft(part: Part): boolean {
    if (this.slotOf(part) !== undefined) return false
    return !this.all(this.map).some(({ address }) => address.key === part.address.key)
  }

  /** The error of the whole. */
  private failure(failures: ReadonlyArray<RedisError.RedisError>): RedisError.RedisError {
    const { command, outcomes } = this
    const told = failures.find((error) => !isIdle(error)) ?? failures[0]
    const parts = outcomes.flatMap((outcome): RedisError.Part | ReadonlyArray<never> => {
      if (outcome._tag === "Relieved") return []
      if (isAnswer(outcome)) return { node: outcome.node, delivery: "Executed", attempts: outcome.attempts }
      const { attempts, delivery, node, reason } = outcome.error
      return { node, delivery, reason, attempts }
    })
    const { attempts, away, node, reason } = told
    return toError({ reason, delivery: deliveryOf(command, parts), node, away }, { command, attempts, parts })
  }
}

const merged = (
  command: Command.Any,
  answers: ReadonlyArray<Answer>
): Effect.Effect<Resp.Value, RedisError.RedisError> => {
  const { response } = command.spec
  const other = answers.find(({ value }) => value !== null)?.value ?? null
  for (const { node, value } of answers) {
    const expected = misfit(response, value, other)
    if (expected === undefined) continue
    const reason = new RedisError.DecodeFailed({ expected, received: describeReply(value) })
    return Effect.fail(toError(executed(reason, node), { command }))
  }
  return Effect.succeed(combine(response, answers.map(({ value }) => value)))
}

/** Chooses one answer, where a node with more keys has more of it. If the nodes don't say how many they have, all are alike. */
const chosen = (
  asked: Effect.Effect<ReadonlyArray<Answer>, RedisError.RedisError>,
  sizes: Effect.Effect<ReadonlyArray<Answer>, RedisError.RedisError>
): Effect.Effect<Resp.Value, RedisError.RedisError> =>
  Effect.gen(function*() {
    const [answers, known] = yield* Effect.all([asked, Effect.result(sizes)], { concurrency: 2 })
    const sizeOf = new Map(Result.getOrElse(known, () => []).map(({ node, value }) => [node, value]))
    return choose(answers.map(({ node, value }) => ({ value, size: sizeOf.get(node) })), yield* Random.next)
  })

/** Executes a command on all nodes that it is for. The decoder, and what is mapped over it, gets the merged reply. */
export const run = <A>(
  client: Client,
  command: Command.Command<A>,
  seen: Seen,
  begun?: number
): Effect.Effect<A, RedisError.RedisError> =>
  Effect.suspend(() => {
    const { clock, timeout } = client.router
    const deadline = deadlineOf(command, begun ?? clock.readExactly(), timeout)
    const answers = new FanOut(client, command, deadline).answers(seen)
    const reply = command.spec.response === "OneBySize"
      ? chosen(answers, new FanOut(client, DBSIZE, deadline).answers(undefined))
      : Effect.flatMap(answers, (answers) => merged(command, answers))
    return Effect.flatMap(reply, (value) => decoded(command, value, undefined))
  })
