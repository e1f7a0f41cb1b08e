/**
 * What the sentinels of a simulated group agree on, and waiting for it.
 *
 * @since 0.1.0
 */
import * as Address from "@redisc/core/Address"
import * as Effect from "effect/Effect"
import type { ServerNode, ServerState } from "../../internal/clusterNode.ts"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import { fail } from "../input/checks.ts"
import type { FakeClusterError } from "../input/fakeClusterError.ts"
import { candidates } from "../sentinel/failover.ts"
import type { Group } from "../sentinel/group.ts"
import type { SentinelNode } from "../sentinel/node.ts"
import { step } from "./common.ts"
import { find } from "./find.ts"
import type { NodeRef } from "./find.ts"
import { stateOf } from "./servers.ts"

/** A group, and where it is. */
export interface Watched {
  readonly world: FakeWorld
  readonly group: Group
  readonly sentinels: ReadonlyArray<SentinelNode>
}

/** The identity of a sentinel. */
export const identityOf = ({ host, name, port }: FakeNode): ServerNode => ({ name, address: Address.tcp(host, port) })

const runningOnes = ({ sentinels }: Watched): ReadonlyArray<SentinelNode> =>
  sentinels.filter(({ process }) => process === "running")

const serversOf = ({ world }: Watched): ReadonlyArray<FakeNode> =>
  [...world.nodes.values()].filter(({ isSentinel }) => !isSentinel)

/** The server that most running sentinels name. */
export const primaryOf = (watched: Watched): FakeNode => {
  const votes = new Map<FakeNode, number>()
  for (const { watch: { primary } } of runningOnes(watched)) votes.set(primary, (votes.get(primary) ?? 0) + 1)
  const [named] = [...votes].sort(([, a], [, b]) => b - a)
  if (named === undefined) return fail("no sentinel is running: restart one first")
  const [node] = named
  if (node.process !== "running") return fail(`${node.name} is the primary, and ${node.process}`)
  return node.isReplica ? fail(`${node.name} is named as the primary, but it is a replica`) : node
}

/** The new primary, if all running sentinels name another server than `from`. */
const successorOf = (watched: Watched, from: FakeNode): FakeNode | undefined => {
  const named = new Set(runningOnes(watched).map(({ watch }) => watch.primary))
  const [node] = named
  const isAgreed = named.size === 1 && node !== from
  return isAgreed && node.process === "running" && !node.isReplica ? node : undefined
}

/** Whether all running servers copy one of them, and all running sentinels see who is up. */
const isStable = (watched: Watched): boolean => {
  const running = serversOf(watched).filter(({ process }) => process === "running")
  const primaries = running.filter(({ isReplica }) => !isReplica)
  const [primary] = primaries
  if (primaries.length !== 1) return false
  if (!running.every((node) => node === primary || (node.isLinked && node.primary === primary))) return false
  return runningOnes(watched).every(({ watch }) => {
    const { failover, master, peers, replicas } = watch
    if (failover !== undefined || master.node !== primary || master.isDown || master.role !== "master") return false
    const isSeen = (node: FakeNode): boolean =>
      replicas.some((each) =>
        each.node === node && !each.isDown && !each.isSilent && each.follows === primary &&
        each.unlinkedSince === undefined
      )
    return running.every((node) => node === primary || isSeen(node)) &&
      peers.every((peer) => peer.node.process !== "running" || !peer.isDown)
  })
}

/** Waits until there is something to find. It is looked for whenever a sentinel has done something. */
const awaited = <A>({ group }: Watched, look: () => A | undefined): Effect.Effect<A> =>
  Effect.callback<A>((resume) => {
    const attempt = (): void => {
      const found = look()
      if (found === undefined) return
      group.listeners.delete(attempt)
      resume(Effect.succeed(found))
    }
    group.listeners.add(attempt)
    attempt()
    return Effect.sync(() => {
      group.listeners.delete(attempt)
    })
  })

export const stable = (watched: Watched): Effect.Effect<void> =>
  Effect.asVoid(awaited(watched, () => isStable(watched) ? true : undefined))

/** Waits until all running sentinels name another server than `from`. */
export const switched = (watched: Watched, from: NodeRef): Effect.Effect<ServerState, FakeClusterError> =>
  Effect.flatMap(
    step(() => find(watched.world, from)),
    (node) => Effect.map(awaited(watched, () => successorOf(watched, node)), stateOf)
  )

/** Makes a sentinel fail over, and waits until it is done. */
export const failover = (watched: Watched): Effect.Effect<ServerState, FakeClusterError> =>
  Effect.flatMap(
    step(() => {
      const from = primaryOf(watched)
      const [{ name, watch }] = runningOnes(watched)
      if (watch.failover !== undefined) fail(`${name} fails over already`)
      if (candidates(watch).length === 0) fail(`${name} knows no replica that could be promoted`)
      watch.startFailover(watch.now, true)
      return from
    }),
    (from) => switched(watched, from.name)
  )
