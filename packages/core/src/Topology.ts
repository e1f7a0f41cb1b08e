/**
 * The slot map of the client: one immutable value in a Ref, replaced as a whole, with a stream of its changes.
 *
 * A {@link Source} provides the map: a Redis Cluster, unless a program gives another one. This module decides when to ask it:
 * at the start, when a command or a caller asks for it, when a connection fails, and at intervals. That happens in the
 * background, and no command waits for it.
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
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Address from "./Address.ts"
import type { Connector } from "./Connector.ts"
import { each, logging } from "./internal/connection/strays.ts"
import { toError, unsent } from "./internal/failures/failure.ts"
import { Announcements } from "./internal/topology/announcements.ts"
import { Cadence } from "./internal/topology/cadence.ts"
import * as ClusterSource from "./internal/topology/clusterSource.ts"
import type { ClusterOptions } from "./internal/topology/clusterSource.ts"
import * as DetectSource from "./internal/topology/detectSource.ts"
import type { DetectOptions } from "./internal/topology/detectSource.ts"
import * as Guarded from "./internal/topology/guarded.ts"
import { sourceProblem } from "./internal/topology/guarded.ts"
import { locating } from "./internal/topology/locating.ts"
import { Lookout, nobody } from "./internal/topology/lookout.ts"
import * as SentinelSource from "./internal/topology/sentinelSource.ts"
import type { SentinelOptions } from "./internal/topology/sentinelSource.ts"
import type { Source } from "./internal/topology/source.ts"
import * as StandaloneSource from "./internal/topology/standaloneSource.ts"
import type { StandaloneOptions } from "./internal/topology/standaloneSource.ts"
import { Strangers } from "./internal/topology/strangers.ts"
import { Troubles } from "./internal/topology/troubles.ts"
import * as Settings from "./internal/values/settings.ts"
import { NodePool } from "./NodePool.ts"
import * as RedisError from "./RedisError.ts"
import * as SlotMap from "./SlotMap.ts"

export type { ClusterOptions } from "./internal/topology/clusterSource.ts"
export type { DetectOptions } from "./internal/topology/detectSource.ts"
export type { SentinelOptions } from "./internal/topology/sentinelSource.ts"
export type { Discovery, Moved, Redirects, Source } from "./internal/topology/source.ts"
export type { StandaloneOptions } from "./internal/topology/standaloneSource.ts"

/**
 * When the map is learnt, how failures to learn it are reported, and which redirects may correct it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface RefreshOptions {
  /**
   * Which nodes a redirect may lead to. With `"knownNodes"`, a redirect to a node that is not in the map is not followed: the
   * command fails with `RedirectRefused`, and the map is learnt anew, so that a node that has joined is known soon. Default
   * `"anyNode"`: a new node is often known from a redirect first.
   */
  readonly redirectsTo?: "anyNode" | "knownNodes" | undefined
  /**
   * What happens if the map can't be learnt at the start: `"fail"`, so that the layer is not built, or `"atOnce"`: the topology
   * begins with an empty map, and goes on trying. Default `"fail"`.
   */
  readonly startWhileAway?: "fail" | "atOnce" | undefined
  /** The interval at which the map is learnt anew without a reason. Default 1 minute. */
  readonly refreshInterval?: Duration.Input | undefined
  /** Called with the error of each refresh that failed in the background. */
  readonly onFailure?: ((error: RedisError.RedisError) => void) | undefined
}

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends ClusterOptions, RefreshOptions {}

/**
 * A change of the slot map.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change extends SlotMap.Changes {
  readonly before: SlotMap.SlotMap
  readonly after: SlotMap.SlotMap
}

/**
 * A failure in the background, which no command reports: a connection that was lost or can't be opened, or a map that can't be
 * learnt. The client goes on trying.
 *
 * A failure of a connection is reported only after the next refresh, and only if its node is still in the map or the refresh
 * failed: a node that has left the cluster is expected to be shut down.
 *
 * @category models
 * @since 0.1.0
 */
export interface BackgroundFailure {
  readonly source: "Connection" | "Refresh" | "Cache"
  readonly error: RedisError.RedisError
}

/** Takes the map before a change, and the one after it. */
type SwapListener = (before: SlotMap.SlotMap, after: SlotMap.SlotMap) => void

