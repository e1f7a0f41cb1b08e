/**
 * The connections of a cluster, node by node: a few shared ones that carry everybody's commands, and a pool of dedicated
 * ones for work that needs a connection to itself.
 *
 * Nodes are made when first asked for and closed when the cluster no longer has them. Which node serves what is not
 * known here.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Pool from "effect/Pool"
import * as Scope from "effect/Scope"
import type { Address } from "./Address.ts"
import type * as Command from "./Command.ts"
import * as Connection from "./Connection.ts"
import type * as Connector from "./Connector.ts"
import { deadlineOf, run } from "./internal/call.ts"
import type { Call, Taker } from "./internal/call.ts"
import { notSent, toError } from "./internal/failure.ts"
import type { Failure } from "./internal/failure.ts"
import { durationProblem } from "./internal/settings.ts"
import { SharedConnection } from "./internal/sharedConnection.ts"
import * as RedisError from "./RedisError.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Connection.Options {
  /** Shared connections to each node; a slot always uses the same one. Default 1. */
  readonly connectionsPerNode?: number | undefined
  /** Dedicated connections to each node, at the most. Default 16. */
  readonly maxDedicated?: number | undefined
  /** How long an unused dedicated connection is kept. Default 1 minute. */
  readonly dedicatedTimeToLive?: Duration.Input | undefined
  /** How long a node that left the cluster may take to answer what it was sent. Default 2 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
}

/**
 * What is going on at one node.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeStats {
  /** Open shared connections, of how many. */
  readonly open: number
  readonly connections: number
  /** Times that a lost shared connection was opened again. */
  readonly reconnects: number
  /** Commands written and not yet answered. */
  readonly inFlight: number
  /** Commands waiting for a connection, or for room on one. */
  readonly waiting: number
  /** Bytes over the shared connections that are open now. */
  readonly bytesWritten: number
  readonly bytesRead: number
}

/**
 * One node's connections.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly address: Address
  /** Runs a command on this node; a redirect is an error here. */
  readonly execute: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  /** Leases a connection for the life of the scope. */
  readonly dedicated: Effect.Effect<Connection.Connection, RedisError.RedisError, Scope.Scope>
  readonly stats: () => NodeStats
  /** @internal */
  readonly submit: (call: Call, slot: number) => void
  /** @internal */
  readonly isDown: () => boolean
}

/**
 * @category services
 * @since 0.1.0
 */
export class NodePool extends Context.Service<NodePool, {
  /** The node at an address, made when it is first asked for. It connects when it is first used. */
  readonly node: (address: Address) => Node
  readonly nodes: () => ReadonlyMap<string, Node>
  /** Drains and closes every node whose address key is not among those given. */
  readonly retain: (keys: ReadonlySet<string>) => void
  /** Replaces a node's connections: the old ones are drained and closed, the next command opens new ones. */
  readonly renew: (address: Address) => void
  /** @internal */
  readonly onTrouble: (listener: (node: string, failure: Failure | undefined) => void) => void
}>()("@redisc/core/NodePool") {}

class NodeImpl implements Node {
  readonly address: Address
  readonly scope: Scope.Closeable
  readonly madeAt: number
  private readonly shared: ReadonlyArray<SharedConnection>
  private readonly dedicatedPool: Pool.Pool<Connection.Connection, RedisError.RedisError>
  private readonly clock: Clock.Clock
  private readonly commandTimeout: number
  private readonly start: () => void
  private readonly leased = new Set<Connection.Connection>()
  private started = false
  /** Why it ended, once it has; the first reason stays. */
  private end: RedisError.Reason | undefined

  constructor(parts: {
    readonly address: Address
    readonly scope: Scope.Closeable
    readonly shared: ReadonlyArray<SharedConnection>
    readonly dedicatedPool: Pool.Pool<Connection.Connection, RedisError.RedisError>
    readonly clock: Clock.Clock
    readonly commandTimeout: number
    readonly start: () => void
  }) {
    this.address = parts.address
    this.scope = parts.scope
    this.shared = parts.shared
    this.dedicatedPool = parts.dedicatedPool
    this.clock = parts.clock
    this.commandTimeout = parts.commandTimeout
    this.start = parts.start
    this.madeAt = parts.clock.currentTimeMillisUnsafe()
  }

