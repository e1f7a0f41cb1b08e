/**
 * The connections to all nodes of a cluster. A node is made when it is first asked for. When the cluster no longer has it, it
 * is closed, after the commands under way on it are answered. The pool does not know which node serves which slot.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Pool from "effect/Pool"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { fromRedirect } from "../../Address.ts"
import type { Address } from "../../Address.ts"
import * as Connector from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import { notSent, unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import { Announced } from "./announced.ts"
import { Backoff } from "./backoff.ts"
import type { NodeBackoff } from "./backoff.ts"
import type { Limits } from "./call.ts"
import { connect } from "./connect.ts"
import type { Extension } from "./connect.ts"
import type { Connection } from "./connection.ts"
import { release as unblockOver } from "./draining.ts"
import { Handoffs } from "./handoffs.ts"
import { Keepers } from "./keepers.ts"
import type { Keeper } from "./keepers.ts"
import { Logins } from "./logins.ts"
import type { Node, Options } from "./node.ts"
import { left, NodeConnections } from "./nodeConnections.ts"
import type { NodeSurroundings } from "./nodeConnections.ts"
import type { Notice } from "./notices.ts"
import * as ConnectionOptions from "./options.ts"
import type { PushListener } from "./pushes.ts"
import type { Access } from "./renewal.ts"
import { moved } from "./sharedConnection.ts"
import { each, logging } from "./strays.ts"
import { Tallies } from "./tally.ts"

/**
 * The type of the service `NodePool`.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodePool {
  /** The node at an address, made when it is first asked for. It connects on first use. */
  readonly node: (address: Address) => Node
  readonly nodes: () => ReadonlyMap<string, Node>
  /**
   * Like `node`, but over separate connections for reads, which have declared READONLY. They are never
   * mixed with the others: a node that was demoted must not go on answering on those.
   */
  readonly reader: (address: Address) => Node
  readonly readers: () => ReadonlyMap<string, Node>
  /**
   * Drains and closes every node whose address key is not in `keys`, and every reader whose key is not in `readers`. Those that are
   * known to be dead are closed at once.
   */
  readonly retain: (
    keys: ReadonlySet<string>,
    readers: ReadonlySet<string>,
    isDead?: (key: string) => boolean
  ) => void
  /** Replaces a node's connections: the old ones are drained and closed, the next command opens new ones. */
  readonly renew: (address: Address) => void
  /**
   * Says whether the nodes are those of a cluster, whose readers have to accept READONLY: at the address of one that is gone another
   * server may listen by now.
   *
   * @internal
   */
  readonly isCluster: (is: boolean) => void
  /**
   * The database that its connections have selected.
   *
   * @internal
   */
  readonly database: number
  /**
   * Opens a connection that is set up like those of the pool, but that the pool does not count and never closes. For a listener
   * of pushes.
   *
   * @internal
   */
  readonly connect: (
    address: Address,
    listener: PushListener
  ) => Effect.Effect<Connection, RedisError.RedisError, Scope.Scope>
  /**
   * The back-off of a node, for everybody who connects to it.
   *
   * @internal
   */
  readonly backoff: (address: Address) => NodeBackoff
  /**
   * The limits for commands on the pool's connections.
   *
   * @internal
   */
  readonly limits: Limits
  /**
   * Takes note of addresses that the user gave. All others are told by servers.
   *
   * @internal
   */
  readonly given: (addresses: ReadonlyArray<Address>) => void
  /**
   * Listens to what goes wrong at nodes, until the function that it returns is called.
   *
   * @internal
   */
  readonly onTrouble: (listener: TroubleListener) => () => void
  /**
   * Listens to what nodes announce, until the function that it returns is called.
   *
   * @internal
   */
  readonly onNotice: (listener: NoticeListener) => () => void
  /**
   * Lets something keep replies, which then hears what may make them old, until the function that it returns is called.
   *
   * @internal
   */
  readonly onKept: (keeper: Keeper) => () => void
}

/** Takes what nodes announce. `node` is the key of the node's address. */
export interface NoticeListener {
  /** The address that an endpoint means; undefined if it may not be followed. */
  readonly locate: (endpoint: string, node: string) => Address | undefined
  readonly heard: (notice: Notice, node: string) => void
  /** A push could not be read. */
  readonly unread: (failure: Failure) => void
  /** A connection of the node has moved. */
  readonly moved: (node: string) => void
}

type TroubleListener = (node: string, failure: Failure | undefined) => void