/**
 * The slot map, its changes, and what corrects it.
 *
 * **Example** (Watching slots move)
 *
 * ```ts
 * import { Topology } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const watch = Effect.flatMap(Topology.Topology, ({ changes }) =>
 *   Stream.runForEach(changes, ({ moved }) => Effect.log(`${moved.length} ranges of slots have moved`)))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Topology extends Context.Service<Topology, {
  readonly current: Effect.Effect<SlotMap.SlotMap>
  /** All changes from now on, until the client ends. A slow consumer gets several changes merged into one. */
  readonly changes: Stream.Stream<Change>
  /**
   * Learns the map anew. Callers that ask at the same time share one refresh. Fails if no map is found that can replace the
   * current one, which then stays.
   */
  readonly refresh: Effect.Effect<SlotMap.SlotMap, RedisError.RedisError>
  /** The number of times that the map was learnt. */
  readonly refreshes: () => number
  /** How often servers have announced that slots have moved: see "Hand-offs" in the guide. */
  readonly slotHandoffs: () => number
  /** Failures in the background from now on. A slow consumer misses the oldest. */
  readonly failures: Stream.Stream<BackgroundFailure>
  /** Whether all keys of a command have to be in one slot, as in a cluster; `undefined` before the first map is learnt. */
  readonly oneSlot: () => boolean | undefined
  /**
   * Why the map could not be learnt when that was tried last; `undefined` if it was, or the first try has not ended yet.
   *
   * @internal
   */
  readonly unlearnt: () => RedisError.RedisError | undefined
  /**
   * Calls a listener once, when the first map is learnt. The returned function takes it back.
   *
   * @internal
   */
  readonly onFirst: (listener: () => void) => () => void
  /**
   * Calls a listener as soon as the map has been replaced by another. The returned function takes it back.
   *
   * @internal
   */
  readonly onSwap: (listener: SwapListener) => () => void
  /**
   * The connections that it looks after: a client has to use the same.
   *
   * @internal
   */
  readonly pool: NodePool["Service"]
  /**
   * Corrects the map after a MOVED, which says that `address` has the slot, or after a REDIRECT, without a slot. In a cluster the
   * correction holds, whatever most nodes say, until that node answers MOVED itself or can't be reached, or most nodes agree. `from` is the key of the node
   * that sent MOVED.
   */
  readonly patch: (slot: number | undefined, address: Address.Address, from?: string) => Effect.Effect<void>
  /**
   * Confirms a correction: the node that a MOVED named has answered a command on the slot.
   *
   * @internal
   */
  readonly serves: (slot: number, node: string) => void
  /**
   * Removes a correction: the node that a MOVED named does not have the slot either.
   *
   * @internal
   */
  readonly disclaim: (slot: number, node: string) => Effect.Effect<void>
  /** Asks for a refresh in the background, soon. Many requests lead to one refresh. */
  readonly requestRefresh: () => void
  /**
   * The same, without the pause that grows while refreshes bring nothing new: something says that the map has changed.
   *
   * @internal
   */
  readonly outdated: () => void
  /**
   * A node has failed a command in a way that asks for a refresh, or there was no node for it. If it is a primary, a failover
   * is looked out for.
   *
   * @internal
   */
  readonly failed: (node: string | undefined) => void
  /** @internal */
  readonly currentUnsafe: () => SlotMap.SlotMap
  /**
   * The time at which the last successful refresh began, in milliseconds of the Clock.
   *
   * @internal
   */
  readonly learntAt: () => number
  /** Keeps connections to a node that is not in the map, or not yet, such as the target of an ASK. */
  readonly keep: (address: Address.Address) => void
  /**
   * The node that the text of a redirect means, seen from the node that sent it; undefined if the text names none. Fails with
   * the problem if the address is invalid.
   *
   * @internal
   */
  readonly locate: (
    text: string,
    from: string | undefined
  ) => Result.Result<Address.Address | undefined, string | RedisError.RedirectRefused>
  /**
   * Publishes a failure to the streams of `failures`.
   *
   * @internal
   */
  readonly tell: (failure: BackgroundFailure) => void
}>()("@redisc/core/Topology") {}

