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
import * as Command from "./Command.ts"
import * as CommandSpec from "./CommandSpec.ts"
import * as Connection from "./Connection.ts"
import * as Connector from "./Connector.ts"
import { attempt, deadlineOf, run, withTimeLeft } from "./internal/call.ts"
import type { Call, Taker } from "./internal/call.ts"
import { notSent, timedOut, toError } from "./internal/failure.ts"
import type { Failure } from "./internal/failure.ts"
import * as Reply from "./internal/reply.ts"
import { durationProblem } from "./internal/settings.ts"
import { SharedConnection } from "./internal/sharedConnection.ts"
import * as RedisError from "./RedisError.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Omit<Connection.Options, "readOnly"> {
  /** Shared connections to each node; a slot always uses the same one. Default 1. */
  readonly connectionsPerNode?: number | undefined
  /** Dedicated connections to each node, at the most. Default 16. */
  readonly maxDedicated?: number | undefined
  /** How long to wait for one when all are in use. Default: as long as a command may take. */
  readonly leaseTimeout?: Duration.Input | undefined
  /** How long an unused dedicated connection is kept. Default 1 minute. */
  readonly dedicatedTimeToLive?: Duration.Input | undefined
  /** How long a node that left the cluster may take to answer what it was sent. Default 2 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
}

/**
 * What is going on at one node, and what has gone on since it was first used.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeStats {
  /** Open shared connections, of how many. */
  readonly open: number
  readonly connections: number
  /** Open dedicated connections, and how many of them are leased. */
  readonly dedicated: number
  readonly leased: number
  /** Times that a lost shared connection was opened again. */
  readonly reconnects: number
  /** Commands written and not yet answered. */
  readonly inFlight: number
  /** Commands waiting for a connection, or for room on one. */
  readonly waiting: number
  /** Over all its connections, also those that are closed by now. */
  readonly bytesWritten: number
  readonly bytesRead: number
}

/**
 * The sum of what goes on over two sets of connections to one node.
 *
 * @internal
 */
export const addStats = (a: NodeStats, b: NodeStats): NodeStats => ({
  open: a.open + b.open,
  connections: a.connections + b.connections,
  dedicated: a.dedicated + b.dedicated,
  leased: a.leased + b.leased,
  reconnects: a.reconnects + b.reconnects,
  inFlight: a.inFlight + b.inFlight,
  waiting: a.waiting + b.waiting,
  bytesWritten: a.bytesWritten + b.bytesWritten,
  bytesRead: a.bytesRead + b.bytesRead
})

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
  /**
   * Leases a connection for the life of the scope. It fails with `Timeout` when all are in use for too long. What comes
   * back as it was is leased again; one whose state was changed is closed.
   */
  readonly dedicated: Effect.Effect<Connection.Connection, RedisError.RedisError, Scope.Scope>
  /**
   * The same, until a time of the Clock in milliseconds.
   *
   * @internal
   */
  readonly dedicatedBy: (deadline: number) => Effect.Effect<Connection.Connection, RedisError.RedisError, Scope.Scope>
  readonly stats: () => NodeStats
  /** @internal */
  readonly submit: (call: Call, slot: number) => void
  /** @internal */
  readonly isDown: () => boolean
  /**
   * The time up to which all that the node had sent has been read, on one connection or another.
   *
   * @internal
   */
  readonly completeUntil: () => number
}

/**
 * @category services
 * @since 0.1.0
 */
