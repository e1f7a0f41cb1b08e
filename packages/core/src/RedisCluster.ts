/**
 * A Redis Cluster as one service: sends each command to the node that serves its slot, and follows what comes of it.
 *
 * On the way of a command that meets no trouble there is one suspension and nothing else: slot, map, node, shared
 * connection. Only a failure leads into `internal/redirects.ts`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Address from "./Address.ts"
import * as Command from "./Command.ts"
import * as Connection from "./Connection.ts"
import type { Connector } from "./Connector.ts"
import * as Batch from "./internal/batch.ts"
import { attempt, Call, decoded } from "./internal/call.ts"
import type { Outcome } from "./internal/call.ts"
import { notSent, rejected, toError } from "./internal/failure.ts"
import type { Failure } from "./internal/failure.ts"
import * as FanOut from "./internal/fanOut.ts"
import * as Redirects from "./internal/redirects.ts"
import * as NodePool from "./NodePool.ts"
import * as RedirectPolicy from "./RedirectPolicy.ts"
import * as RedisError from "./RedisError.ts"
import * as Resp from "./Resp.ts"
import * as Slot from "./Slot.ts"
import * as SlotMap from "./SlotMap.ts"
import * as Topology from "./Topology.ts"

/**
 * The settings of a cluster client. Only `nodes` is needed.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends NodePool.Options {
  /** Some nodes to ask for the cluster's layout, such as `"10.0.0.1:6379"`; any role, one that answers is enough. */
  readonly nodes: ReadonlyArray<string | Address.Address>
  /** From the address that a node announces to the one to connect to, for clusters behind NAT. */
  readonly addressMap?: Topology.Options["addressMap"]
  /** How often the layout is learnt anew without a reason. Default 1 minute. */
  readonly refreshInterval?: Topology.Options["refreshInterval"]
  /** What is done about redirects and failures. Default {@link RedirectPolicy.standard}. */
  readonly redirects?: RedirectPolicy.RedirectPolicy | undefined
}

/**
 * Which nodes are meant.
 *
 * @category models
 * @since 0.1.0
 */
export type Nodes = "primaries" | "replicas" | "all"

/**
 * What one node made of a command.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeResult<out A> {
  readonly address: Address.Address
  readonly role: "primary" | "replica"
  readonly result: Result.Result<A, RedisError.RedisError>
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
  readonly nodes: ReadonlyMap<string, NodePool.NodeStats>
}

/**
 * The cluster.
 *
 * **Details**
 *
 * `execute` sends a command by its keys; commands without keys go to any primary, or to all when the command is about
 * the whole cluster (DBSIZE, FLUSHALL). `executeOn` sends it to one node and follows no redirect. `executeEach` asks
 * many nodes at once and fails for none: each result is data.
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
  readonly stats: Effect.Effect<Stats>
}>()("@redisc/core/RedisCluster") {}

/** The first try of a command. Its reply goes straight to the fiber; anything else begins the slow path there. */
class FirstTry<A> extends Call {
  private readonly cluster: ClusterImpl
  readonly slot: number
  private readonly resume: (effect: Effect.Effect<A, RedisError.RedisError>) => void

  constructor(
    cluster: ClusterImpl,
    command: Command.Command<A>,
    slot: number,
    deadline: number,
    resume: (effect: Effect.Effect<A, RedisError.RedisError>) => void
  ) {
    super(command, false, deadline)
    this.cluster = cluster
    this.slot = slot
    this.resume = resume
  }

  onReply(value: Resp.Value, node: string): void {
    if (value instanceof Resp.ReplyError) return this.onFailure(rejected(value, node))
    this.resume(decoded(this.command as Command.Command<A>, value, node))
  }

  onFailure(failure: Failure): void {
    const { deadline, slot } = this
    const command = this.command as Command.Command<A>
    this.resume(Redirects.follow(this.cluster.actions, { command, slot, deadline, failure }))
  }
}

/** No slot: the command has no keys. */
const anySlot = -1

/** The slot of a command's keys, `anySlot` without keys, or the reason that there is no one slot. */
const slotOf = (command: Command.Any): number | RedisError.CrossSlot => {
  const { args, before, spec } = command
  if (spec.singleKey >= 0) {
    const key = args[spec.singleKey]
    return key === undefined ? anySlot : Slot.fromKey(key)
  }
  if (spec.keys.length === 0 && before.length === 0) return anySlot
  const keys = Command.keys(command)
  if (keys.length === 0) return anySlot
  const slot = Slot.fromKey(keys[0])
  return keys.every((key) => Slot.fromKey(key) === slot) ? slot : crossSlot(keys)
}

