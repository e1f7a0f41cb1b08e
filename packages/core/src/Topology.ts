/**
 * Who serves what, as the client believes it now: one immutable slot map in a Ref, swapped whole, and observable.
 *
 * The map is learnt by asking several nodes and believing the view that most of them share, and is corrected at once by
 * what redirects tell. Learning happens beside the commands and never holds one up.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Address } from "./Address.ts"
import * as Command from "./Command.ts"
import * as CommandSpec from "./CommandSpec.ts"
import { Connector } from "./Connector.ts"
import { unsent } from "./internal/failure.ts"
import { Layouts } from "./internal/layouts.ts"
import * as Reply from "./internal/reply.ts"
import { durationProblem } from "./internal/settings.ts"
import { withoutLayout } from "./internal/stranger.ts"
import * as Vote from "./internal/vote.ts"
import { NodePool } from "./NodePool.ts"
import * as RedisError from "./RedisError.ts"
import * as SlotMap from "./SlotMap.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Nodes to ask first, and again when all known ones are gone. */
  readonly seeds: ReadonlyArray<Address>
  /** From the address that a node announces to the one to connect to, for clusters behind NAT. */
  readonly addressMap?: ((announced: Address) => Address) | undefined
  /** How often the map is learnt anew without a reason. Default 1 minute. */
  readonly refreshInterval?: Duration.Input | undefined
  /** Told of each refresh that failed in the background. */
  readonly onFailure?: ((error: RedisError.RedisError) => void) | undefined
}

/**
 * A swap of the slot map.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change extends SlotMap.Changes {
  readonly before: SlotMap.SlotMap
  readonly after: SlotMap.SlotMap
}

/**
 * **Example** (Watching slots move)
 *
 * ```ts
 * import { RedisCluster } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const watch = Effect.flatMap(RedisCluster.RedisCluster, ({ topology }) =>
 *   Stream.runForEach(topology.changes, ({ moved }) => Effect.log(`${moved.length} ranges of slots have moved`)))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Topology extends Context.Service<Topology, {
  readonly current: Effect.Effect<SlotMap.SlotMap>
  /** Every swap from now on that changed something, until the client ends. */
  readonly changes: Stream.Stream<Change>
  /** Learns the map anew. Callers that come while that is under way share it. */
  readonly refresh: Effect.Effect<SlotMap.SlotMap, RedisError.RedisError>
  /** How often the map has been learnt. */
  readonly refreshes: () => number
  /** Notes what a MOVED told: the slot is at that address. */
  readonly patch: (slot: number, address: Address) => Effect.Effect<void>
  /** Asks for a refresh in the background, soon; many requests make one refresh. */
  readonly requestRefresh: () => void
  /** @internal */
  readonly currentUnsafe: () => SlotMap.SlotMap
  /**
   * When the nodes were asked whose answers made the map, in milliseconds of the Clock.
   *
   * @internal
   */
  readonly learntAt: () => number
  /** Keeps connections to a node that is not (yet) in the map, such as the target of an ASK. */
  readonly keep: (address: Address) => void
}>()("@redisc/core/Topology") {}

const CLUSTER_INFO = Command.make(CommandSpec.get("CLUSTER INFO"), [], Reply.name)
const CLUSTER_SLOTS = Command.make(CommandSpec.get("CLUSTER SLOTS"), [], Reply.raw)

/** How many nodes are asked at once. */
const voters = 5
/** How long one node may take to tell its view. */
const askTimeout = "2 seconds"
/** A redirect younger than this, in milliseconds, when a refresh began is believed more than the refresh. */
const patchGrace = 500
/** Pauses between background refreshes, in milliseconds: short at first, longer while they bring nothing new. */
const minPause = 100
const maxPause = 400
/** How long, in milliseconds, connections are kept to a node that the map does not have. */
const keepFor = 10_000