export class NodePool extends Context.Service<NodePool, {
  /** The node at an address, made when it is first asked for. It connects when it is first used. */
  readonly node: (address: Address) => Node
  readonly nodes: () => ReadonlyMap<string, Node>
  /**
   * The same, over connections of their own that have declared READONLY: a replica answers reads there. They are never
   * mixed with the others, on which a node that has been demoted must not go on answering.
   */
  readonly reader: (address: Address) => Node
  readonly readers: () => ReadonlyMap<string, Node>
  /** Drains and closes every node whose address key is not among those given, and every reader not among the second. */
  readonly retain: (keys: ReadonlySet<string>, readers: ReadonlySet<string>) => void
  /** Replaces a node's connections: the old ones are drained and closed, the next command opens new ones. */
  readonly renew: (address: Address) => void
  /** @internal */
  readonly onTrouble: (listener: (node: string, failure: Failure | undefined) => void) => void
}>()("@redisc/core/NodePool") {}

interface Parts {
  readonly address: Address
  readonly scope: Scope.Closeable
  readonly connect: Effect.Effect<Connection.Connection, RedisError.RedisError, Scope.Scope>
  readonly options: Options
  readonly clock: Clock.Clock
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly onTrouble: (failure: Failure | undefined) => void
}

/** How long a connection that comes back may take to be made as new, in milliseconds. */
const tidyTimeout = 1000

class NodeImpl implements Node {
  readonly address: Address
  readonly scope: Scope.Closeable
  readonly madeAt: number
  private readonly parts: Parts
  private readonly shared: ReadonlyArray<SharedConnection>
  private readonly dedicatedPool: Pool.Pool<Connection.Connection, RedisError.RedisError>
  private readonly commandTimeout: number
  private readonly open = new Set<Connection.Connection>()
  private readonly openDedicated = new Set<Connection.Connection>()
  private readonly leased = new Map<Connection.Connection, Scope.Closeable>()
  private readonly past = { bytesWritten: 0, bytesRead: 0 }
  private heardUntil = 0
  private started = false
  /** Why it ended, once it has; the first reason stays. */
  private end: RedisError.Reason | undefined

  constructor(parts: Parts, makePool: (max: number, acquire: Parts["connect"]) => NodeImpl["dedicatedPool"]) {
    const { address, clock, onTrouble, options, scope } = parts
    this.parts = parts
    this.address = address
    this.scope = scope
    this.madeAt = clock.currentTimeMillisUnsafe()
    this.commandTimeout = Connection.commandTimeoutMillis(options)
    const sharedCount = options.connectionsPerNode ?? 1
    const connect = Effect.tap(parts.connect, (connection) => Effect.sync(() => this.opened(connection)))
    const sharedPool = makePool(sharedCount, connect)
    this.dedicatedPool = makePool(
      options.maxDedicated ?? defaultMaxDedicated,
      Effect.tap(connect, (connection) => Effect.sync(() => this.openedDedicated(connection)))
    )
    this.shared = Array.from({ length: sharedCount }, () =>
      new SharedConnection(address.key, sharedPool, {
        maxWaiting: options.failWhenFull === true ? options.maxInFlight ?? Connection.defaultMaxInFlight : Infinity,
        onTrouble
      }))
  }

  private opened(connection: Connection.Connection): void {
    this.open.add(connection)
    connection.watch({
      onClosed: () => {
        const { bytesRead, bytesWritten } = connection.stats()
        this.past.bytesRead += bytesRead
        this.past.bytesWritten += bytesWritten
        this.heardUntil = Math.max(this.heardUntil, connection.completeUntil())
        this.open.delete(connection)
      },
      onQuiet: () => {}
    })
  }

  private openedDedicated(connection: Connection.Connection): void {
    this.openDedicated.add(connection)
    connection.watch({
      onClosed: () => {
        this.openDedicated.delete(connection)
        // One that is lost while nobody uses it would be leased, and fail the next command.
        this.parts.fork(Pool.invalidate(this.dedicatedPool, connection))
      },
      onQuiet: () => {}
    })
  }

  readonly submit = (call: Call, slot: number): void => {
    if (!this.started) {
      this.started = true
      for (const connection of this.shared) Fiber.runIn(this.parts.fork(connection.run), this.scope)
    }
    const { shared } = this
    const connection = shared.length === 1 || slot < 0 ? shared[0] : shared[slot % shared.length]
    connection.submit(call)
  }