  readonly submit = (call: Call, slot: number): void => {
    if (!this.started) {
      this.started = true
      this.start()
    }
    const { shared } = this
    const connection = shared.length === 1 || slot < 0 ? shared[0] : shared[slot % shared.length]
    connection.submit(call)
  }

  private readonly taker: Taker = { submit: (call) => this.submit(call, -1) }

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    Effect.suspend(() => {
      const deadline = deadlineOf(command, this.clock.currentTimeMillisUnsafe(), this.commandTimeout)
      // A command that blocks would hold up everybody on a shared connection.
      return command.spec.blocking
        ? Effect.scoped(Effect.flatMap(this.dedicated, (connection) => run(connection, command, deadline)))
        : run(this.taker, command, deadline)
    })

  readonly dedicated = Effect.suspend(() =>
    // To those who wait for a lease, a pool that shuts down says so by interrupting them.
    Effect.catchCauseIf(
      Pool.get(this.dedicatedPool),
      Cause.hasInterruptsOnly,
      () => Effect.fail(toError(notSent(this.end ?? new RedisError.Closed(), this.address.key), { attempts: 0 }))
    ).pipe(
      Effect.tap((connection) => {
        this.leased.add(connection)
        return Effect.addFinalizer(() => {
          this.leased.delete(connection)
          // A connection that died, or on which something is still under way, is of no use to the next.
          return connection.stats().inFlight + connection.stats().waiting > 0 || connection.isClosed()
            ? Pool.invalidate(this.dedicatedPool, connection)
            : Effect.void
        })
      })
    )
  )

  readonly isDown = (): boolean => this.shared[0].state._tag === "Down"

  readonly stats = (): NodeStats => {
    const stats = { open: 0, connections: 0, reconnects: 0, inFlight: 0, waiting: 0, bytesWritten: 0, bytesRead: 0 }
    for (const connection of this.shared) {
      stats.connections++
      stats.reconnects += connection.reconnects
      if (connection.state._tag !== "Open") {
        stats.waiting += connection.pending
        continue
      }
      const { bytesRead, bytesWritten, inFlight, waiting } = connection.state.connection.stats()
      stats.open++
      stats.inFlight += inFlight
      stats.waiting += waiting
      stats.bytesWritten += bytesWritten
      stats.bytesRead += bytesRead
    }
    return stats
  }

  abort(reason: RedisError.Reason): void {
    this.end ??= reason
    for (const connection of this.shared) connection.abort(reason)
    for (const connection of this.leased) connection.abort(reason)
  }

  /** Lets the node answer what it was sent, for as long as that may take, and closes it. */
  readonly retire = (drainTimeout: Duration.Input): Effect.Effect<void> => {
    const drained = Effect.sync(() =>
      this.leased.size === 0 && this.shared.every((connection) => connection.pending === 0)
    )
    const wait = Effect.repeat(Effect.andThen(Effect.sleep("20 millis"), drained), { until: (done) => done })
    return Effect.gen({ self: this }, function*() {
      // What still waits for a connection was never sent: it need not wait for this node, which may be dead.
      for (const connection of this.shared) if (connection.state._tag !== "Open") connection.abort(left)
      yield* Effect.timeoutOption(wait, drainTimeout)
      this.abort(left)
      yield* Scope.close(this.scope, Exit.void)
    })
  }
}

const left = new RedisError.ConnectionLost({ problem: "the node left the cluster, or was connected to anew" })

/** A node younger than this, in milliseconds, is not renewed: many commands may find the same fault in the old one. */
const renewable = 1000

