/**
 * The controls that simulated clusters and simulated servers without cluster mode share.
 *
 * @since 0.1.0
 */
import * as Address from "@redisc/core/Address"
import type * as Resp from "@redisc/core/Resp"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Node, ServerNode } from "../../internal/clusterNode.ts"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import * as Checks from "../input/checks.ts"
import { FakeClusterError } from "../input/fakeClusterError.ts"
import * as Door from "../network/door.ts"
import * as Script from "../session/interventions.ts"
import type { CommandMatch, Mishap, Saying } from "../session/interventions.ts"
import type { Bin } from "../values/binary.ts"
import { sendTo, wordsOf } from "./command.ts"
import * as Data from "./data.ts"
import type { DatabaseOptions, Seed } from "./data.ts"
import { anyOr, find } from "./find.ts"
import type { NodeRef } from "./find.ts"
import * as Handoffs from "./handoffs.ts"
import type { Announcement } from "./handoffs.ts"
import * as Processes from "./processes.ts"

/**
 * A command that was sent to a node, with the time of the Clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalEntry {
  readonly at: number
  /** The number that CLIENT ID answers. */
  readonly connection: number
  readonly command: ReadonlyArray<string>
}

/**
 * The controls of all simulated servers.
 *
 * **Details**
 *
 * Invalid arguments (a node that does not exist, a negative duration) fail with `FakeClusterError`.
 *
 * @category services
 * @since 0.1.0
 */