const crossSlot = (keys: ReadonlyArray<Command.Arg>): RedisError.CrossSlot => {
  const text = new TextDecoder()
  return new RedisError.CrossSlot({
    keys: keys.map((key) => ({
      key: typeof key === "string" ? key : text.decode(key),
      slot: Slot.fromKey(key)
    }))
  })
}

/** What is wrong with a command itself, wherever it is sent. */
const unsound = ({ problem, spec }: Command.Any): RedisError.InvalidArgument | undefined => {
  if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
  return spec.stateful
    ? new RedisError.InvalidArgument({
      problem: `${spec.name} changes the connection it is sent on, and connections are shared: use one of your own, ` +
        "from Connection.make"
    })
    : undefined
}

class ClusterImpl {
  readonly actions: Redirects.Actions
  private readonly batchParts: Batch.Parts
  readonly topology: Topology.Topology["Service"]
  private readonly pool: NodePool.NodePool["Service"]
  private readonly clock: Clock.Clock
  private readonly commandTimeout: number
  private readonly counts = { redirects: 0, retries: 0 }
  private turn = 0
  private closed = false

  constructor(
    options: Options,
    topology: Topology.Topology["Service"],
    pool: NodePool.NodePool["Service"],
    clock: Clock.Clock
  ) {
    this.topology = topology
    this.pool = pool
    this.clock = clock
    this.commandTimeout = Connection.commandTimeoutMillis(options)
    this.actions = {
      policy: options.redirects ?? RedirectPolicy.standard,
      send: this.send,
      locate: (text, from) => this.locate(text, from, options.addressMap),
      adjust: this.adjust,
      count: (what) => {
        this.counts[what]++
      }
    }
    this.batchParts = {
      actions: this.actions,
      admit: (command) => this.admit(command),
      dispatch: (call, slot) => this.dispatch(call, slot),
      fanOut: (command) => this.startFanOut(command)
    }
  }

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    Effect.withFiber((fiber) => isTraced(fiber) ? this.traced(command) : this.start(command))

  private start<A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> {
    const { spec } = command
    const problem = unsound(command)
    if (problem !== undefined) return this.refuse(command, problem)
    if (FanOut.isFanOut(command)) return this.startFanOut(command)
    const slot = slotOf(command)
    if (typeof slot !== "number") return this.refuse(command, slot)
    const deadline = spec.blocking ? Infinity : this.clock.currentTimeMillisUnsafe() + this.commandTimeout
    if (spec.blocking) return this.startBlocking(command, slot, deadline)
    return Effect.callback((resume) => {
      const call = new FirstTry(this, command, slot, deadline, resume)
      this.dispatch(call, slot)
      return call
    })
  }

  /** What its nodes say about the map is heeded, although nothing of it is sent again. */
  private startFanOut<A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> {
    const facts = { repeatable: false, redirects: 0, target: undefined }
    return Effect.tapError(
      FanOut.run(command, this.executeEach),
      ({ delivery, node, reason }) => this.adjust(RedirectPolicy.decide({ delivery, node, reason }, facts).topology)
    )
  }

  /** A blocking command would hold up everybody on a shared connection. */
  private startBlocking<A>(
    command: Command.Command<A>,
    slot: number,
    deadline: number
  ): Effect.Effect<A, RedisError.RedisError> {
    return Effect.flatMap(this.send(command, slot, deadline, { _tag: "ByMap" }), (outcome) =>
      outcome._tag === "Replied"
        ? decoded(command, outcome.value, outcome.node)
        : Redirects.follow(this.actions, { command, slot, deadline, failure: outcome.failure }))
  }

  private traced<A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> {
    return Effect.useSpan(command.spec.name, {
      kind: "client",
      attributes: { "db.system.name": "redis", "db.operation.name": command.spec.name }
    }, (span) =>
      Effect.tapError(this.start(command), (error) =>
        Effect.sync(() => {
          if (error.node !== undefined) span.attribute("network.peer.address", error.node)
          span.attribute("error.type", error.reason._tag)
          if (error.reason._tag === "ServerError") span.attribute("db.response.status_code", error.reason.code)
        })))
  }

