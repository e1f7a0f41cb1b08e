import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Census, Node } from "./census.ts"
import type { Slots } from "./clusterNode.ts"
import { slotCount } from "./clusterView.ts"
import type { Member } from "./members.ts"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"
import type { Resharding } from "./reshard.ts"

export const expand = (slots: Slots): Effect.Effect<ReadonlyArray<number>, RealClusterError> => {
  const all = new Set<number>()
  for (const item of slots) {
    const [first, last] = typeof item === "number" ? [item, item] : item
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last >= slotCount || first > last) {
      return Effect.fail(failed(`${JSON.stringify(item)} is no slot and no range of slots: they go from 0 to 16383`))
    }
    for (let slot = first; slot <= last; slot++) all.add(slot)
  }
  return Effect.succeed([...all])
}

/** The controls that migrate slots, completely or step by step. */
export const makeSlotControls = (census: Census, resharding: Resharding) => {
  const migrations = new Map<number, { readonly from: Member; readonly to: Member }>()

  const ownerOf = Effect.fnUntraced(function*(slot: number): Effect.fn.Return<Member, RealClusterError> {
    yield* expand([slot])
    return yield* (yield* census.owners)(slot)
  })
  const othersThan = Effect.fnUntraced(function*(from: Node, to: Node) {
    return (yield* census.primaries).filter(({ id }) => id !== from.id && id !== to.id)
  })
  const migrationOf = Effect.fnUntraced(function*(slot: number) {
    return migrations.get(slot) ?? (yield* failed(`slot ${slot} is not being migrated: call beginMigration first`))
  })

  /** Runs work again once all nodes agree if it fails: a node may not know yet that another one has got a slot. */
  const retryOnceStable = <A>(work: Effect.Effect<A, RealClusterError>): Effect.Effect<A, RealClusterError> =>
    Effect.catch(work, () => Effect.andThen(census.stable, work))

  /**
   * Waits until all nodes agree. Redis 7.0 may believe a late message by which the former owner has a slot, while that one knows
   * better: then each takes the other for the owner, and nobody tells them. So the nodes are told again.
   */
  const agreed = Effect.fnUntraced(function*(slots: ReadonlyArray<number>, to: Member) {
    for (let times = 0; times < 3; times++) {
      if (Option.isSome(yield* Effect.timeoutOption(census.stable, "5 seconds"))) return
      yield* Effect.ignore(resharding.tell(slots, to, yield* othersThan(to, to)))
    }
    yield* census.stable
  })

  const moveAll = Effect.fnUntraced(function*(slots: ReadonlyArray<number>, to: Member) {
    const ownerOfEach = yield* census.owners
    const bySource = new Map<Member, Array<number>>()
    for (const slot of slots) {
      const owner = yield* ownerOfEach(slot)
      if (owner === to) continue
      const group = bySource.get(owner)
      if (group === undefined) bySource.set(owner, [slot])
      else group.push(slot)
    }
    for (const [source, group] of bySource) {
      yield* resharding.move(group, source, to, yield* othersThan(source, to))
    }
  })

  const migrateSlots = Effect.fnUntraced(function*(
    options: { readonly to: Node; readonly from?: Node | undefined; readonly slots?: Slots | undefined }
  ) {
    const to = yield* census.runningMember(options.to)
    const from = options.from && (yield* census.runningMember(options.from))
    const owned = from && (yield* census.states).find(({ id }) => id === from.id)?.slots
    const slots = options.slots ?? owned
    if (slots === undefined) return yield* failed("nothing says which slots to move: give slots, or from")
    const expanded = yield* expand(slots)
    const ownerOfEach = yield* census.owners
    for (const slot of from === undefined ? [] : expanded) {
      const owner = yield* ownerOfEach(slot)
      if (owner !== from) return yield* failed(`slot ${slot} is not one of ${from?.name}, but of ${owner.name}`)
    }
    yield* retryOnceStable(moveAll(expanded, to))
    yield* agreed(expanded, to)
  })

  const beginMigration = Effect.fnUntraced(function*(slot: number, node: Node) {
    const to = yield* census.runningMember(node)
    yield* retryOnceStable(Effect.gen(function*() {
      const from = yield* ownerOf(slot)
      if (from === to) return yield* failed(`slot ${slot} is at ${to.name} already`)
      yield* resharding.begin(slot, from, to)
      migrations.set(slot, { from, to })
    }))
  })

  const finishMigration = Effect.fnUntraced(function*(slot: number) {
    const { from, to } = yield* migrationOf(slot)
    yield* resharding.finish(slot, from, to, yield* othersThan(from, to))
    migrations.delete(slot)
    yield* agreed([slot], to)
  })

  const migrateKeys = Effect.fnUntraced(function*(slot: number, limit: number) {
    const { from, to } = yield* migrationOf(slot)
    return yield* resharding.moveKeys(slot, from, to, limit)
  })

  return { ownerOf, migrateSlots, beginMigration, migrateKeys, finishMigration }
}