export interface Controls<State extends ServerNode> {
  /** The addresses of the first nodes, for a client to start from: `fake-0:6379` and so on. */
  readonly addresses: ReadonlyArray<Address.Tcp>
  /** The release that the nodes report, such as `7.0.15`. */
  readonly version: string
  /** All nodes, including those that are not running. */
  readonly nodes: Effect.Effect<ReadonlyArray<State>, FakeClusterError>
  /** Sends any command to one node, without the client. Fails on an error reply; redirects are not followed. */
  readonly command: (
    node: NodeRef,
    name: string,
    args?: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Value, FakeClusterError>

  /** Stores values at their owners: a string, a list as an array, a `Set`, a hash as a `Map`. */
  readonly seed: (
    data: Readonly<Record<string, Seed>>,
    options?: DatabaseOptions
  ) => Effect.Effect<void, FakeClusterError>
  /** The keys of one node, or of all primaries, in order. */
  readonly keys: (node?: NodeRef, options?: DatabaseOptions) => Effect.Effect<ReadonlyArray<string>, FakeClusterError>
  /**
   * Lets keys be evicted at their owners, as when memory is short, and returns how many of them there were. Whoever caches them or
   * subscribes to `evicted` is told.
   */
  readonly evict: (
    keys: ReadonlyArray<string | Uint8Array>,
    options?: DatabaseOptions
  ) => Effect.Effect<number, FakeClusterError>
  /** Empties all databases of all running primaries. */
  readonly flushAll: Effect.Effect<void>
  /** The commands that were sent to a node, oldest first. The last ten thousand are kept. */
  readonly journal: (node: NodeRef) => Effect.Effect<ReadonlyArray<JournalEntry>, FakeClusterError>
  /** The commands that were sent and that exist in Redis, but not on the simulated nodes. */
  readonly unimplemented: Effect.Effect<ReadonlyArray<string>>
  /** All nodes and what they are for each other, as text. */
  readonly describe: Effect.Effect<string, FakeClusterError>

  /** Ends the process of a node. Its data is lost. */
  readonly kill: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Stops the process of a node. Its connections stay open and silent. */
  readonly pause: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  readonly resume: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Starts the process of a node again, empty. If it still runs, it is killed first. */
  readonly restart: (node: NodeRef) => Effect.Effect<void, FakeClusterError>

  /** Cuts the network between two nodes, or between the clients and a node. Nothing is lost; it waits until the cut is mended. */
  readonly partition: (a: NodeRef | "client", b: NodeRef | "client") => Effect.Effect<void, FakeClusterError>
  /** Mends one cut, all cuts of one node or of the clients, or all cuts. */
  readonly heal: (a?: NodeRef | "client", b?: NodeRef | "client") => Effect.Effect<void, FakeClusterError>
  /** Sets the round trip to a node, which delays its replies and connecting to it. Zero at first. */
  readonly latency: (node: NodeRef, roundTrip: Duration.Input) => Effect.Effect<void, FakeClusterError>
  /**
   * Ends all connections to a node: at once, or each after the given number of further bytes of replies, which may be in the
   * middle of one.
   */
  readonly dropConnections: (
    node: NodeRef,
    options?: { readonly afterBytes?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /** Answers matching commands in place of a node, `times` times (default 1; Infinity: always). Text is an error reply. */
  readonly reply: (
    node: NodeRef | "any",
    match: CommandMatch,
    reply: Saying,
    options?: { readonly times?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /**
   * Lets matching commands be executed, but changes what happens to their replies on the way: they are lost, duplicated,
   * delayed or replaced by other bytes. `times` is as in `reply`. Replies from `reply` can have a mishap too.
   */
  readonly mishap: (
    node: NodeRef | "any",
    match: CommandMatch,
    mishap: Mishap,
    options?: { readonly times?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /**
   * Lets a node send something unasked, on all its connections or on one (numbered as by CLIENT ID and in the journal), and
   * returns the number of connections.
   */
  readonly say: (
    node: NodeRef,
    saying: Saying,
    options?: { readonly connection?: number | undefined }
  ) => Effect.Effect<number, FakeClusterError>

  /**
   * Announces something to the clients of a node that have asked for it (see the option `announces`), and returns their number:
   * `["FAILING_OVER", 1, 2]`.
   */
  readonly announce: (node: NodeRef, announcement: Announcement) => Effect.Effect<number, FakeClusterError>
  /**
   * Gives a node another address, and announces it by MOVING. The old one leads to it, too, for 15 seconds or `within`; then its
   * connections end. With `named: false` the announcement does not say where it goes.
   */
  readonly moveEndpoint: (
    node: NodeRef,
    to: Address.Tcp,
    options?: { readonly within?: Duration.Input | undefined; readonly named?: boolean | undefined }
  ) => Effect.Effect<void, FakeClusterError>

  /** Opens a loopback port for each node until the scope closes. The nodes announce these ports from then on. */
  readonly listen: Effect.Effect<ReadonlyArray<Address.Tcp>, FakeClusterError, Scope.Scope>
}

/** Runs a control, with a thrown `FakeClusterError` as its failure. */
export const step = <A>(run: () => A): Effect.Effect<A, FakeClusterError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (problem) {
      if (problem instanceof FakeClusterError) return Effect.fail(problem)
      throw problem
    }
  })

/** The identity of a node. */
export const nodeOf = ({ host, id, name, port }: FakeNode): Node => ({ name, id, address: Address.tcp(host, port) })

/** What differs between kinds of groups of nodes. */
export interface Kind<State extends ServerNode> {
  readonly stateOf: (node: FakeNode) => State
  /** The node that stores a key. */
  readonly ownerOf: (key: Bin) => FakeNode
  readonly describe: () => string
}

/** The controls, and what the creators of further nodes need. */
export interface Common<State extends ServerNode> {
  readonly controls: Controls<State>
  readonly on: <A>(node: NodeRef, run: (node: FakeNode) => A) => Effect.Effect<A, FakeClusterError>
  /** Opens the port of a node that was added, if the others have theirs. */
  readonly welcome: (node: FakeNode) => Effect.Effect<Node, FakeClusterError>
}

/** Makes the controls of a world. */
export const make = <State extends ServerNode>(world: FakeWorld, kind: Kind<State>): Common<State> => {
  let openDoor: ((node: FakeNode) => Effect.Effect<Address.Tcp, FakeClusterError>) | undefined
  const servers = (): ReadonlyArray<FakeNode> => [...world.nodes.values()].filter((node) => !node.isSentinel)
  const states = step(() => servers().map(kind.stateOf))
  const primaries = (): ReadonlyArray<FakeNode> =>
    servers().filter((node) => !node.isReplica && node.process !== "stopped")
  const on = <A>(node: NodeRef, run: (node: FakeNode) => A): Effect.Effect<A, FakeClusterError> =>
    step(() => run(find(world, node)))

  const controls: Controls<State> = {
    addresses: Array.from(
      new Map(Array.from(world.nodes.values(), ({ host, port }) => [`${host}:${port}`, Address.tcp(host, port)]))
        .values()
    ),
    version: world.settings.version.release,
    nodes: states,
    command: (node, name, args = []) =>
      Effect.flatMap(
        on(node, (found) => [found, wordsOf(name, args)] as const),
        ([found, words]) => sendTo(found, words)
      ),

    seed: (data, options) => step(() => Data.seed(kind.ownerOf, data, options)),
    keys: (node, options) => step(() => Data.keys(node === undefined ? primaries() : [find(world, node)], options)),
    evict: (evicted, options) => step(() => Data.evict(kind.ownerOf, evicted, options)),
    flushAll: Effect.sync(() => {
      for (const node of primaries()) if (node.process === "running") node.data.clear()
    }),
    journal: (node) => on(node, (found) => found.journalText()),
    unimplemented: Effect.sync(() => [...world.missing]),
    describe: step(kind.describe),

    kill: (node) => step(() => Processes.kill(world, node)),
    pause: (node) => step(() => Processes.pause(world, node)),
    resume: (node) => step(() => Processes.resume(world, node)),
    restart: (node) => step(() => Processes.restart(world, node)),

    partition: (a, b) => step(() => Processes.partition(world, a, b)),
    heal: (a, b) => step(() => Processes.heal(world, a, b)),
    latency: (node, roundTrip) =>
      on(node, (found) => {
        found.latency = Checks.millis("the round trip", roundTrip)
      }),
    dropConnections: (node, settings) =>
      on(node, (found) => {
        const { afterBytes = 0 } = settings ?? {}
        Checks.whole("afterBytes", afterBytes, 0)
        for (const session of Array.from(found.sessions)) session.cut(afterBytes)
      }),
    reply: (node, match, reply, settings) =>
      step(() => world.replies.add(anyOr(world, node), match, Script.spoken(reply), settings?.times)),
    mishap: (node, match, mishap, settings) =>
      step(() => world.mishaps.add(anyOr(world, node), match, Script.wayOf(mishap), settings?.times)),
    say: (node, saying, settings) =>
      on(node, (found) => Processes.say(found, Script.spoken(saying), settings?.connection)),

    announce: (node, announcement) => on(node, (found) => Handoffs.announce(found, announcement)),
    moveEndpoint: (node, to, settings = {}) =>
      on(node, (found) => {
        Checks.record("what moveEndpoint is given", settings, ["within", "named"])
        const { named = true, within = "15 seconds" } = settings
        Handoffs.moveEndpoint(world, found, to, { named, millis: Checks.millis("the time", within) })
      }),

    listen: Effect.gen(function*() {
      const { secure, shape } = world.settings.profile
      if (secure || shape !== "nodes") {
        return yield* new FakeClusterError({
          problem: `a profile with ${
            secure ? "TLS" : "one endpoint"
          } has no ports: give it secure: false and shape: "nodes"`
        })
      }
      const scope = yield* Effect.scope
      const openOne = (node: FakeNode) => Scope.provide(Door.open(node), scope)
      openDoor = openOne
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          openDoor = undefined
        })
      )
      return yield* Effect.forEach([...world.nodes.values()], openOne)
    })
  }
  return {
    controls,
    on,
    welcome: (node) => Effect.map(openDoor === undefined ? Effect.void : openDoor(node), () => nodeOf(node))
  }
}
