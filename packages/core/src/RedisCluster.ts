/**
 * A Redis Cluster as one service: sends each command to the node that serves its slot, and follows what comes of it.
 *
 * On the way of a command that meets no trouble there is one suspension and nothing else: slot, map, node, shared
 * connection. Only a failure leads into `internal/execution/redirects.ts`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Address from "./Address.ts"
import * as Command from "./Command.ts"
import { Connector } from "./Connector.ts"
import { addStats } from "./internal/connection/node.ts"
import { unsound } from "./internal/execution/admission.ts"
import { ClusterExecutor } from "./internal/execution/clusterExecutor.ts"
import type { Counts, Parts } from "./internal/execution/clusterExecutor.ts"
import * as FanOut from "./internal/execution/fanOut.ts"
import { membersOf, nodesCheck } from "./internal/execution/members.ts"
import type { NodeResult, Nodes } from "./internal/execution/members.ts"
import { Replicas } from "./internal/execution/replicas.ts"
import * as Tracing from "./internal/execution/tracing.ts"
import { TurnClock } from "./internal/execution/turnClock.ts"
import { notSent, toError, unsent } from "./internal/failures/failure.ts"
import { Hub } from "./internal/pubsub/hub.ts"
import { seedsProblem } from "./internal/topology/clusterSource.ts"
import * as Settings from "./internal/values/settings.ts"
import * as NodePool from "./NodePool.ts"
import * as ReadFrom from "./ReadFrom.ts"
import * as RedirectPolicy from "./RedirectPolicy.ts"
import * as RedisError from "./RedisError.ts"
import * as SlotMap from "./SlotMap.ts"
import * as Topology from "./Topology.ts"

export type { NodeResult, Nodes } from "./internal/execution/members.ts"
export type { BackgroundFailure } from "./Topology.ts"

/**
 * How commands are executed.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ClientOptions {
  /** What is done about redirects and failures. Default {@link RedirectPolicy.standard}. */
  readonly redirects?: RedirectPolicy.RedirectPolicy | undefined
  /** Who answers reads. What replicas answer may be stale: see {@link ReadFrom}. Default `"primary"`. */
  readonly readFrom?: ReadFrom.ReadFrom | undefined
  /** A replica that is known to be further behind than this is passed over where others may answer. Default 10 seconds. */
  readonly maxReplicaLag?: Duration.Input | undefined
}

/**
 * The settings of a client whose map comes from a {@link Topology.Source}.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface SourceOptions extends ClientOptions, Omit<NodePool.Options, "declareReadOnly"> {
  /** How often the map is learnt anew without a reason. Default 1 minute. */
  readonly refreshInterval?: Topology.RefreshOptions["refreshInterval"]
}

/**
 * The settings of a cluster client. Only `nodes` is needed.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends SourceOptions {
  /** Some nodes to ask for the cluster's layout, such as `"10.0.0.1:6379"`; any role, one that answers is enough. */
  readonly nodes: ReadonlyArray<string | Address.Address>
  /**
   * From the address that a node announces to the one to connect to, for clusters behind NAT. When it throws, or answers
   * what is no address, a refresh fails and is tried again, and a command that was redirected fails.
   */
  readonly addressMap?: Topology.ClusterOptions["addressMap"]
}

/**
 * What is going on at one node, with the redirects that it has answered with.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeStats extends NodePool.NodeStats {
  readonly redirects: number
}

/**
 * What has happened so far.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** MOVED and ASK replies that were followed. */
  readonly redirects: number
  /** Further tries for other reasons. */
  readonly retries: number
  /** Times that the slot map was learnt. */
  readonly refreshes: number
  /** By the key of the node's address. */
  readonly nodes: ReadonlyMap<string, NodeStats>
}

