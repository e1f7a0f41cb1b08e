/**
 * Asks nodes for their view of the cluster: the owners of slots, whether the cluster is up, and the configuration epoch.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Address } from "../../Address.ts"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type { Node, NodePool } from "../../NodePool.ts"
import type { RedisError } from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import * as Reply from "../commands/reply.ts"
import { isSentinel, withoutLayout } from "../connection/stranger.ts"
import { infoOf } from "../values/fields.ts"
import type { Layouts } from "./layouts.ts"
import { modeOf } from "./mode.ts"
import * as Vote from "./vote.ts"

const CLUSTER_INFO = Command.make(CommandSpec.get("CLUSTER INFO"), [], Reply.name)
const CLUSTER_SLOTS = Command.make(CommandSpec.get("CLUSTER SLOTS"), [], Reply.raw)
const CLUSTER_SHARDS = Command.make(CommandSpec.get("CLUSTER SHARDS"), [], Reply.raw)

/** How long one node may take to answer. */
const askTimeout = "2 seconds"
/** How long to wait for the others, if hurried, once more than half have told a map. */
const laggardTimeout = "500 millis"
/** How long to wait for the targets of redirects once the other nodes' views have decided. */
const testimonyTimeout = "150 millis"

/** A node without a usable view, and the reason. */
export interface Unheard {
  readonly node: string
  readonly problem: string
}

interface Answers {
  /** The views of the nodes that have a vote. */
  readonly views: Array<Vote.View>
  /** The views of all nodes that answered, by the key of their address. */
  readonly testimony: ReadonlyMap<string, Vote.View>
  readonly failures: Array<Unheard>
}

const isRefused = ({ reason }: RedisError): boolean => reason._tag === "ServerError"
/** Whether a command may not be run, or is one that the server does not have. */
const isWithheld = ({ reason }: RedisError): boolean =>
  reason._tag === "ServerError" && (reason.code === "NOPERM" || /^ERR unknown (sub)?command\b/i.test(reason.text))

/** What a server is that has not told its layout. One that knows no CLUSTER commands at all may be a Sentinel. */
const whatIs = (node: Node, error: RedisError): Effect.Effect<string> =>
  isWithheld(error)
    ? Effect.match(modeOf(node, false), {
      onSuccess: (mode) => mode === "sentinel" ? isSentinel : withoutLayout(error.reason),
      onFailure: () => withoutLayout(error.reason)
    })
    : Effect.succeed(withoutLayout(error.reason))

/**
 * Asks one node. If the user may not run CLUSTER INFO, the view lacks health and epoch. Where CLUSTER SLOTS is
 * withheld, CLUSTER SHARDS is tried.
 */
const ask = Effect.fnUntraced(function*(
  node: Node,
  layouts: Layouts
): Effect.fn.Return<Vote.View, string> {
  const { address } = node
  const info = node.ask(CLUSTER_INFO).pipe(
    Effect.catch((error) => isRefused(error) ? Effect.succeed(undefined) : Effect.fail(error))
  )
  const slots = Effect.map(node.ask(CLUSTER_SLOTS), (reply) => layouts.read(reply, address))
  const shards = Effect.map(
    node.ask(CLUSTER_SHARDS),
    (reply) => layouts.read(reply, address, SlotMap.fromClusterShards)
  )
  const layout = Effect.catch(slots, (error) => isWithheld(error) ? shards : Effect.fail(error))
  const [facts, read] = yield* Effect.all([info, layout], { concurrency: "unbounded" }).pipe(
    Effect.catch((error) => Effect.flatMap(whatIs(node, error), (problem) => Effect.fail(problem))),
    Effect.timeoutOrElse({ duration: askTimeout, orElse: () => Effect.fail("it did not answer in time") })
  )
  const { fingerprint, map } = yield* Effect.fromResult(read)
  const state = facts === undefined ? undefined : infoOf(facts, "cluster_state")
  const epoch = Number(facts === undefined ? undefined : infoOf(facts, "cluster_current_epoch"))
  return {
    node: address.key,
    map,
    fingerprint,
    healthy: state === undefined ? undefined : state === "ok",
    epoch: Number.isSafeInteger(epoch) ? epoch : undefined
  }
})

/**
 * Asks all nodes at once, and stops waiting when more than half of `addresses` agree on a view that `counts`, or, if
 * hurried, a while after more than half have told a map: one that hangs must not hold up the news. The `targets` of redirects have no vote; they get a little more
 * time to answer.
 */
export const make = (pool: NodePool["Service"], layouts: Layouts) =>
  Effect.fnUntraced(function*(
    addresses: ReadonlyArray<Address>,
    targets: ReadonlyArray<Address>,
    counts: (view: Vote.View) => boolean,
    isHurried: boolean
  ): Effect.fn.Return<Answers> {
    const views: Array<Vote.View> = []
    const testimony = new Map<string, Vote.View>()
    const failures: Array<Unheard> = []
    const voting = new Set(addresses.map(({ key }) => key))
    const unheard = new Set(targets.map(({ key }) => key))
    const decided = Deferred.makeUnsafe<void>()
    const heard = Deferred.makeUnsafe<void>()
    const most = Deferred.makeUnsafe<void>()
    const settled = (address: Address): void => {
      if (Vote.isDecided(views.filter(counts), voting.size)) Deferred.doneUnsafe(decided, Effect.void)
      const filled = isHurried ? views.filter(({ map }) => map.assigned > 0) : []
      if (filled.length * 2 > voting.size) Deferred.doneUnsafe(most, Effect.void)
      if (unheard.delete(address.key) && unheard.size === 0) Deferred.doneUnsafe(heard, Effect.void)
    }
    if (targets.length === 0) Deferred.doneUnsafe(heard, Effect.void)
    const all = new Map([...addresses, ...targets].map((address) => [address.key, address]))
    const asking = Effect.forEach(
      all.values(),
      (address) =>
        Effect.match(
          Effect.catchDefect(ask(pool.node(address), layouts), () => Effect.fail("reading what it answered failed")),
          {
            onSuccess: (view) => {
              testimony.set(address.key, view)
              if (voting.has(address.key)) views.push(view)
              settled(address)
            },
            onFailure: (problem) => {
              if (voting.has(address.key)) failures.push({ node: address.key, problem })
              settled(address)
            }
          }
        ),
      { concurrency: "unbounded", discard: true }
    )
    const enough = Effect.andThen(
      Deferred.await(decided),
      Effect.timeoutOption(Deferred.await(heard), testimonyTimeout)
    )
    const late = Effect.andThen(Deferred.await(most), Effect.sleep(laggardTimeout))
    yield* Effect.raceFirst(asking, Effect.raceFirst(enough, late))
    return { views, testimony, failures }
  })