  private readonly taker: Taker = { submit: (call) => this.submit(call, -1) }

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    Effect.suspend(() => {
      const { clock } = this.parts
      const timeout = this.commandTimeout
      const deadline = deadlineOf(command, clock.currentTimeMillisUnsafe(), timeout)
      // One that blocks would hold up everybody on a shared connection, and one that ends a script would wait behind it.
      const alone = command.spec.urgent || CommandSpec.blockMillis(command.spec, command.args) !== undefined
      if (!alone) return run(this.taker, command, deadline)
      return Effect.scoped(Effect.flatMap(this.dedicatedBy(deadline), (connection) => {
        const now = clock.currentTimeMillisUnsafe()
        return run(connection, withTimeLeft(command, { now, deadline, timeout }), deadline)
      }))
    })

  /** The lease has a scope of its own, because it ends with the node even if its holder stays. */
  readonly dedicated = Effect.flatMap(
    Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope)),
    (scope) => Effect.onError(Scope.provide(this.lease(scope), scope), () => Scope.close(scope, Exit.void))
  )

  readonly dedicatedBy = (deadline: number): typeof this.dedicated =>
    Effect.suspend(() =>
      Effect.timeoutOrElse(this.dedicated, {
        duration: deadline - this.parts.clock.currentTimeMillisUnsafe(),
        orElse: () =>
          Effect.fail(toError(timedOut(this.address.key, "a connection of its own", false), { attempts: 0 }))
      })
    )

  private readonly lease = (scope: Scope.Closeable) =>
    Effect.timeoutOrElse(
      // To those who wait for a lease, a pool that shuts down says so by interrupting them.
      Effect.catchCauseIf(
        Pool.get(this.dedicatedPool),
        Cause.hasInterruptsOnly,
        () => Effect.fail(toError(notSent(this.end ?? new RedisError.Closed(), this.address.key), { attempts: 0 }))
      ),
      {
        duration: this.parts.options.leaseTimeout ?? this.commandTimeout,
        orElse: () => {
          const limit = this.parts.options.maxDedicated ?? defaultMaxDedicated
          const waitingFor = `one of the node's ${limit} dedicated connections (see maxDedicated)`
          return Effect.fail(
            toError(notSent(new RedisError.Timeout({ waitingFor }), this.address.key), { attempts: 0 })
          )
        }
      }
    ).pipe(
      Effect.tap((connection) => {
        this.leased.set(connection, scope)
        return Effect.addFinalizer(() => this.takeBack(connection))
      })
    )

  /** One that died, on which something is still under way, or whose state was changed is of no use to the next. */
  private takeBack(connection: Connection.Connection): Effect.Effect<void> {
    const isUsable = () =>
      !connection.isClosed() && connection.stats().inFlight + connection.stats().waiting === 0 &&
      connection.condition() === "AsNew"
    const tidy = Effect.suspend(() =>
      connection.condition() === "Watching" && connection.stats().inFlight === 0
        ? attempt(connection, UNWATCH, {
          asking: false,
          deadline: this.parts.clock.currentTimeMillisUnsafe() + tidyTimeout
        })
        : Effect.void
    )
    return Effect.andThen(
      tidy,
      Effect.suspend(() => {
        this.leased.delete(connection)
        return isUsable() ? Effect.void : Pool.invalidate(this.dedicatedPool, connection)
      })
    )
  }

  readonly completeUntil = (): number =>
    Math.max(this.heardUntil, ...Array.from(this.open, (connection) => connection.completeUntil()))

  readonly isDown = (): boolean => this.shared[0].state._tag === "Down"

  readonly stats = (): NodeStats => {
    const { dedicated, leased } = { dedicated: this.openDedicated.size, leased: this.leased.size }
    const stats = { open: 0, reconnects: 0, inFlight: 0, waiting: 0, ...this.past }
    for (const connection of this.shared) {
      stats.reconnects += connection.reconnects
      if (connection.state._tag === "Open") stats.open++
      else stats.waiting += connection.pending
    }
    for (const connection of this.open) {
      const { bytesRead, bytesWritten, inFlight, waiting } = connection.stats()
      stats.inFlight += inFlight
      stats.waiting += waiting
      stats.bytesWritten += bytesWritten
      stats.bytesRead += bytesRead
    }
    return { ...stats, connections: this.shared.length, dedicated, leased }
  }

  abort(reason: RedisError.Reason): void {
    this.end ??= reason
    for (const connection of this.shared) connection.abort(reason)
    for (const connection of this.leased.keys()) connection.abort(reason)
  }

  /** Ends all leases. The pool waits for that when it shuts down. */
  readonly endLeases = Effect.suspend(() =>
    Effect.forEach([...this.leased.values()], (lease) => Scope.close(lease, Exit.void), { discard: true })
  )

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