/** The pause after a defect in a function of the user's, in milliseconds. */
const defectPause = 400
/** The pause after news of the source, in milliseconds, however many there are. */
const newsPause = 50
/** The pause between a failed refresh and the next one, in milliseconds. */
const retryPause = 1000
/** How long to keep connections to a node outside of the map, in milliseconds. */
const keepFor = 10_000
/**
 * The number of maps that wait for a slow listener. When there are more, the oldest are dropped, so that their changes are
 * merged.
 */
const changesKept = 64
/** The number of failures that wait for a slow listener. When there are more, the oldest are dropped. */
const failuresKept = 256

const redirectsTo = Settings.oneOf("anyNode", "knownNodes")

const refreshChecks: Settings.Checks = {
  startWhileAway: Settings.oneOf("fail", "atOnce"),
  refreshInterval: Settings.duration,
  onFailure: Settings.aFunction,
  redirectsTo
}

/**
 * Checks of the options that a cluster client shares with the topology.
 *
 * @internal
 */
export const checks: Settings.Checks = {
  addressMap: ClusterSource.checks.addressMap,
  refreshInterval: Settings.duration,
  redirectsTo
}

/**
 * The map of a Redis Cluster, learnt from its nodes and corrected by redirects. Invalid options fail with `InvalidArgument`
 * when the source is opened.
 *
 * **Example** (The same as `RedisCluster.layer`, said in parts)
 *
 * ```ts
 * import { Address, RedisCluster, Topology } from "@redisc/core"
 *
 * const source = Topology.cluster({ seeds: [Address.tcp("10.0.0.1", 6379)] })
 * const Live = RedisCluster.layerFromSource(source, { refreshInterval: "30 seconds" })
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const cluster = (options: ClusterOptions): Source => ClusterSource.make(options)

/**
 * Servers without cluster mode: one, or a primary and its replicas. The one that is the primary has everything, so commands may
 * have any keys together, and the others answer the reads that `readFrom` lets them. Invalid options fail with `InvalidArgument`
 * when the source is opened.
 *
 * **Details**
 *
 * The servers are asked for their ROLE. They are asked again when a connection is lost, when one answers READONLY, because it was
 * demoted, and when a Valkey says by a REDIRECT where its primary is. Names are resolved again then. A server that does not tell
 * its role, as some services, is taken for the primary if no other one is.
 *
 * **Example** (A server and its replica)
 *
 * ```ts
 * import { Address, RedisCluster, Topology } from "@redisc/core"
 *
 * const source = Topology.standalone({ servers: [Address.tcp("10.0.0.1", 6379), Address.tcp("10.0.0.2", 6379)] })
 * const Live = RedisCluster.layerFromSource(source, { readFrom: "preferReplica", database: 1 })
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const standalone = (options: StandaloneOptions): Source => StandaloneSource.make(options)

/**
 * Whatever is there: a cluster, a server without cluster mode, a primary and its replicas, or Sentinels that watch one primary.
 * The first of the nodes that answers says in which mode it runs (HELLO; where that is not known, INFO, or whether it tells who has
 * the slots). Then the source is as {@link cluster}, {@link standalone} or {@link sentinel} with the same nodes. Invalid options
 * fail with `InvalidArgument` when it is opened.
 *
 * **Details**
 *
 * When the map can't be learnt, the nodes are asked again: another kind of server may be there by now. A server that has said that
 * it is alone is asked again whenever the map is learnt, and has to prove it once it has answered MOVED.
 *
 * **Example** (The same program on a laptop and in production)
 *
 * ```ts
 * import { Address, RedisCluster, Topology } from "@redisc/core"
 *
 * const layerOf = (host: string, port: number) =>
 *   RedisCluster.layerFromSource(Topology.detect({ nodes: [Address.tcp(host, port)] }))
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const detect = (options: DetectOptions): Source => DetectSource.make(options)

/**
 * A primary and its replicas that a Sentinel group watches and fails over. The primary has everything, so commands may have any
 * keys together, and the replicas that are fit answer the reads that `readFrom` lets them. Invalid options fail with
 * `InvalidArgument` when the source is opened.
 *
 * **Details**
 *
 * Up to five sentinels are asked at once, and those that are told of are added to those that were given. The newest of what they say
 * counts, once the server that they name calls itself the primary. Their events, such as `+switch-master`, are hints to ask again;
 * so are lost connections and READONLY, and every few seconds one sentinel is asked all the same. While no sentinel answers, the map
 * stays, and commands go on.
 *
 * Opening it fails with `DiscoveryFailed`, whose `wanted` says what was missing: a `sentinel` that answers, one that knows the `name`,
 * or the `primary`.
 *
 * **Example** (Sentinels with a password of their own)
 *
 * ```ts
 * import { Address, RedisCluster, Topology } from "@redisc/core"
 * import { Redacted } from "effect"
 *
 * const source = Topology.sentinel({
 *   name: "mymaster",
 *   sentinels: [Address.tcp("10.0.0.1", 26379), Address.tcp("10.0.0.2", 26379), Address.tcp("10.0.0.3", 26379)],
 *   credentials: { password: Redacted.make("of the sentinels") }
 * })
 * const Live = RedisCluster.layerFromSource(source, {
 *   credentials: { password: Redacted.make("of the servers") },
 *   readFrom: "preferReplica"
 * })
 * ```
 *
 * Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/
 *
 * @category sources
 * @since 0.1.0
 */