/**
 * The cluster.
 *
 * **Details**
 *
 * `execute` sends a command by its keys; commands without keys go to any primary, or to all when the command is about
 * the whole cluster (DBSIZE, FLUSHALL), whose replies become one before they are decoded. `executeOn` sends it to one node
 * and follows no redirect. `executeEach` asks many nodes at once and fails for none: each result is data.
 *
 * **Example** (Memory, node by node)
 *
 * ```ts
 * import { Redis, RedisCluster } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const memory = Effect.gen(function*() {
 *   const cluster = yield* RedisCluster.RedisCluster
 *   return yield* cluster.executeEach(Redis.info(["memory"]), "primaries")
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class RedisCluster extends Context.Service<RedisCluster, {
  readonly execute: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  readonly executeAll: Command.Redis["Service"]["executeAll"]
  readonly executeOn: <A>(
    address: Address.Address,
    command: Command.Command<A>
  ) => Effect.Effect<A, RedisError.RedisError>
  readonly executeEach: <A>(
    command: Command.Command<A>,
    nodes: Nodes
  ) => Effect.Effect<ReadonlyArray<NodeResult<A>>>
  readonly topology: Topology.Topology["Service"]
  readonly refresh: Effect.Effect<SlotMap.SlotMap, RedisError.RedisError>
  /** What fails in the background from now on. A consumer that is slow misses the oldest. */
  readonly failures: Stream.Stream<Topology.BackgroundFailure>
  readonly stats: Effect.Effect<Stats>
  /** @internal */
  readonly executor: ClusterExecutor
  /** @internal */
  readonly subscriptions: Hub
}>()("@redisc/core/RedisCluster") {}

const clientChecks: Settings.Checks = {
  redirects: RedirectPolicy.check,
  readFrom: ReadFrom.check,
  maxReplicaLag: Settings.duration
}

