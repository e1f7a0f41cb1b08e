/**
 * Looks out for a failover while a primary is away: asks one of its replicas, or else another node, for its role. That is cheap,
 * and a node that has another role than the map says is news: the map has to be learnt anew at once.
 *
 * Source: https://redis.io/docs/latest/commands/role/
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type { NodePool } from "../../NodePool.ts"
import type * as SlotMap from "../../SlotMap.ts"
import * as Reply from "../commands/reply.ts"

const ROLE = Command.make(CommandSpec.get("ROLE"), [], Reply.raw)

const roles: ReadonlyMap<unknown, SlotMap.Node["role"]> = new Map([["master", "primary"], ["slave", "replica"]])

/** The time between two looks, in milliseconds, before jitter: twice a second. */
const interval = 500
/** A primary that is away for longer, in milliseconds, is looked after at every tenth look only. */
const patience = 60_000
const seldom = 10
/** How long a node may take to answer. Meanwhile others are asked. */
const askTimeout = "2 seconds"
/** A primary that can be reached counts as away for so long after it last failed a command, in milliseconds. */
const afterFailure = 5000
/** How many nodes are asked at one look, however many primaries are away. */
const questions = 4

/** Stands for the node where the map has none for a command. */
export const nobody = ""

interface Absence {
  readonly since: number
  /** When it last failed a command or was lost. */
  at: number
  /** Whether it could not be reached at the last look. */
  lost: boolean
  looks: number
}

export interface Options {
  readonly pool: NodePool["Service"]
  readonly clock: Clock.Clock
  readonly map: () => SlotMap.SlotMap
  /** Something says that the map has changed. */
  readonly news: () => void
}

export class Lookout {
  private readonly options: Options
  private readonly absences = new Map<string, Absence>()
  private readonly asked = new Set<string>()
  private readonly anyAway = Latch.makeUnsafe(false)

  constructor(options: Options) {
    this.options = options
  }

  /** A node was lost, or fails commands; `nobody`: there is no node for a command. It is news if a primary did well until then. */
  notice(node: string): void {
    const now = this.options.clock.currentTimeMillisUnsafe()
    const known = this.absences.get(node)
    if (known !== undefined) {
      known.at = now
    } else if (node === nobody || this.shardOf(node) !== undefined) {
      this.absences.set(node, { since: now, at: now, lost: false, looks: 0 })
      this.anyAway.openUnsafe()
      this.options.news()
    }
  }

  /** Looks out for as long as a primary is away. */
  readonly turn = Effect.gen({ self: this }, function*() {
    yield* this.anyAway.await
    yield* this.look
    if (this.absences.size === 0) yield* this.anyAway.close
    else yield* Effect.sleep(Math.round(interval * (0.8 + 0.4 * (yield* Random.next))))
  })

  private readonly look = Effect.suspend(() => {
    const now = this.options.clock.currentTimeMillisUnsafe()
    const candidates: Array<SlotMap.Node> = []
    for (const [key, absence] of Array.from(this.absences)) {
      // Those that are away take turns.
      this.absences.delete(key)
      const shard = this.shardOf(key)
      if (key === nobody ? now - absence.at >= afterFailure : shard === undefined || this.isBack(key, absence, now)) {
        continue
      }
      this.absences.set(key, absence)
      const looks = absence.looks++
      if (candidates.length >= questions || (now - absence.since > patience && looks % seldom !== 0)) continue
      const candidate = shard && this.candidateFor(shard, looks)
      if (candidate !== undefined) candidates.push(candidate)
      // Only the map can tell who it is.
      if (key === nobody) this.options.news()
    }
    return Effect.forEach(candidates, (node) => Effect.forkChild(this.ask(node)), { discard: true })
  })

  private shardOf(primary: string): SlotMap.Shard | undefined {
    return this.options.map().shards.find((shard) => shard.primary?.address.key === primary)
  }

  /** Whether a primary can be reached again, and answers. The map may have changed while it could not be reached. */
  private isBack(key: string, absence: Absence, now: number): boolean {
    const node = this.options.pool.nodes().get(key)
    const isLost = node?.isLost() === true
    const isOpen = node === undefined || node.stats().open > 0
    if (isLost || !isOpen) {
      absence.lost ||= isLost
      return false
    }
    if (absence.lost) this.options.news()
    return absence.lost || now - absence.at >= afterFailure
  }

  /** One of the shard's replicas that can be reached, in turn; or another node. */
  private candidateFor({ primary, replicas }: SlotMap.Shard, turn: number): SlotMap.Node | undefined {
    const { map, pool } = this.options
    const isFit = ({ address: { key } }: SlotMap.Node): boolean =>
      key !== primary?.address.key && !this.asked.has(key) && pool.nodes().get(key)?.isLost() !== true
    const own = replicas.filter(isFit)
    const fit = own.length > 0 ? own : Array.from(map().nodes.values()).filter(isFit)
    return fit[turn % fit.length]
  }

  private readonly ask = ({ address }: SlotMap.Node): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { map, news, pool } = this.options
      this.asked.add(address.key)
      return pool.node(address).ask(ROLE).pipe(
        Effect.timeoutOption(askTimeout),
        Effect.match({
          onSuccess: (reply) => {
            const role = Option.isSome(reply) && Array.isArray(reply.value) ? roles.get(reply.value[0]) : undefined
            const known = map().nodes.get(address.key)?.role
            if (role !== undefined && known !== undefined && role !== known) news()
          },
          onFailure: ({ reason }) => {
            // A user who may not ask for the role has to find out from the map.
            if (reason._tag === "ServerError") news()
          }
        }),
        Effect.ensuring(Effect.sync(() => this.asked.delete(address.key)))
      )
    })
}