const check = (options: Options): string | undefined => {
  const positive = ["connectionsPerNode", "maxDedicated", "maxInFlight"] as const
  for (const name of positive) {
    const value = options[name]
    if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
      return `${name} has to be a whole number from 1 up, not ${value}`
    }
  }
  const durations = ["connectTimeout", "commandTimeout", "pingInterval", "dedicatedTimeToLive", "drainTimeout"] as const
  for (const name of durations) {
    const problem = durationProblem(name, options[name])
    if (problem !== undefined) return problem
  }
  return undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<NodePool["Service"], RedisError.RedisError, Scope.Scope | Connector.Connector> {
  const problem = check(options)
  if (problem !== undefined) {
    return yield* new RedisError.RedisError({
      reason: new RedisError.InvalidArgument({ problem }),
      delivery: "NotSent",
      attempts: 0
    })
  }
  const context = yield* Effect.context<Scope.Scope | Connector.Connector>()
  // Of its own, so that whoever uses the pool has been told to stop before a connection is closed.
  const scope = yield* Scope.fork(Context.get(context, Scope.Scope))
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(context)
  const runSync = Effect.runSyncWith(context)
  const nodes = new Map<string, NodeImpl>()
  const listeners: Array<(node: string, failure: Failure | undefined) => void> = []
  const sharedCount = options.connectionsPerNode ?? 1
  const timeToLive = options.dedicatedTimeToLive ?? "1 minute"

  const makeNode = (address: Address): NodeImpl => {
    const nodeScope = Scope.forkUnsafe(scope)
    const connect = Connection.make(address, options)
    const makePool = (max: number, acquire: typeof connect) =>
      runSync(Scope.provide(Pool.makeWithTTL({ acquire, min: 0, max, timeToLive }), nodeScope))
    const sharedPool = makePool(sharedCount, connect)
    const dedicatedPool: Pool.Pool<Connection.Connection, RedisError.RedisError> = makePool(
      options.maxDedicated ?? 16,
      Effect.tap(connect, (connection) =>
        // One that is lost while nobody uses it would be leased, and fail the next command.
        Effect.sync(() =>
          connection.watch({
            onClosed: () => void fork(Pool.invalidate(dedicatedPool, connection)),
            onQuiet: () => {}
          })
        ))
    )
    const shared = Array.from({ length: sharedCount }, () =>
      new SharedConnection(address.key, sharedPool, {
        maxWaiting: options.failWhenFull === true ? options.maxInFlight ?? Connection.defaultMaxInFlight : Infinity,
        onTrouble: (failure) => {
          for (const listener of listeners) listener(address.key, failure)
        }
      }))
    const node = new NodeImpl({
      address,
      scope: nodeScope,
      shared,
      dedicatedPool,
      clock,
      commandTimeout: Connection.commandTimeoutMillis(options),
      start: () => {
        for (const connection of shared) Fiber.runIn(fork(connection.run), nodeScope)
      }
    })
    // Pools wait for what is leased from them, so nobody may go on waiting for a reply there.
    runSync(Scope.addFinalizer(nodeScope, Effect.sync(() => node.abort(new RedisError.Closed()))))
    return node
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const node of nodes.values()) node.abort(new RedisError.Closed())
      nodes.clear()
    })
  )

  const retire = (key: string, node: NodeImpl): void => {
    nodes.delete(key)
    Fiber.runIn(fork(node.retire(options.drainTimeout ?? "2 seconds")), scope)
  }

  return NodePool.of({
    node: (address) => {
      const known = nodes.get(address.key)
      if (known !== undefined) return known
      const node = makeNode(address)
      nodes.set(address.key, node)
      return node
    },
    nodes: () => nodes,
    retain: (keys) => {
      for (const [key, node] of nodes) if (!keys.has(key)) retire(key, node)
    },
    renew: (address) => {
      const node = nodes.get(address.key)
      if (node !== undefined && clock.currentTimeMillisUnsafe() - node.madeAt >= renewable) retire(address.key, node)
    },
    onTrouble: (listener) => {
      listeners.push(listener)
    }
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<NodePool, RedisError.RedisError, Connector.Connector> =>
  Layer.effect(NodePool, make(options))