export const sentinel = (options: SentinelOptions): Source => SentinelSource.make(options)

/**
 * Whether the nodes of a {@link fixed} map want all keys of a command in one slot, as in a cluster. Default true.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface FixedOptions {
  readonly oneSlot?: boolean | undefined
}

const fixedChecks: Settings.Checks = { oneSlot: Settings.flag }

const aSlotMap = Settings.satisfies("a SlotMap, such as SlotMap.make has in its Result", SlotMap.isSlotMap)

/**
 * A fixed map: for a test, or for servers that never move.
 *
 * **Details**
 *
 * Redirects are followed, but do not change the map.
 *
 * **Example** (A client of two servers that share the slots)
 *
 * ```ts
 * import { Address, NodePool, RedisCluster, SlotMap, Topology } from "@redisc/core"
 * import { Layer, Result } from "effect"
 *
 * const map = Result.getOrThrow(SlotMap.make([
 *   { primary: Address.tcp("10.0.0.1", 6379), slots: [[0, 8191]] },
 *   { primary: Address.tcp("10.0.0.2", 6379), slots: [[8192, 16383]] }
 * ]))
 *
 * const Live = RedisCluster.layerClient().pipe(
 *   Layer.provideMerge(Topology.layerFromSource(Topology.fixed(map))),
 *   Layer.provideMerge(NodePool.layer())
 * )
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const fixed = (
  map: SlotMap.SlotMap,
  options: FixedOptions = {}
): Source => ({
  open: Effect.suspend(() => {
    const problem = Settings.optionsProblem(options, fixedChecks) ?? aSlotMap("the map", map)
    return problem === undefined
      ? Effect.succeed({ learn: Effect.succeed(map), oneSlot: options?.oneSlot })
      : Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
  })
})

/**
 * A topology whose map comes from a source, for as long as the scope is open. Fails with the source's error if the map can't be
 * learnt at first, unless `startWhileAway` says otherwise, and with `InvalidArgument` if the source is none.
 *
 * **Example** (A map that never changes)
 *
 * ```ts
 * import { Address, SlotMap, Topology } from "@redisc/core"
 * import { Effect, Result } from "effect"
 *
 * const map = Result.getOrThrow(SlotMap.make([{ primary: Address.tcp("10.0.0.1", 6379), slots: [[0, 16383]] }]))
 * const assigned = Effect.scoped(Effect.gen(function*() {
 *   const topology = yield* Topology.fromSource(Topology.fixed(map))
 *   return (yield* topology.current).assigned
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSource = Effect.fnUntraced(function*(
  source: Source,
  options: RefreshOptions = {}
): Effect.fn.Return<Topology["Service"], RedisError.RedisError, Scope.Scope | NodePool | Connector> {
  const pool = yield* NodePool
  const problem = Settings.optionsProblem(options, refreshChecks) ?? sourceProblem(source)
  if (problem !== undefined) return yield* unsent(new RedisError.InvalidArgument({ problem }))
  const report = logging(Effect.runForkWith(yield* Effect.context<never>()))
  const { dueAt, isDead, learn, news, redirects, ...discovery } = yield* Guarded.open(source, report)
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const swaps = yield* PubSub.sliding<SlotMap.SlotMap>(changesKept)
  const failures = yield* PubSub.sliding<BackgroundFailure>(failuresKept)
  yield* Effect.addFinalizer(() => Effect.andThen(PubSub.shutdown(swaps), PubSub.shutdown(failures)))
  const woken = Latch.makeUnsafe(false)
  let requested = false
  const kept = new Map<string, number>()
  const ref = Ref.makeUnsafe(SlotMap.empty)
  const current = (): SlotMap.SlotMap => Ref.getUnsafe(ref)
  let running: Deferred.Deferred<SlotMap.SlotMap, RedisError.RedisError> | undefined
  let refreshes = 0
  let oneSlot: boolean | undefined
  let unlearnt: RedisError.RedisError | undefined
  const awaitingFirst = new Set<() => void>()
  const onSwap = new Set<SwapListener>()
  let learntAt = 0
  let failing = false
  const interval = Duration.fromInputUnsafe(options.refreshInterval ?? "1 minute")
  const cadence = new Cadence(clock, Duration.toMillis(interval))

  // Not publishUnsafe: when a listener's buffer is full, that would drop the new failure, not the oldest.
  const tell = (failure: BackgroundFailure): void => {
    Effect.runSync(PubSub.publish(failures, failure))
  }
  const troubles = new Troubles((failure) => tell({ source: "Connection", error: toError(failure, { attempts: 0 }) }))

  const swap = (map: SlotMap.SlotMap): Effect.Effect<SlotMap.SlotMap> =>
    Effect.suspend(() =>
      map === current()
        ? Effect.succeed(map)
        : Ref.getAndSet(ref, map).pipe(
          Effect.tap((before) => Effect.sync(() => each(onSwap, (listener) => listener(before, map), report))),
          Effect.andThen(PubSub.publish(swaps, map)),
          Effect.as(map),
          // It may run in a fiber of a caller, and whoever listens has to hear of each map.
          Effect.uninterruptible
        )
    )

  /** Closes connections to nodes that are not in the map, except those that `keep` was called for. */
  const retain = (map: SlotMap.SlotMap): void => {
    const now = clock.currentTimeMillisUnsafe()
    const retained = new Set(map.nodes.keys())
    for (const [key, until] of kept) {
      if (until > now) retained.add(key)
      else kept.delete(key)
    }
    const replicas = Array.from(map.nodes.values()).filter(({ role }) => role === "replica")
    pool.retain(retained, new Set(replicas.map(({ address }) => address.key)), isDead)
  }

  const without = (nodes: ReadonlyMap<string, unknown>, key: string): ReadonlySet<string> => {
    const others = new Set(nodes.keys())
    others.delete(key)
    return others
  }
  const strangers = new Strangers((key) => {
    kept.delete(key)
    if (!current().nodes.has(key)) pool.retain(without(pool.nodes(), key), without(pool.readers(), key))
  })

  const learnOnce = Effect.gen(function*() {
    const startedAt = clock.currentTimeMillisUnsafe()
    // Also after a failure, so that the next try opens new connections to the seeds: their names may lead elsewhere by then.
    const map = yield* Effect.tapError(learn, () => Effect.sync(() => retain(current())))
    refreshes++
    learntAt = startedAt
    oneSlot = discovery.oneSlot()
    pool.isCluster(oneSlot)
    woken.openUnsafe()
    if (SlotMap.fingerprint(map) !== SlotMap.fingerprint(current())) cadence.changed()
    // The calls that a node which leaves gives back look at the new map.
    return yield* Effect.tap(swap(map), () =>
      Effect.sync(() => {
        retain(map)
        each(awaitingFirst, (listener) => listener(), report)
        awaitingFirst.clear()
      }))
  })

  const closed = Effect.fail(unsent(new RedisError.Closed()))
  const isClosed = (): boolean => scope.state._tag === "Closed"
  const died = Effect.suspend(() => Effect.fail(withoutResult()))

  // The caller may be interrupted, but not between setting `running` and starting the work that resets it.
  const refresh = Effect.uninterruptibleMask((restore) => {
    if (running !== undefined) return restore(Deferred.await(running))
    if (isClosed()) return closed
    const result = Deferred.makeUnsafe<SlotMap.SlotMap, RedisError.RedisError>()
    running = result
    troubles.refreshing()
    const work = Effect.onExit(Effect.interruptible(learnOnce), (exit) =>
      Effect.sync(() => {
        running = undefined
        const failed = Exit.isFailure(exit) && Cause.hasFails(exit.cause)
        if (!isClosed()) unlearnt = errorOf(exit)
        Deferred.doneUnsafe(result, Exit.isSuccess(exit) || failed ? exit : isClosed() ? closed : died)
        if (!isClosed()) troubles.refreshed(Exit.isSuccess(exit) ? exit.value.nodes : undefined)
      }))
    return Effect.andThen(
      Effect.forkIn(work, scope, { uninterruptible: true }),
      restore(Deferred.await(result))
    )
  })

  /** Reports a failed refresh in the background. Of several in a row only the first is logged. */
  const tellFailed = (error: RedisError.RedisError): Effect.Effect<void> => {
    const isFirst = !failing
    failing = true
    tell({ source: "Refresh", error })
    return Effect.andThen(
      Effect.ignoreCause(Effect.sync(() => options.onFailure?.(error))),
      isFirst ? Effect.ignoreCause(Effect.logWarning(error.message)) : Effect.void
    )
  }

  /** Waits until the map is to be learnt. A refresh that somebody else waits for may change when that is. */
  const dueOrRequested = Effect.gen(function*() {
    while (true) {
      yield* woken.close
      const left = failing ? retryPause : dueAt() - clock.currentTimeMillisUnsafe()
      if (requested || left <= 0) return
      yield* left === Infinity ? woken.await : Effect.timeoutOption(woken.await, left)
      if (failing) return
    }
  })

  const turn = Effect.gen(function*() {
    yield* dueOrRequested
    // While nothing is known, somebody may wait for it.
    requested = oneSlot === undefined
    cadence.begin()
    const learnt = yield* Effect.result(refresh)
    if (Result.isSuccess(learnt)) failing = false
    // A refresh that ends because the client ends is not a failure.
    else if (!isClosed()) yield* tellFailed(learnt.failure)
    cadence.end(failing)
    yield* cadence.rest(dueAt)
  })

  const requestRefresh = (): void => {
    requested = true
    woken.openUnsafe()
  }

  const outdated = (): void => {
    cadence.news()
    requestRefresh()
  }
  const lookout = new Lookout({ pool, clock, map: current, news: outdated })

  const unheard = pool.onTrouble((node, failure) => {
    if (failure?.reason._tag !== "Closed") {
      if (failure !== undefined) troubles.note(node, failure)
      lookout.notice(node)
    }
    requestRefresh()
  })
  const locate = locating({ map: current, redirects, strangers, clock, redirectsTo: options.redirectsTo })
  const announcements = new Announcements({
    pool,
    clock,
    redirects,
    map: current,
    locate: (endpoint, node) => Result.getOrUndefined(locate(endpoint, node)),
    swap,
    requestRefresh,
    news: outdated,
    unread: (failure) => tell({ source: "Connection", error: toError(failure, { attempts: 0 }) })
  })
  const unnoticed = announcements.listen()
  // The pool may outlive this topology.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      unheard()
      unnoticed()
    })
  )
  if (options.startWhileAway === "atOnce") requested = true
  else yield* refresh
  yield* Effect.forkScoped(foreverDespite(turn))
  yield* Effect.forkScoped(foreverDespite(lookout.turn))
  if (news !== undefined) {
    const heard = Effect.andThen(Effect.orDie(news), Effect.sync(outdated))
    yield* Effect.forkScoped(foreverDespite(Effect.andThen(heard, Effect.sleep(newsPause))))
  }
  if (Duration.isFinite(interval)) {
    const jittered = Effect.flatMap(Random.next, (random) => Effect.sleep(Duration.times(interval, 0.75 + random / 2)))
    yield* Effect.forkScoped(foreverDespite(Effect.andThen(jittered, Effect.sync(requestRefresh))))
  }

  const changes = Stream.unwrap(Effect.map(PubSub.subscribe(swaps), (subscription) =>
    Stream.mapAccum(
      Stream.fromSubscription(subscription),
      current,
      (before, after): readonly [SlotMap.SlotMap, ReadonlyArray<Change>] => {
        const diff = SlotMap.diff(before, after)
        const nodes = diff.added.length + diff.removed.length + diff.roleChanged.length + diff.zoneChanged.length
        const same = nodes + diff.moved.length === 0
        return [after, same ? [] : [{ ...diff, before, after }]]
      }
    )))

  return Topology.of({
    current: Ref.get(ref),
    changes,
    refresh,
    refreshes: () => refreshes,
    slotHandoffs: () => announcements.slotMoves,
    failures: Stream.fromPubSub(failures),
    oneSlot: () => oneSlot,
    unlearnt: () => unlearnt,
    onFirst: (listener) => {
      if (oneSlot === undefined) awaitingFirst.add(listener)
      else listener()
      return () => awaitingFirst.delete(listener)
    },
    onSwap: (listener) => {
      onSwap.add(listener)
      return () => onSwap.delete(listener)
    },
    pool,
    patch: (slot, address, from) =>
      Effect.suspend(() => {
        const before = current()
        const after = slot === undefined
          ? redirects?.promote?.(before, address, from)
          : redirects?.patch(before, slot, address, from)
        if (after === before || (after === undefined && slot === undefined)) requestRefresh()
        else outdated()
        return after === undefined ? Effect.void : swap(after)
      }),
    serves: (slot, node) => redirects?.serves(slot, node),
    disclaim: (slot, node) =>
      Effect.suspend(() => redirects === undefined ? Effect.void : swap(redirects.disclaim(current(), slot, node))),
    requestRefresh,
    outdated,
    failed: (node) => {
      lookout.notice(node ?? nobody)
      requestRefresh()
    },
    currentUnsafe: current,
    learntAt: () => learntAt,
    keep: (address) => {
      kept.set(address.key, clock.currentTimeMillisUnsafe() + keepFor)
    },
    locate,
    tell
  })
})

