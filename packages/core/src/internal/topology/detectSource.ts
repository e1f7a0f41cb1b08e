/**
 * The map of whatever is there: asks the first server that answers in which mode it runs, and goes on as the source for that mode.
 * If that one fails, the question is asked again, since another kind of server may be there by now. A server that was alone is
 * asked each time: as a node of a cluster it would go on to say that it is a primary.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import * as Addresses from "../../Address.ts"
import { Connector } from "../../Connector.ts"
import { NodePool } from "../../NodePool.ts"
import * as RedisError from "../../RedisError.ts"
import type * as SlotMap from "../../SlotMap.ts"
import { credentialsCheck } from "../connection/credentials.ts"
import { unsent } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import * as ClusterSource from "./clusterSource.ts"
import { modeOf } from "./mode.ts"
import type { Mode } from "./mode.ts"
import { askNames, listed } from "./sentinel/poll.ts"
import * as SentinelSource from "./sentinelSource.ts"
import type { SentinelOptions } from "./sentinelSource.ts"
import type { Discovery, Source } from "./source.ts"
import * as StandaloneSource from "./standaloneSource.ts"
import type { Unheard } from "./survey.ts"

/**
 * How to find Redis, in whatever mode it runs.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface DetectOptions {
  /** Servers to ask: nodes of a cluster, a server or a primary and its replicas, or Sentinels. */
  readonly nodes: ReadonlyArray<Address>
  /**
   * Translates an address that a server announces to the address to connect to. If it throws or returns something else, that address
   * is not used.
   */
  readonly addressMap?: ((announced: Address) => Address) | undefined
  /** The user to authenticate as at Sentinels, if that is what the nodes are. Default none. */
  readonly sentinelCredentials?: SentinelOptions["credentials"]
}

interface Chosen {
  readonly mode: Mode
  readonly discovery: Discovery
  readonly scope: Scope.Closeable
}

/** What a server is; of a Sentinel the names of the primaries that it watches, too. */
type Kind = { readonly mode: "standalone" | "cluster" } | {
  readonly mode: "sentinel"
  readonly names: ReadonlyArray<string>
}

const sourceOf = (kind: Kind, { addressMap, nodes, sentinelCredentials: credentials }: DetectOptions): Source => {
  switch (kind.mode) {
    case "cluster":
      return ClusterSource.make({ seeds: nodes, addressMap })
    case "standalone":
      return StandaloneSource.make({ servers: nodes, addressMap })
    case "sentinel":
      return SentinelSource.make({ name: kind.names[0], sentinels: nodes, addressMap, credentials })
  }
}

const problemOf = (names: ReadonlyArray<string>): string =>
  names.length === 0
    ? "it is a Sentinel that watches nothing"
    : `it is a Sentinel, which watches ${listed(names)}: say which one, as in redis+sentinel://host:26379/${names[0]}`

/** How long a Sentinel may take to name what it watches. */
const namesTimeout = "2 seconds"

/** How long nodes may take to say what they are by now. */
const doubtTimeout = "500 millis"

/** What a server is; or the problem with it. A Sentinel has to watch one primary and no other. */
const kindOf = (pool: NodePool["Service"], address: Address, isDoubted: boolean): Effect.Effect<Kind, string> =>
  Effect.flatMap(modeOf(pool.node(address), isDoubted), (mode): Effect.Effect<Kind, string> =>
    mode !== "sentinel"
      ? Effect.succeed({ mode })
      : askNames((sentinel, command) => pool.node(sentinel).ask(command), address).pipe(
        Effect.mapError(({ reason }) => reason.message),
        Effect.timeoutOrElse({ duration: namesTimeout, orElse: () => Effect.fail("it did not answer in time") }),
        Effect.flatMap((names) =>
          names.length === 1 ? Effect.succeed<Kind>({ mode, names }) : Effect.fail(problemOf(names))
        )
      ))

/** What the first server that answers is; or why none does. */
const detect = (
  pool: NodePool["Service"],
  nodes: ReadonlyArray<Address>,
  isDoubted: boolean
): Effect.Effect<Kind, ReadonlyArray<Unheard>> => {
  const first = Deferred.makeUnsafe<Kind, ReadonlyArray<Unheard>>()
  const failures: Array<Unheard> = []
  const asking = Effect.forEach(nodes, (address) =>
    Effect.match(kindOf(pool, address, isDoubted), {
      onSuccess: (kind) => {
        Deferred.doneUnsafe(first, Effect.succeed(kind))
      },
      onFailure: (problem) => {
        failures.push({ node: address.key, problem })
      }
    }), { concurrency: "unbounded", discard: true })
  return Effect.raceFirst(Deferred.await(first), Effect.andThen(asking, Effect.suspend(() => Effect.fail(failures))))
}