/** Dedicated connections to a node, where the settings say nothing. */
const defaultMaxDedicated = 16

const UNWATCH = Command.make(CommandSpec.get("UNWATCH"), [], Reply.raw)

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
  const durations = [
    "connectTimeout",
    "commandTimeout",
    "pingInterval",
    "leaseTimeout",
    "dedicatedTimeToLive",
    "drainTimeout"
  ] as const
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
  const readers = new Map<string, NodeImpl>()
  const listeners: Array<(node: string, failure: Failure | undefined) => void> = []
  const timeToLive = options.dedicatedTimeToLive ?? "1 minute"

  const makeNode = (address: Address, readOnly: boolean): NodeImpl => {
    const nodeScope = Scope.forkUnsafe(scope)
    const parts: Parts = {
      address,
      scope: nodeScope,
      connect: Effect.provideService(
        Connection.make(address, { ...options, readOnly }),
        Connector.Connector,
        Context.get(context, Connector.Connector)
      ),
      options,
      clock,
      fork,
      onTrouble: (failure) => {
        for (const listener of listeners) listener(address.key, failure)
      }
    }
    const node = new NodeImpl(
      parts,
      (max, acquire) => runSync(Scope.provide(Pool.makeWithTTL({ acquire, min: 0, max, timeToLive }), nodeScope))
    )
    const end = Effect.sync(() => node.abort(new RedisError.Closed()))
    runSync(Scope.addFinalizer(nodeScope, Effect.andThen(end, node.endLeases)))
    return node
  }

  const nodeIn = (members: Map<string, NodeImpl>, address: Address): NodeImpl => {
    const known = members.get(address.key)
    if (known !== undefined) return known
    const node = makeNode(address, members === readers)
    members.set(address.key, node)
    return node
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const members of [nodes, readers]) {
        for (const node of members.values()) node.abort(new RedisError.Closed())
        members.clear()
      }
    })
  )

  const retire = (members: Map<string, NodeImpl>, node: NodeImpl): void => {
    members.delete(node.address.key)
    Fiber.runIn(fork(node.retire(options.drainTimeout ?? "2 seconds")), scope)
  }

  const retainIn = (members: Map<string, NodeImpl>, keys: ReadonlySet<string>): void => {
    for (const [key, node] of members) if (!keys.has(key)) retire(members, node)
  }

  return NodePool.of({
    node: (address) => nodeIn(nodes, address),
    nodes: () => nodes,
    reader: (address) => nodeIn(readers, address),
    readers: () => readers,
    retain: (keys, readerKeys) => {
      retainIn(nodes, keys)
      retainIn(readers, readerKeys)
    },
    renew: (address) => {
      for (const members of [nodes, readers]) {
        const node = members.get(address.key)
        if (node !== undefined && clock.currentTimeMillisUnsafe() - node.madeAt >= renewable) retire(members, node)
      }
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