  private refuse(command: Command.Any, reason: RedisError.Reason): Effect.Effect<never, RedisError.RedisError> {
    return Effect.suspend(() => Effect.fail(toError(notSent(reason), { command, attempts: 0 })))
  }

  readonly executeAll: Command.Redis["Service"]["executeAll"] = (commands, options) =>
    Effect.withFiber((fiber) => {
      const batch = Batch.execute(this.batchParts, commands, {
        deadline: this.clock.currentTimeMillisUnsafe() + this.commandTimeout,
        orNone: options?.orNone === true
      })
      const attributes = { "db.system.name": "redis", "db.operation.batch.size": commands.length }
      return isTraced(fiber) ? Effect.useSpan("PIPELINE", { kind: "client", attributes }, () => batch) : batch
    })

  /** The slot of a command that may go into a batch, or what is wrong with it. */
  private admit(command: Command.Any): number | RedisError.Reason {
    if (command.spec.blocking) {
      const problem = `${command.spec.name} blocks, and would hold up the others: run it by itself`
      return new RedisError.InvalidArgument({ problem })
    }
    return unsound(command) ?? slotOf(command)
  }

  private dispatch(call: Call, slot: number): void {
    const node = this.owner(slot)
    if (node === undefined) {
      const reason = this.closed
        ? new RedisError.Closed()
        : this.noNode(slot)
      return call.onFailure(notSent(reason))
    }
    node.submit(call, slot)
  }

  private noNode(slot: number): RedisError.Reason {
    return new RedisError.NoNodeForSlot({ slot: slot === anySlot ? undefined : slot })
  }

  private owner(slot: number): NodePool.Node | undefined {
    if (this.closed) return undefined
    const map = this.topology.currentUnsafe()
    const primary = slot < 0 ? this.anyPrimary(map) : SlotMap.shardOf(map, slot)?.primary
    return primary === undefined ? undefined : this.pool.node(primary.address)
  }

  /** Takes turns, passing over nodes that can't be reached now. */
  private anyPrimary(map: SlotMap.SlotMap): SlotMap.Node | undefined {
    const primaries = map.shards.flatMap(({ primary }) => primary === undefined ? [] : [primary])
    const turn = this.turn++
    for (let i = 0; i < primaries.length; i++) {
      const primary = primaries[(turn + i) % primaries.length]
      if (this.pool.nodes().get(primary.address.key)?.isDown() !== true) return primary
    }
    return primaries[turn % primaries.length]
  }

  private readonly send = (
    command: Command.Any,
    slot: number,
    deadline: number,
    route: Redirects.Route
  ): Effect.Effect<Outcome> => {
    const asking = route._tag === "To" && route.asking
    if (command.spec.blocking) return this.sendBlocking(command, slot, deadline, route)
    const submit = (call: Call): void => {
      if (route._tag === "ByMap" || this.closed) return this.dispatch(call, slot)
      if (asking) this.topology.keep(route.address)
      this.pool.node(route.address).submit(call, slot)
    }
    return attempt({ submit }, command, { asking, deadline })
  }

  private sendBlocking(
    command: Command.Any,
    slot: number,
    deadline: number,
    route: Redirects.Route
  ): Effect.Effect<Outcome> {
    return Effect.suspend(() => {
      const node = route._tag === "To" && !this.closed ? this.pool.node(route.address) : this.owner(slot)
      const failed = (failure: Failure): Outcome => ({ _tag: "Failed", failure })
      if (node === undefined) {
        const reason = this.closed ? new RedisError.Closed() : this.noNode(slot)
        return Effect.succeed(failed(notSent(reason)))
      }
      const asking = route._tag === "To" && route.asking
      if (asking) this.topology.keep(route.address)
      return Effect.scoped(Effect.matchEffect(node.dedicated, {
        onSuccess: (connection) => attempt(connection, command, { asking, deadline }),
        onFailure: ({ reason }) => Effect.succeed(failed(notSent(reason, node.address.key)))
      }))
    })
  }

  private locate(
    text: string,
    from: string | undefined,
    addressMap: Topology.Options["addressMap"]
  ): Address.Address | undefined {
    const current = from === undefined ? undefined : Result.getOrUndefined(Address.parse(from))
    const announced = current === undefined ? undefined : Address.fromRedirect(text, current)
    if (announced === undefined) return undefined
    const known = SlotMap.resolve(this.topology.currentUnsafe(), announced)
    return known?.address ?? addressMap?.(announced) ?? announced
  }