/**
 * The topology of a Redis Cluster. Fails with `DiscoveryFailed` if no seed returns the map.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Topology["Service"], RedisError.RedisError, Scope.Scope | NodePool | Connector> {
  const problem = ClusterSource.problemOf(options, refreshChecks)
  if (problem !== undefined) return yield* unsent(new RedisError.InvalidArgument({ problem }))
  const { addressMap, seeds, ...rest } = options
  return yield* fromSource(cluster({ seeds, addressMap }), rest)
})

const withoutResult = (): RedisError.RedisError =>
  ClusterSource.discoveryFailed([{ node: "the client", problem: "learning the layout ended without a result" }])

const errorOf = (exit: Exit.Exit<unknown, RedisError.RedisError>): RedisError.RedisError | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = Cause.findErrorOption(exit.cause)
  return error._tag === "Some" ? error.value : withoutResult()
}

/** Repeats an effect forever, even after a defect: it calls functions of users, which may throw, or end as if interrupted. */
const foreverDespite = (effect: Effect.Effect<void>): Effect.Effect<never> =>
  Effect.forever(Effect.catchCause(effect, () => Effect.sleep(defectPause)))

/**
 * The topology of a Redis Cluster, as a Layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Topology, RedisError.RedisError, NodePool | Connector> =>
  Layer.effect(Topology, make(options))

/**
 * A topology whose map comes from a source, as a Layer.
 *
 * **Example** (A server that is no cluster)
 *
 * ```ts
 * import { Address, NodePool, RedisCluster, SlotMap, Topology } from "@redisc/core"
 * import { Layer, Result } from "effect"
 *
 * const primary = Address.tcp("127.0.0.1", 6379)
 * const map = Result.getOrThrow(SlotMap.make([{ primary, slots: [[0, 16383]] }]))
 *
 * const Live = RedisCluster.layerClient().pipe(
 *   Layer.provideMerge(Topology.layerFromSource(Topology.fixed(map, { oneSlot: false }))),
 *   Layer.provideMerge(NodePool.layer())
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromSource = (
  source: Source,
  options?: RefreshOptions
): Layer.Layer<Topology, RedisError.RedisError, NodePool | Connector> =>
  Layer.effect(Topology, fromSource(source, options))
