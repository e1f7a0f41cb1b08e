/**
 * A source as the client uses it. A source is a program's own code: what it gives is checked, and a function of it that throws
 * is reported and changes nothing.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { isAddress } from "../../Address.ts"
import type { Address } from "../../Address.ts"
import { InvalidArgument, isRedisError } from "../../RedisError.ts"
import type { RedisError } from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { Report } from "../connection/strays.ts"
import { unsent } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import { discoveryFailed } from "./clusterSource.ts"
import type { Discovery, Redirects, Source } from "./source.ts"

const anEffect = Settings.satisfies("an Effect", Effect.isEffect)
const orNone = (check: Settings.Check): Settings.Check => (name, value) =>
  value === undefined ? undefined : check(name, value)

const sourceChecks: Settings.Checks = { open: anEffect }

const redirectsChecks: Settings.Checks = {
  addressOf: Settings.aFunction,
  patch: Settings.aFunction,
  serves: Settings.aFunction,
  disclaim: Settings.aFunction,
  promote: orNone(Settings.aFunction),
  patchAll: orNone(Settings.aFunction)
}

const discoveryChecks: Settings.Checks = {
  learn: anEffect,
  oneSlot: orNone(Settings.flag),
  news: orNone(anEffect),
  dueAt: orNone(Settings.aFunction),
  isDead: orNone(Settings.aFunction),
  redirects: orNone((_name, value) => problemIn("the source's redirects", value, redirectsChecks))
}

/** The first thing that is wrong with an object, which may be of a class, and have more than is checked. */
const problemIn = (name: string, value: unknown, checks: Settings.Checks): string | undefined => {
  try {
    for (const [field, check] of Object.entries(checks)) {
      const problem = check(`${field} of ${name}`, (value as Readonly<Record<string, unknown>> | null)?.[field])
      if (problem !== undefined) return problem
    }
    return undefined
  } catch {
    return `${name} can't be read: a getter, or a proxy, has thrown`
  }
}

/** What is wrong with a source. */
export const sourceProblem = (source: unknown): string | undefined => {
  const problem = problemIn("the source", source, sourceChecks)
  return problem === undefined ? undefined : `${problem}: give a Topology.Source`
}

/** How learning the map ended, where that was neither with a map nor with a failure of its own. */
const unlearnt = (problem: string): RedisError => discoveryFailed([{ node: "the source", problem }])

const learning = (learn: Discovery["learn"]): Discovery["learn"] =>
  Effect.matchCauseEffect(learn, {
    onSuccess: (map) =>
      SlotMap.isSlotMap(map)
        ? Effect.succeed(map)
        : Effect.fail(unlearnt(`it answers ${Settings.kindOf(map)}, which is no SlotMap`)),
    onFailure: (cause) => {
      const error = Cause.findErrorOption(cause)
      if (error._tag === "Some" && isRedisError(error.value)) return Effect.fail(error.value)
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      return Effect.andThen(
        Effect.logDebug("learning the slot map has died, or failed with what is no RedisError", cause),
        Effect.fail(unlearnt(`it ${Cause.hasDies(cause) ? "died" : "failed with what is no RedisError"}`))
      )
    }
  })

/** The result of a function of the source's; `otherwise` if it throws. */
const guarded = <A>(run: () => A, otherwise: A, report: Report): A => {
  try {
    return run()
  } catch (error) {
    report(error)
    return otherwise
  }
}

const redirecting = (redirects: Redirects, report: Report): Redirects => {
  /** The map that a function gives, or the one before if it gives none. */
  const mapBy = (before: SlotMap.SlotMap, run: () => SlotMap.SlotMap): SlotMap.SlotMap => {
    const after = guarded(run, before, report)
    return SlotMap.isSlotMap(after) ? after : before
  }
  const nowhere = (announced: Address): Result.Result<Address, string> =>
    Result.fail(`the source has to answer an address to connect to, and did not for ${announced.key}`)
  return {
    addressOf: (announced) => {
      const found = guarded<unknown>(() => redirects.addressOf(announced), undefined, report)
      if (!Result.isResult(found)) return nowhere(announced)
      if (Result.isFailure(found)) return Result.fail(`${found.failure}`)
      return isAddress(found.success) ? Result.succeed(found.success) : nowhere(announced)
    },
    patch: (map, slot, address, from) => mapBy(map, () => redirects.patch(map, slot, address, from)),
    patchAll: (map, moved) => {
      if (redirects.patchAll !== undefined) return mapBy(map, () => redirects.patchAll!(map, moved))
      let after = map
      for (const [slot, { address, from }] of moved) {
        const before = after
        after = mapBy(before, () => redirects.patch(before, slot, address, from))
      }
      return after
    },
    promote: (map, address, from) => mapBy(map, () => redirects.promote?.(map, address, from) ?? map),
    serves: (slot, node) => guarded(() => redirects.serves(slot, node), undefined, report),
    disclaim: (map, slot, node) => mapBy(map, () => redirects.disclaim(map, slot, node))
  }
}

/** Opens a source. What it gives is fit to be used, or it fails with `InvalidArgument`. */
export const open = Effect.fnUntraced(function*(source: Source, report: Report) {
  const discovery = yield* source.open
  const problem = problemIn("what the source opens", discovery, discoveryChecks)
  if (problem !== undefined) {
    return yield* unsent(new InvalidArgument({ problem: `${problem}: give a Topology.Discovery` }))
  }
  const redirects = discovery.redirects === undefined ? undefined : redirecting(discovery.redirects, report)
  return {
    learn: learning(discovery.learn),
    oneSlot: (): boolean => guarded<unknown>(() => discovery.oneSlot, undefined, report) !== false,
    news: discovery.news,
    /** In milliseconds of the Clock; Infinity for no such time. */
    dueAt: (): number => {
      const time = guarded<unknown>(() => discovery.dueAt?.(), undefined, report)
      return typeof time === "number" && !Number.isNaN(time) ? time : Infinity
    },
    isDead: (node: string): boolean => guarded<unknown>(() => discovery.isDead?.(node), false, report) === true,
    redirects
  }
})
