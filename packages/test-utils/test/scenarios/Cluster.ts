/**
 * What the scenarios are written against: a cluster, be it in memory or of real servers, its controls, and clients of it.
 */
import { RedisCluster, Slot } from "@redisc/core"
import type { Connector, Redis, Topology } from "@redisc/core"
import type { FakeCluster, RealCluster } from "@redisc/test-utils"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

type Problem = RealCluster.RealClusterError | FakeCluster.FakeClusterError

type OfEither<F> = F extends (...args: infer Args) => Effect.Effect<infer A, infer _E>
  ? (...args: Args) => Effect.Effect<A, Problem>
  : F extends Effect.Effect<infer A, infer _E> ? Effect.Effect<A, Problem>
  : F

/** The controls of `RealCluster` that a `FakeCluster` has too. */
type Controls = {
  readonly [Name in Exclude<keyof RealCluster.RealCluster["Service"], "tls" | "waitUntilStable">]: OfEither<
    RealCluster.RealCluster["Service"][Name]
  >
}

export type Client = RedisCluster.Services

export type Settings = Partial<RedisCluster.Options>

export class Cluster extends Context.Service<
  Cluster,
  Controls & {
    /** Waits until all nodes agree about what was done to some of them. */
    readonly waitUntilStable: Effect.Effect<void, Problem>
    /** A client, which is told all nodes unless the settings say otherwise. */
    readonly client: (settings?: Settings) => Layer.Layer<Client, Redis.RedisError>
    /** A client of a server that is part of no cluster. */
    readonly standalone: Layer.Layer<Client, Redis.RedisError | Problem>
    readonly connector: Connector.Connector["Service"]
  }
>()("scenarios/Cluster") {}

export interface Scenario {
  readonly name: string
  readonly run: Effect.Effect<void, unknown, Cluster | Scope.Scope>
}

/** A scenario, named by the behaviour that it shows and the numbers of redisc's that it stands for. */
export const scenario = (name: string, run: Scenario["run"]): Scenario => ({ name, run })

/** Runs a part of a scenario with a client of its own. */
export const withClient =
  (settings?: Settings) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Redis.RedisError, Exclude<R, Client> | Cluster> =>
    Effect.flatMap(Cluster, ({ client }) => Effect.provide(effect, client(settings)))

/** Where a key is: its slot, the primary that serves it, and one that does not. */
export const homeOf = Effect.fnUntraced(function*(key: string) {
  const cluster = yield* Cluster
  const slot = Slot.fromKey(key)
  const { id } = yield* cluster.ownerOf(slot)
  const primaries = yield* cluster.primaries
  const owner = primaries.find((node) => node.id === id)!
  return { slot, owner, other: primaries.find((node) => node.id !== id)! }
})

/** A slot of the same primary as another slot. */
export const neighbourOf = (
  { owner, slot }: { readonly owner: RealCluster.NodeState; readonly slot: number }
): number => {
  const [first, last] = owner.slots[0]
  return first === slot ? last : first
}

/** Moves slots from the owner of a key to another primary, behind the backs of the clients. */
export const moveAway = Effect.fnUntraced(function*(key: string) {
  const { migrateSlots } = yield* Cluster
  const home = yield* homeOf(key)
  const neighbour = neighbourOf(home)
  yield* migrateSlots({ from: home.owner, to: home.other, slots: [home.slot, neighbour] })
  return { ...home, neighbour }
})

/** Why an effect fails. */
export const reasonOf = <A, R>(effect: Effect.Effect<A, Redis.RedisError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** The kind of reason for which an effect fails. */
export const tagOf = <A, R>(effect: Effect.Effect<A, Redis.RedisError, R>) =>
  Effect.map(reasonOf(effect), ({ _tag }) => _tag)

const queued = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function*() {
    const queue = yield* Queue.unbounded<A>()
    yield* Effect.forkScoped(Stream.runForEach(stream, (item) => Queue.offer(queue, item)), { startImmediately: true })
    return queue
  })

/** The swaps of the client's slot map from now on. */
export const changes: Effect.Effect<
  Queue.Queue<Topology.Change>,
  never,
  RedisCluster.RedisCluster | Scope.Scope
> = Effect.flatMap(RedisCluster.RedisCluster, ({ topology }) => queued(topology.changes))

/** What fails behind the client's back from now on. */
export const failures: Effect.Effect<
  Queue.Queue<RedisCluster.BackgroundFailure>,
  never,
  RedisCluster.RedisCluster | Scope.Scope
> = Effect.flatMap(RedisCluster.RedisCluster, ({ failures }) => queued(failures))

/** Takes from a queue until something is found. */
export const takeUntil = <A>(queue: Queue.Dequeue<A>, found: (item: A) => boolean): Effect.Effect<A> =>
  Effect.repeat(Queue.take(queue), { until: found })