const field = (info: string, name: string): string | undefined => {
  const line = info.split("\n").find((line) => line.startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Topology["Service"], RedisError.RedisError, Scope.Scope | NodePool | Connector> {
  const problem = durationProblem("refreshInterval", options.refreshInterval)
  if (problem !== undefined) {
    return yield* unsent(new RedisError.InvalidArgument({ problem }))
  }
  const pool = yield* NodePool
  const { secure } = yield* Connector
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const ref = yield* SubscriptionRef.make(SlotMap.empty)
  yield* Effect.addFinalizer(() => PubSub.shutdown(ref.pubsub))
  const requested = Latch.makeUnsafe(false)
  const patches = new Map<number, { readonly address: Address; readonly at: number }>()
  const kept = new Map<string, number>()
  const layouts = new Layouts(voters, { addressMap: options.addressMap, tls: secure })
  let running: Deferred.Deferred<SlotMap.SlotMap, RedisError.RedisError> | undefined
  let refreshes = 0
  let learntAt = 0

  const ask = Effect.fnUntraced(function*(
    address: Address
  ): Effect.fn.Return<Vote.View, string> {
    const node = pool.node(address)
    const [info, slots] = yield* Effect.all([node.execute(CLUSTER_INFO), node.execute(CLUSTER_SLOTS)], {
      concurrency: "unbounded"
    }).pipe(
      Effect.mapError((error) => withoutLayout(error.reason)),
      Effect.timeoutOrElse({ duration: askTimeout, orElse: () => Effect.fail("it did not answer in time") })
    )
    const layout = yield* Effect.fromResult(layouts.read(slots, address))
    return {
      node: address.key,
      map: layout.map,
      fingerprint: layout.fingerprint,
      healthy: field(info, "cluster_state") === "ok",
      epoch: Number(field(info, "cluster_current_epoch") ?? 0)
    }
  })

  /** Asks all of them at once, and waits for no more answers than it takes. */
  const poll = Effect.fnUntraced(function*(addresses: ReadonlyArray<Address>) {
    const views: Array<Vote.View> = []
    const failures: Array<{ readonly node: string; readonly problem: string }> = []
    const decided = Deferred.makeUnsafe<void>()
    const asking = Effect.forEach(addresses, (address) =>
      Effect.match(ask(address), {
        onSuccess: (view) => {
          views.push(view)
          if (Vote.isDecided(views, addresses.length)) Deferred.doneUnsafe(decided, Effect.void)
        },
        onFailure: (problem) => {
          failures.push({ node: address.key, problem })
        }
      }), { concurrency: "unbounded", discard: true })
    yield* Effect.raceFirst(asking, Deferred.await(decided))
    return { views, failures }
  })

  /** Nodes to ask: known ones in random order, those first that are not known to be down. */
  const candidates = Effect.gen(function*() {
    const known = Array.from(SubscriptionRef.getUnsafe(ref).nodes.values(), ({ address }) => address)
    const shuffled = yield* Random.shuffle(known)
    const isDown = (address: Address): boolean => pool.nodes().get(address.key)?.isDown() ?? false
    return [...shuffled.filter((address) => !isDown(address)), ...shuffled.filter(isDown)]
  })

  /** Connections to nodes that the map no longer has are closed, but for those that were just asked for. */
  const retain = (map: SlotMap.SlotMap): void => {
    const now = clock.currentTimeMillisUnsafe()
    const retained = new Set(map.nodes.keys())
    for (const [key, until] of kept) {
      if (until > now) retained.add(key)
      else kept.delete(key)
    }
    const replicas = Array.from(map.nodes.values()).filter(({ role }) => role === "replica")
    pool.retain(retained, new Set(replicas.map(({ address }) => address.key)))
  }

  const learn = Effect.gen(function*() {
    const startedAt = clock.currentTimeMillisUnsafe()
    const known = yield* candidates
    let { failures, views } = yield* poll(known.slice(0, voters))
    if (views.length === 0) {
      const rest = new Map([...known.slice(voters), ...options.seeds].map((address) => [address.key, address]))
      const second = yield* poll([...rest.values()])
      views = second.views
      failures = [...failures, ...second.failures]
    }
    const elected = Vote.elect(views)
    if (elected === undefined) {
      return yield* new RedisError.RedisError({
        reason: new RedisError.DiscoveryFailed({ attempts: failures }),
        delivery: "NotSent",
        attempts: 0
      })
    }
    return yield* SubscriptionRef.modify(ref, () => {
      for (const [slot, { at }] of patches) if (at < startedAt - patchGrace) patches.delete(slot)
      const newer = new Map(Array.from(patches, ([slot, { address }]) => [slot, address]))
      const map = SlotMap.patchAll(elected.map, newer)
      retain(map)
      refreshes++
      learntAt = startedAt
      return [map, map]
    })
  })

  const closed = Effect.fail(unsent(new RedisError.Closed()))

  // Whoever begins a refresh may be interrupted, but not between noting that it runs and starting it.
  const refresh = Effect.uninterruptibleMask((restore) => {
    if (running !== undefined) return restore(Deferred.await(running))
    if (scope.state._tag === "Closed") return closed
    const result = Deferred.makeUnsafe<SlotMap.SlotMap, RedisError.RedisError>()
    running = result
    const work = Effect.onExit(Effect.interruptible(learn), (exit) =>
      Effect.sync(() => {
        running = undefined
        const ended = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        Deferred.doneUnsafe(result, ended ? closed : exit)
      }))
    return Effect.andThen(
      Effect.forkIn(work, scope, { uninterruptible: true }),
      restore(Deferred.await(result))
    )
  })

  const background = Effect.gen(function*() {
    let pause = minPause
    let failing = false
    while (true) {
      yield* requested.await
      yield* requested.close
      const before = SlotMap.fingerprint(SubscriptionRef.getUnsafe(ref))
      const learnt = yield* Effect.result(refresh)
      if (Result.isFailure(learnt)) {
        // The client ends, which is nothing to warn of.
        if (learnt.failure.reason._tag === "Closed") return
        if (!failing) yield* Effect.logWarning(learnt.failure.message)
        options.onFailure?.(learnt.failure)
      }
      failing = Result.isFailure(learnt)
      const changed = SlotMap.fingerprint(SubscriptionRef.getUnsafe(ref)) !== before
      pause = changed ? minPause : Math.min(pause * 2, maxPause)
      yield* Effect.sleep(pause * (0.5 + (yield* Random.next)))
    }
  })

  const requestRefresh = (): void => {
    requested.openUnsafe()
  }

  pool.onTrouble(requestRefresh)
  yield* refresh
  yield* Effect.forkScoped(background)
  const interval = Duration.fromInputUnsafe(options.refreshInterval ?? "1 minute")
  if (Duration.isFinite(interval)) {
    const jittered = Effect.flatMap(Random.next, (random) => Effect.sleep(Duration.times(interval, 0.75 + random / 2)))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(jittered, Effect.sync(requestRefresh))))
  }

  const changes = SubscriptionRef.changes(ref).pipe(
    Stream.mapAccum(() => undefined as SlotMap.SlotMap | undefined, (before, after) => {
      if (before === undefined) return [after, []]
      const diff = SlotMap.diff(before, after)
      const same = diff.added.length + diff.removed.length + diff.roleChanged.length + diff.moved.length === 0
      return [after, same ? [] : [{ ...diff, before, after }]]
    })
  )

  return Topology.of({
    current: SubscriptionRef.get(ref),
    changes,
    refresh,
    refreshes: () => refreshes,
    patch: (slot, address) =>
      Effect.suspend(() => {
        patches.set(slot, { address, at: clock.currentTimeMillisUnsafe() })
        requestRefresh()
        return SubscriptionRef.update(ref, (map) => SlotMap.patch(map, slot, address))
      }),
    requestRefresh,
    currentUnsafe: () => SubscriptionRef.getUnsafe(ref),
    learntAt: () => learntAt,
    keep: (address) => {
      kept.set(address.key, clock.currentTimeMillisUnsafe() + keepFor)
    }
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Topology, RedisError.RedisError, NodePool | Connector> =>
  Layer.effect(Topology, make(options))