  private readonly adjust = (topology: RedirectPolicy.Decision["topology"]): Effect.Effect<void> => {
    switch (topology._tag) {
      case "Keep":
        return Effect.void
      case "Refresh":
        return Effect.sync(this.topology.requestRefresh)
      case "Renew":
        return Effect.sync(() => {
          this.pool.renew(topology.address)
          this.topology.requestRefresh()
        })
      case "Patch":
        return this.topology.patch(topology.slot, topology.address)
    }
  }

  readonly executeOn = <A>(
    address: Address.Address,
    command: Command.Command<A>
  ): Effect.Effect<A, RedisError.RedisError> =>
    Effect.suspend(() => {
      const problem = unsound(command)
      if (problem !== undefined) return this.refuse(command, problem)
      return this.closed
        ? this.refuse(command, new RedisError.Closed())
        : this.pool.node(address).execute(command)
    })

  readonly executeEach = <A>(
    command: Command.Command<A>,
    nodes: Nodes
  ): Effect.Effect<ReadonlyArray<NodeResult<A>>> =>
    Effect.suspend(() => {
      const asked = Array.from(this.topology.currentUnsafe().nodes.values()).filter((node) =>
        node.health === "online" && (nodes === "all" || nodes === (node.role === "primary" ? "primaries" : "replicas"))
      )
      return Effect.forEach(asked, ({ address, role }) =>
        Effect.map(
          Effect.result(this.executeOn(address, command)),
          (result): NodeResult<A> => ({ address, role, result })
        ), { concurrency: "unbounded" })
    })

  readonly stats = Effect.sync((): Stats => ({
    ...this.counts,
    refreshes: this.topology.refreshes(),
    nodes: new Map(Array.from(this.pool.nodes(), ([key, node]) => [key, node.stats()]))
  }))

  readonly close = Effect.sync(() => {
    this.closed = true
  })
}

const isTraced = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.cache.tracer !== undefined && fiber.cache.tracerEnabled

const seedsOf = (nodes: Options["nodes"]): Result.Result<ReadonlyArray<Address.Address>, string> => {
  if (nodes.length === 0) return Result.fail("nodes is empty: give the address of at least one node of the cluster")
  const seeds: Array<Address.Address> = []
  for (const node of nodes) {
    const parsed = typeof node === "string" ? Address.parse(node) : Result.succeed(node)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    seeds.push(parsed.success)
  }
  return Result.succeed(seeds)
}

/**
 * Connects to a cluster. Fails with `DiscoveryFailed` when no seed tells its layout, and with `InvalidArgument` when a
 * setting makes no sense. All connections end with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<RedisCluster["Service"], RedisError.RedisError, Scope.Scope | Connector> {
  const seeds = seedsOf(options.nodes)
  if (Result.isFailure(seeds)) {
    return yield* toError(notSent(new RedisError.InvalidArgument({ problem: seeds.failure })), { attempts: 0 })
  }
  const pool = yield* NodePool.make(options)
  const { addressMap, refreshInterval } = options
  const topology = yield* Effect.provideService(
    Topology.make({ seeds: seeds.success, addressMap, refreshInterval }),
    NodePool.NodePool,
    pool
  )
  const cluster = new ClusterImpl(options, topology, pool, yield* Clock.Clock)
  yield* Effect.addFinalizer(() => cluster.close)
  return RedisCluster.of({
    execute: cluster.execute,
    executeAll: cluster.executeAll,
    executeOn: cluster.executeOn,
    executeEach: cluster.executeEach,
    topology,
    refresh: topology.refresh,
    stats: cluster.stats
  })
})

/**
 * A cluster as a Layer: the services `Redis`, which executes commands, and `RedisCluster`, which does all the rest.
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
export const layer = (
  options: Options
): Layer.Layer<RedisCluster | Command.Redis, RedisError.RedisError, Connector> =>
  Layer.effectContext(Effect.map(make(options), (cluster) =>
    Context.make(RedisCluster, cluster).pipe(
      Context.add(Command.Redis, Command.Redis.of({ execute: cluster.execute, executeAll: cluster.executeAll }))
    )))