/**
 * What the options may be, for layers that take them and more.
 *
 * **Example** (One option more)
 *
 * ```ts
 * import { RedisCluster } from "@redisc/core"
 * import * as Settings from "@redisc/core/Settings"
 *
 * const checks = { ...RedisCluster.checks, verbose: Settings.flag }
 * const problem = Settings.optionsProblem({ nodes: ["127.0.0.1:7000"], verbose: true }, checks) // undefined
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const checks: Settings.Checks = {
  nodes: seedsProblem,
  ...Topology.checks,
  ...clientChecks,
  ...NodePool.checks
}

/** A client of what the pool connects to and the topology knows. */
const makeClient = Effect.fnUntraced(function*(
  options: ClientOptions
): Effect.fn.Return<
  RedisCluster["Service"],
  RedisError.RedisError,
  Scope.Scope | NodePool.NodePool | Topology.Topology | Connector
> {
  const problem = Settings.optionsProblem(options, clientChecks)
  if (problem !== undefined) return yield* unsent(new RedisError.InvalidArgument({ problem }))
  const { maxReplicaLag, readFrom = "primary", redirects } = options
  const pool = yield* NodePool.NodePool
  const topology = yield* Topology.Topology
  const clock = yield* Clock.Clock
  const maxLag = Duration.toMillis(Duration.fromInputUnsafe(maxReplicaLag ?? "10 seconds"))
  const counts: Counts = { redirects: 0, retries: 0, redirectsOf: new Map(), closed: false }
  const refused = (command: Command.Any, reason: RedisError.Reason) =>
    Effect.suspend(() => Effect.fail(toError(notSent(reason), { command, attempts: 0 })))

  const onNode: RedisCluster["Service"]["executeOn"] = (address, command) =>
    Effect.suspend(() => {
      const nowhere = Settings.address("what to execute on", address)
      if (nowhere !== undefined) return refused(command, new RedisError.InvalidArgument({ problem: nowhere }))
      if (counts.closed) return refused(command, new RedisError.Closed())
      const problem = unsound(command)
      if (problem !== undefined) return refused(command, problem)
      const read = Address.read(address)
      if (Result.isFailure(read)) return refused(command, new RedisError.InvalidArgument({ problem: read.failure }))
      const isReplica = SlotMap.resolve(topology.currentUnsafe(), address)?.role === "replica"
      return (isReplica && command.spec.readOnly ? pool.reader(address) : pool.node(address)).execute(command)
    })
  const onEach = <A>(command: Command.Command<A>, nodes: Nodes) =>
    Effect.suspend(() =>
      Effect.forEach(membersOf(topology.currentUnsafe(), nodes), ({ address, role }) =>
        Effect.map(
          Effect.result(onNode(address, command)),
          (result): NodeResult<A> => ({ address, role, result })
        ), { concurrency: "unbounded" })
    )

  const executeOn: RedisCluster["Service"]["executeOn"] = (address, given) =>
    Effect.withFiber((fiber) => {
      const command = Command.orInvalid(given)
      const work = onNode(address, command)
      return Tracing.isTraced(fiber)
        ? executor.traced(command, (seen) => Effect.tap(work, () => Effect.sync(() => seen(address.key))))
        : work
    })
  const executeEach: RedisCluster["Service"]["executeEach"] = (given, nodes) =>
    Effect.withFiber((fiber) => {
      const command = Command.orInvalid(given)
      const problem = nodesCheck("nodes", nodes)
      // No node would be asked, and nobody told. What is typed is never here.
      if (problem !== undefined) {
        return refused(command, new RedisError.InvalidArgument({ problem })) as Effect.Effect<never>
      }
      const work = onEach(command, nodes)
      return Tracing.isTraced(fiber)
        ? executor.traced(
          command,
          (seen) => Effect.tap(work, (results) => Effect.sync(() => seen(...FanOut.nodesOf(results)))),
          FanOut.failureIn
        )
        : work
    })

  const context = yield* Effect.context<Connector>()
  const connector = Context.get(context, Connector)
  const parts: Parts = {
    topology,
    pool,
    replicas: new Replicas({ pool, clock, maxLag, onOutdated: topology.requestRefresh }),
    clock: new TurnClock(clock, connector.soon),
    ...pool.limits,
    policy: redirects ?? RedirectPolicy.standard,
    readFrom,
    executeEach: onEach,
    counts
  }
  const executor = new ClusterExecutor(parts)
  const hub = new Hub({
    clock,
    scope: yield* Effect.scope,
    fork: Effect.runForkWith(context),
    topology,
    pool,
    locate: topology.locate,
    tell: (error) => topology.tell({ source: "Refresh", error }),
    confirmTimeout: parts.commandTimeout,
    connect: pool.connect
  })
  yield* Effect.forkScoped(Stream.runForEach(topology.changes, () => Effect.sync(() => hub.wake())))
  pool.onTrouble((node, failure) => {
    const lost = pool.nodes().get(node)
    if (failure?.reason._tag === "ConnectionLost" && lost !== undefined) {
      hub.nodeLost(node, lost.completeUntil())
    }
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      counts.closed = true
      hub.end(unsent(new RedisError.Closed()))
    })
  )
  return RedisCluster.of({
    execute: executor.execute,
    executeAll: executor.executeAll,
    executeOn,
    executeEach,
    topology,
    refresh: topology.refresh,
    failures: topology.failures,
    stats: Effect.sync(() => statsOf(parts)),
    executor,
    subscriptions: hub
  })
})

const statsOf = ({ counts, pool, topology }: Parts): Stats => {
  const nodes = new Map<string, NodeStats>()
  const add = (node: NodePool.Node): void => {
    const { key } = node.address
    const known = nodes.get(key)
    const stats = known === undefined ? node.stats() : addStats(known, node.stats())
    nodes.set(key, { ...stats, redirects: counts.redirectsOf.get(key) ?? 0 })
  }
  for (const node of pool.nodes().values()) add(node)
  for (const node of pool.readers().values()) add(node)
  return { redirects: counts.redirects, retries: counts.retries, refreshes: topology.refreshes(), nodes }
}

/**
 * Everything that a layer of a cluster provides.
 *
 * @category services
 * @since 0.1.0
 */
export type Services = RedisCluster | Command.Redis | Topology.Topology | NodePool.NodePool