/**
 * A node younger than this, in milliseconds, is not renewed again, because many commands may report the same fault of the old
 * one.
 */
const renewable = 1000

/** The checks of the options. A `readOnly` from settings of connections has no effect: the pool decides it for each. */
export const checks: Settings.Checks = {
  ...ConnectionOptions.checks,
  connectionsPerNode: Settings.few(1000),
  maxDedicated: Settings.count,
  leaseTimeout: Settings.duration,
  dedicatedTimeToLive: Settings.duration,
  handoffs: Settings.oneOf("auto", "off"),
  drainTimeout: Settings.duration
}

/**
 * Makes a pool. `extend` returns what a layer adds to each connection to a node, including dedicated ones and those of readers.
 */
export const makePool = Effect.fnUntraced(function*(
  options: Options,
  extend: (address: Address) => Extension = () => ({})
): Effect.fn.Return<NodePool, RedisError.RedisError, Scope.Scope | Connector.Connector> {
  const problem = Settings.optionsProblem(options, checks)
  if (problem !== undefined) return yield* unsent(new RedisError.InvalidArgument({ problem }))
  const context = yield* Effect.context<Scope.Scope | Connector.Connector>()
  // A scope of its own, so that all users of the pool are told to stop before any connection is closed.
  const scope = yield* Scope.fork(Context.get(context, Scope.Scope))
  const connector = Context.get(context, Connector.Connector)
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(context)
  const report = logging(fork)
  const runSync = Effect.runSyncWith(context)
  const nodes = new Map<string, NodeConnections>()
  const readers = new Map<string, NodeConnections>()
  const tallies = new Tallies()
  const listeners = new Set<TroubleListener>()
  const noticeListeners = new Set<NoticeListener>()
  const keepers = new Keepers(report)
  const limits = ConnectionOptions.limitsOf(options)
  const timeToLive = options.dedicatedTimeToLive ?? "1 minute"

  const pacing = { clock, random: yield* Random.Random }
  // Unblocks over the connections that are shared, since all leases may be blocked.
  const release: Access["release"] = (connection) =>
    Effect.suspend(() => {
      const { key } = connection.address
      const over = nodes.get(key) ?? readers.get(key)
      return over === undefined ? Effect.void : unblockOver(connection, over.taker, () => {})
    })
  const logins = new Logins(options, pacing, release)
  const announced = new Announced()
  const backoff = new Backoff({
    ...pacing,
    logins: logins.pauses,
    isOwn: (reason) => reason._tag === "Closed" || reason === left || reason === moved
  })
  let inCluster = false
  // A node that refuses READONLY may accept all other connections.
  const backoffOf = ({ key }: Address, readOnly: boolean): NodeBackoff =>
    backoff.of(key, readOnly ? "reader" : undefined)

  const open = (
    address: Address,
    readOnly: boolean,
    by: Extension
  ): Effect.Effect<Connection, RedisError.RedisError, Scope.Scope> =>
    Effect.suspend(() => {
      const node = backoffOf(by.via ?? address, readOnly)
      const opened = logins.use(node, (access) =>
        Effect.suspend(() =>
          connect(address, { ...options, readOnly }, { ...by, inCluster, hint: announced.hintFor(address) }, access)
        ))
      const noted = Effect.tap(opened, () =>
        Effect.sync(() =>
          announced.noteReached(address)
        ))
      return node.connect(Effect.provideService(noted, Connector.Connector, connector))
    })

  /** What one of the pool's own connections is opened with: what the layer wants, and what the pool does. */
  const joined = (address: Address, by: Extension): Extension => {
    const extension = extend(address)
    return { ...extension, ...by, keepers, listeners: [...extension.listeners ?? [], ...by.listeners ?? []] }
  }

  /** The address that the endpoint in a push means. */
  const locate = (endpoint: string, address: Address): Address | undefined => {
    for (const listener of noticeListeners) return listener.locate(endpoint, address.key)
    return fromRedirect(endpoint, address)
  }

  const makeNode = (address: Address, readOnly: boolean): NodeConnections => {
    const nodeScope = Scope.forkUnsafe(scope)
    const handoffs = new Handoffs({
      clock,
      commandTimeout: limits.commandTimeout,
      locate: (endpoint) => locate(endpoint, address),
      onNotice: (notice) => each(noticeListeners, ({ heard }) => heard(notice, address.key), report),
      onUnread: (problem) => {
        const reason = new RedisError.ProtocolViolation({ problem: `a push was ignored: ${problem}` })
        each(noticeListeners, ({ unread }) => unread(notSent(reason, address.key)), report)
      }
    })
    const surroundings: NodeSurroundings = {
      address,
      scope: nodeScope,
      connect: (by) => Effect.suspend(() => open(address, readOnly, joined(address, by))),
      due: (via) => backoffOf(via ?? address, readOnly).due,
      handoffs,
      onHandedOver: () => each(noticeListeners, (listener) => listener.moved(address.key), report),
      options,
      clock,
      soon: connector.soon,
      fork,
      onTrouble: (failure) => each(listeners, (listener) => listener(address.key, failure), report),
      report,
      tally: tallies.acquire(address.key),
      // A replica's reply may be older than this client's own writes.
      tracks: !readOnly
    }
    const node = new NodeConnections(
      surroundings,
      (max, acquire) => runSync(Scope.provide(Pool.makeWithTTL({ acquire, min: 0, max, timeToLive }), nodeScope))
    )
    const end = Effect.sync(() => node.abort(new RedisError.Closed()))
    runSync(Scope.addFinalizer(nodeScope, Effect.andThen(end, node.endLeases)))
    return node
  }

  const nodeIn = (members: Map<string, NodeConnections>, address: Address): NodeConnections => {
    const known = members.get(address.key)
    if (known !== undefined) return known
    const node = makeNode(address, members === readers)
    members.set(address.key, node)
    return node
  }

  const drainTimeout = options.drainTimeout ?? "2 seconds"
  const retiring = new Map<NodeConnections, Fiber.Fiber<void>>()

  const sleep = Effect.sleep(drainTimeout)
  // Under a test clock that stands still, finalizers have to end all the same.
  const elapsed = Effect.raceFirst(sleep, Effect.provideService(sleep, Clock.Clock, Clock.Clock.defaultValue()))
  // Waits for commands under way, so that their outcome is known. Commands that were not sent fail at once.
  const finish = Effect.suspend(() => {
    const reason = new RedisError.Closed()
    const all = [...nodes.values(), ...readers.values(), ...retiring.keys()]
    const finished = Effect.forEach(all, (node) => node.finish(reason), { concurrency: "unbounded", discard: true })
    return Fiber.interruptAll(Array.from(retiring.values())).pipe(
      Effect.andThen(Effect.raceFirst(Effect.interruptible(finished), Effect.interruptible(elapsed))),
      Effect.andThen(Effect.sync(() => {
        for (const node of all) node.abort(reason)
        nodes.clear()
        readers.clear()
      }))
    )
  })
  yield* Effect.addFinalizer(() => finish)

  const retire = (members: Map<string, NodeConnections>, node: NodeConnections, isDead = false): void => {
    members.delete(node.address.key)
    announced.forget(node.address.key)
    const fiber = fork(node.retire(isDead ? 0 : drainTimeout))
    retiring.set(node, fiber)
    fiber.addObserver(() => {
      retiring.delete(node)
      tallies.release(node.address.key)
    })
    Fiber.runIn(fiber, scope)
  }

  const retainIn = (
    members: Map<string, NodeConnections>,
    keys: ReadonlySet<string>,
    isDead?: (key: string) => boolean
  ): void => {
    for (const [key, node] of members) if (!keys.has(key)) retire(members, node, isDead?.(key))
  }

  return {
    node: (address) => nodeIn(nodes, address),
    nodes: () => nodes,
    reader: (address) => nodeIn(readers, address),
    readers: () => readers,
    retain: (keys, readerKeys, isDead) => {
      retainIn(nodes, keys, isDead)
      retainIn(readers, readerKeys, isDead)
    },
    renew: (address) => {
      for (const members of [nodes, readers]) {
        const node = members.get(address.key)
        if (node !== undefined && clock.currentTimeMillisUnsafe() - node.madeAt >= renewable) retire(members, node)
      }
    },
    isCluster: (is) => {
      inCluster = is
    },
    database: options.database ?? 0,
    connect: (address, listener) =>
      Effect.suspend(() => {
        const via = nodes.get(address.key)?.via
        return open(address, false, { ...extend(address), via, listeners: [listener] })
      }),
    backoff: (address) => backoffOf(address, false),
    limits,
    given: (addresses) => announced.give(addresses),
    onTrouble: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onKept: (keeper) => keepers.add(keeper),
    onNotice: (listener) => {
      noticeListeners.add(listener)
      return () => noticeListeners.delete(listener)
    }
  }
})