const open = Effect.fnUntraced(function*(options: DetectOptions) {
  const pool = yield* NodePool
  const connector = yield* Connector
  const scope = yield* Effect.scope
  let chosen: Chosen | undefined
  /** Ends when another source is chosen. */
  let other = Deferred.makeUnsafe<void>()
  /** Whether a server that was said to be alone has answered MOVED. */
  let hasMoved = false

  const choose = Effect.fnUntraced(function*(kind: Kind): Effect.fn.Return<void, RedisError.RedisError> {
    if (chosen?.mode === kind.mode) return
    const own = yield* Scope.fork(scope)
    const discovery = yield* sourceOf(kind, options).open.pipe(
      Effect.provideService(NodePool, pool),
      Effect.provideService(Connector, connector),
      Effect.provideService(Scope.Scope, own),
      Effect.onError(() => Scope.close(own, Exit.void))
    )
    if (chosen !== undefined) yield* Scope.close(chosen.scope, Exit.void)
    chosen = { mode: kind.mode, discovery, scope: own }
    Deferred.doneUnsafe(other, Effect.void)
    other = Deferred.makeUnsafe()
  })

  /** Asks for the mode, and goes on as the source for it; undefined if it is the known one, or nobody answers. */
  const otherwise = Effect.gen(function*(): Effect.fn.Return<Chosen | undefined, RedisError.RedisError> {
    const before = chosen
    const asked = detect(pool, options.nodes, hasMoved)
    const kind = yield* Effect.result(
      before === undefined
        ? asked
        : Effect.timeoutOrElse(asked, { duration: doubtTimeout, orElse: () => Effect.fail([]) })
    )
    hasMoved = false
    if (Result.isSuccess(kind)) yield* choose(kind.success)
    else if (before === undefined) return yield* StandaloneSource.noPrimary(kind.failure)
    return chosen === before ? undefined : chosen
  })

  const learn = Effect.gen(function*(): Effect.fn.Return<SlotMap.SlotMap, RedisError.RedisError> {
    const isKnown = chosen !== undefined
    if (!isKnown) yield* otherwise
    const { discovery, mode } = chosen!
    const doubted = isKnown && mode === "standalone" ? otherwise : Effect.undefined
    const [learnt, other] = yield* Effect.all([Effect.result(discovery.learn), doubted], { concurrency: 2 })
    if (other !== undefined) return yield* other.discovery.learn
    if (Result.isSuccess(learnt)) return learnt.success
    const another = mode === "standalone" ? undefined : yield* otherwise
    return yield* another === undefined ? Effect.fail(learnt.failure) : another.discovery.learn
  })

  const discovery: Discovery = {
    get oneSlot() {
      return chosen?.discovery.oneSlot
    },
    learn,
    news: Effect.suspend(() => Effect.raceFirst(chosen?.discovery.news ?? Effect.never, Deferred.await(other))),
    dueAt: () => chosen?.discovery.dueAt?.(),
    isDead: (node) => chosen?.discovery.isDead?.(node) === true,
    redirects: {
      addressOf: (announced) => Addresses.mapped(options.addressMap, announced),
      patch: (map, slot, address, from) => {
        hasMoved ||= chosen?.mode !== "cluster"
        return hasMoved ? map : chosen?.discovery.redirects?.patch(map, slot, address, from) ?? map
      },
      // Only a cluster has slots that move.
      patchAll: (map, moved) => hasMoved ? map : chosen?.discovery.redirects?.patchAll?.(map, moved) ?? map,
      promote: (map, address, from) => chosen?.discovery.redirects?.promote?.(map, address, from) ?? map,
      serves: (slot, node) => chosen?.discovery.redirects?.serves(slot, node),
      disclaim: (map, slot, node) => chosen?.discovery.redirects?.disclaim(map, slot, node) ?? map
    }
  }
  return discovery
})

const checks: Settings.Checks = {
  nodes: ClusterSource.seeds,
  addressMap: Settings.aFunction,
  sentinelCredentials: credentialsCheck
}

export const make = (options: DetectOptions): Source => ({
  open: Effect.suspend(() => {
    const problem = Settings.optionsProblem(options, checks) ?? ClusterSource.seeds("nodes", options.nodes)
    return problem === undefined ? open(options) : Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
  })
})