/**
 * The client alone, over connections and a topology that the program provides: `NodePool.layer` and `Topology.layer`, or
 * others of its own. {@link layer} is all three together.
 *
 * **Example** (A map of one's own)
 *
 * ```ts
 * import { Address, NodePool, RedisCluster, SlotMap, Topology } from "@redisc/core"
 * import { Layer, Result } from "effect"
 *
 * const map = Result.getOrThrow(SlotMap.make([{ primary: Address.tcp("10.0.0.1", 6379), slots: [[0, 16383]] }]))
 *
 * const Live = RedisCluster.layerClient().pipe(
 *   Layer.provideMerge(Topology.layerFromSource(Topology.fixed(map))),
 *   Layer.provideMerge(NodePool.layer({ commandTimeout: "5 seconds" }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  options: ClientOptions = {}
): Layer.Layer<
  RedisCluster | Command.Redis,
  RedisError.RedisError,
  NodePool.NodePool | Topology.Topology | Connector
> =>
  Layer.effectContext(Effect.map(makeClient(options), (cluster) =>
    Context.make(RedisCluster, cluster).pipe(
      Context.add(Command.Redis, cluster.executor.service)
    )))

/**
 * A client whose map comes from a source, with its connections: what {@link layer} is for a cluster.
 *
 * **Example** (One server that is no cluster)
 *
 * ```ts
 * import { Address, RedisCluster, SlotMap, Topology } from "@redisc/core"
 * import { Result } from "effect"
 *
 * const primary = Address.tcp("127.0.0.1", 6379)
 * const map = Result.getOrThrow(SlotMap.make([{ primary, slots: [[0, 16383]] }]))
 * const Live = RedisCluster.layerFromSource(Topology.fixed(map, { oneSlot: false, readOnly: false }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromSource = (
  source: Topology.Source,
  options: SourceOptions = {}
): Layer.Layer<Services, RedisError.RedisError, Connector> => {
  const { addressMap: _addressMap, nodes: _nodes, ...ofSource } = checks
  return checked(options, ofSource, () => composed(source, options))
}

/**
 * A cluster as a Layer: `Redis`, which executes commands, and `RedisCluster`, which does all the rest, with the `Topology` and
 * the `NodePool` that they use.
 *
 * **Details**
 *
 * Building it fails with `DiscoveryFailed` when no seed tells the layout, and with `InvalidArgument` when a setting makes
 * no sense. All connections end with the layer's scope, when what is under way has been answered, or after `drainTimeout`.
 *
 * It needs a `Connector`; on Node, `NodeRedisCluster.layer` brings its own.
 *
 * **Example** (With the Node transport)
 *
 * ```ts
 * import { RedisCluster } from "@redisc/core"
 * import { NodeConnector } from "@redisc/node"
 * import { Layer } from "effect"
 *
 * const Live = RedisCluster.layer({ nodes: ["127.0.0.1:7000"], commandTimeout: "5 seconds" }).pipe(
 *   Layer.provide(NodeConnector.layer())
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Services, RedisError.RedisError, Connector> =>
  checked(options, checks, () => {
    const { addressMap, nodes, ...rest } = options
    const seeds = nodes.map((node) => Result.getOrThrow(Address.read(node)))
    return composed(Topology.cluster({ seeds, addressMap }), rest)
  }, () => seedsProblem("nodes", options.nodes))

/** Layers that are made once their options are known to make sense. */
const checked = <ROut, RIn>(
  options: unknown,
  checks: Settings.Checks,
  make: () => Layer.Layer<ROut, RedisError.RedisError, RIn>,
  more: () => string | undefined = () => undefined
): Layer.Layer<ROut, RedisError.RedisError, RIn> =>
  Layer.unwrap(Effect.suspend(() => {
    const problem = Settings.optionsProblem(options, checks) ?? more()
    return problem === undefined
      ? Effect.succeed(make())
      : Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
  }))

const composed = (
  source: Topology.Source,
  { maxReplicaLag, readFrom, redirects, refreshInterval, ...ofPool }: SourceOptions
): Layer.Layer<Services, RedisError.RedisError, Connector> =>
  layerClient({ maxReplicaLag, readFrom, redirects }).pipe(
    Layer.provideMerge(Topology.layerFromSource(source, { refreshInterval })),
    Layer.provideMerge(NodePool.layer({ ...ofPool, declareReadOnly: source.readOnly }))
  )

/**
 * The same as {@link layer} for those who have a scope: connects to a cluster, and ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options
): Effect.Effect<RedisCluster["Service"], RedisError.RedisError, Scope.Scope | Connector> =>
  Effect.map(Layer.build(layer(options)), (context) => Context.get(context, RedisCluster))
