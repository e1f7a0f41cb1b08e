/**
 * The map of a primary and its replicas that a Sentinel group watches. Asks several sentinels, believes the newest of what they say
 * once the server that they name calls itself the primary, and asks again when one of them tells of a change.
 *
 * Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Address from "../../Address.ts"
import type { Connector } from "../../Connector.ts"
import { NodePool } from "../../NodePool.ts"
import * as RedisError from "../../RedisError.ts"
import type * as SlotMap from "../../SlotMap.ts"
import * as ConnectionOptions from "../connection/options.ts"
import { unsent } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import { seeds } from "./clusterSource.ts"
import { roleOf } from "./role.ts"
import type { Role } from "./role.ts"
import { claimsOf, replicasOf } from "./sentinel/claims.ts"
import type { Believed, Claim, Mapped } from "./sentinel/claims.ts"
import { askAll, askPrimary } from "./sentinel/poll.ts"
import type { Silence, View } from "./sentinel/poll.ts"
import { concerns, isAway } from "./sentinel/replies.ts"
import { Roster, voters } from "./sentinel/roster.ts"
import * as Sentinels from "./sentinel/sentinels.ts"
import { decisive } from "./sentinel/watch.ts"
import type { Discovery, Source } from "./source.ts"
import { mapOf, noPrimary } from "./standaloneSource.ts"
import type { Unheard } from "./survey.ts"

/**
 * How to find a primary and its replicas by sentinels.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface SentinelOptions {
  /** The name of the primary at the sentinels, as in their `sentinel monitor <name> ...`. */
  readonly name: string
  /**
   * Sentinels to ask first. One that answers is enough: it tells of the others. These are never forgotten, also if they can't be
   * reached for long.
   */
  readonly sentinels: ReadonlyArray<Address.Address>
  /** The user to authenticate as at the sentinels, which have other users than the servers. Default none. */
  readonly credentials?: ConnectionOptions.Options["credentials"]
  /** Connects to the sentinels, for instance with TLS where the servers have none. Default: the `Connector` of the client. */
  readonly connector?: Connector["Service"] | undefined
  /**
   * Translates the address that a sentinel announces to the address to connect to, for groups behind NAT: those of the primary, of
   * replicas and of other sentinels. `sentinels` are used as they are. If it throws or returns something else, that address is not
   * used.
   */
  readonly addressMap?: ((announced: Address.Address) => Address.Address) | undefined
  /** How long a sentinel may take to connect, and to answer. Default 1 second. */
  readonly timeout?: Duration.Input | undefined
}

/** How often the primary is asked for at one sentinel although none has told of a change, in milliseconds, before jitter. */
const pollInterval = 5000
/** How long minor events are collected before the map is learnt, in milliseconds. */
const minorDelay = 300
/** How long a server may take to say that it is the primary while another claim is there, or the map is known. */
const claimTimeout = "500 millis"
/** How long a primary that was replaced may take to answer, before it counts as dead, in milliseconds. */
const deathTimeout = 150
/** How many claims are looked into. */
const mostClaims = 3
/** How long the primary is waited for when the source is opened, in milliseconds: a failover may be under way. */
const patience = 1000
/** The pause before sentinels are asked again while the primary does not say that it is one, in milliseconds. It doubles. */
const shortestPause = 150
const longestPause = 600
/** When to ask again while a replica is not fit, in milliseconds: nobody tells when it is. */
const unfitPause = 3000

/** A primary, with what the sentinels say of it. */
interface Elected extends Believed {
  readonly views: ReadonlyArray<View>
}

const failedWith = (attempts: ReadonlyArray<Unheard>, wanted: "sentinel" | "name"): RedisError.RedisError =>
  unsent(
    new RedisError.DiscoveryFailed({ attempts: attempts.map(({ node, problem }) => ({ node, problem })), wanted })
  )

const denials: Readonly<Record<Role["_tag"], string>> = {
  Primary: "it is the primary, but a newer one is known",
  Replica: "the sentinels name it as the primary, but it is a replica: a failover may be under way",
  Sentinel: "the sentinels name it as the primary, but it is a Sentinel",
  Unknown: "it does not tell its role"
}

const open = Effect.fnUntraced(function*({ addressMap, connector, credentials, name, ...options }: SentinelOptions) {
  const pool = yield* NodePool
  const clock = yield* Clock.Clock
  const timeout = Settings.timeoutMillis(options.timeout ?? "1 second")
  const roster = new Roster(options.sentinels)
  const changed = Latch.makeUnsafe(false)
  const perhaps = Latch.makeUnsafe(false)
  const polled = Latch.makeUnsafe(false)
  let believed: Elected | undefined
  let map: SlotMap.SlotMap | undefined
  /** When to learn again without a request. */
  let dueAt: number | undefined
  let pause = shortestPause
  let dead: string | undefined

  const sentinels = yield* Sentinels.make({
    credentials,
    connector,
    timeout,
    onEvent: (event) => {
      if (!concerns(event, name)) return
      if (decisive.has(event.channel)) changed.openUnsafe()
      else perhaps.openUnsafe()
    },
    onOpen: () => polled.openUnsafe()
  })

  const now = (): number => clock.currentTimeMillisUnsafe()
  const mapped = (announced: Address.Address) => Address.mapped(addressMap, announced)
  /** The addresses to connect to, without those that can't be mapped. */
  const allMapped = (announced: ReadonlyArray<Address.Address>): ReadonlyArray<Address.Address> =>
    announced.flatMap((address) => Result.getOrElse(Result.map(mapped(address), (to) => [to]), () => []))

  /** Asks the first few sentinels; if none of them knows the name, all others. */
  const hear = Effect.gen(function*() {
    const all = roster.inOrder
    const failures: Array<Silence> = []
    for (let at = 0; at < all.length; at += voters) {
      const asked = all.slice(at, at + voters)
      const heard = yield* askAll(sentinels.ask, asked, name, timeout)
      failures.push(...heard.failures)
      const views: Array<Mapped> = []
      for (const view of heard.views) {
        const primary = mapped(view.primary)
        if (Result.isSuccess(primary)) views.push({ view, primary: primary.success })
        else failures.push({ node: view.sentinel.key, problem: primary.failure, isStranger: false })
      }
      if (views.length > 0) return { asked: asked.length, failures, views }
    }
    return { asked: all.length, failures, views: [] }
  })

  /** Adopts what the sentinels say of one another. */
  const enlist = (views: ReadonlyArray<Mapped>): void => {
    roster.heard(views.map(({ view }) => view))
    const others = views.flatMap(({ view }) => view.sentinels).filter((other) => !isAway(other))
    roster.tell(
      others.flatMap(({ address, fields }) =>
        allMapped([address]).map((to) => ({ address: to, id: fields.get("runid") }))
      )
    )
    sentinels.listenTo(roster.inOrder.slice(0, voters))
  }

  const askRole = (address: Address.Address) =>
    Effect.forkChild(Effect.result(Effect.suspend(() => roleOf(pool.node(address)))), { startImmediately: true })

  /** While one that hangs is waited for, a sentinel may tell of its successor. */
  const overtaken = Effect.as(changed.await, Option.none())

  /** The claim that proves true, and the problems with those before it. */
  const examine = Effect.fnUntraced(function*(claims: ReadonlyArray<Claim>) {
    const problems: Array<Unheard> = []
    const asked = yield* Effect.forEach(
      claims,
      (claim) => Effect.map(askRole(claim.address), (role) => ({ claim, role }))
    )
    for (const { claim, role } of asked) {
      const isLast = claim.isOfMost || claim === claims.at(-1)
      const answer = isLast && map === undefined
        ? Option.some(yield* Fiber.join(role))
        : yield* Effect.raceFirst(Effect.timeoutOption(Fiber.join(role), claimTimeout), overtaken)
      const said = Option.getOrElse(answer, () => Result.fail("it did not answer in time"))
      const isConfirmed = Result.isSuccess(said) &&
        (said.success._tag === "Primary" || (said.success._tag === "Unknown" && claim === claims[0]))
      if (isConfirmed) return { elected: claim, problems }
      const node = claim.address.key
      problems.push({ node, problem: Result.isFailure(said) ? said.failure : denials[said.success._tag] })
      // What most sentinels say is not passed over, even if its server does not agree yet.
      if (isLast) break
    }
    return { elected: undefined, problems }
  })

  const settle = (elected: Elected): SlotMap.SlotMap => {
    const { areAllFit, fit } = replicasOf(elected.views)
    believed = elected
    const replicas = allMapped(fit).filter(({ key }) => key !== dead)
    map = mapOf(elected.address, replicas)
    pause = shortestPause
    dueAt = areAllFit && replicas.length === fit.length ? undefined : now() + unfitPause
    return map
  }

  const unsettled = (): void => {
    dueAt = now() + pause
    pause = Math.min(pause * 2, longestPause)
  }

  /** Whether a primary that was replaced answers. `asked` is the question, which was sent before. */
  const isSilent = Effect.fnUntraced(function*(asked: Fiber.Fiber<Result.Result<Role, string>>, since: number) {
    const answer = yield* Effect.timeoutOption(Fiber.join(asked), Math.max(1, since + deathTimeout - now()))
    return Option.isNone(answer) || Result.isFailure(answer.value)
  })

  const learnOnce = Effect.gen(function*() {
    const startedAt = now()
    const before = believed
    const old = before === undefined ? undefined : yield* askRole(before.address)
    const { asked, failures, views } = yield* hear
    if (views.length === 0) {
      return yield* failedWith(
        failures,
        failures.some((each) => each.isStranger)
          ? "name"
          : "sentinel"
      )
    }
    enlist(views)
    const claims = claimsOf(views, asked, before).slice(0, mostClaims)
    // Nothing but what is older than what is known.
    if (claims.length === 0) {
      unsettled()
      return { map, problems: [] }
    }
    const { elected, problems } = yield* examine(claims)
    if (elected === undefined) {
      unsettled()
      return { map, problems }
    }
    const isSwitch = old !== undefined && before?.address.key !== elected.address.key
    dead = isSwitch && (yield* isSilent(old, startedAt)) ? before?.address.key : undefined
    settle(elected)
    return { map, problems }
  })

  const learn = Effect.gen(function*(): Effect.fn.Return<SlotMap.SlotMap, RedisError.RedisError> {
    const giveUpAt = now() + patience
    while (true) {
      const learnt = yield* learnOnce
      if (learnt.map !== undefined) return learnt.map
      if (now() >= giveUpAt) return yield* noPrimary(learnt.problems)
      yield* Effect.sleep(shortestPause)
    }
  })

  /** Asks one sentinel after the other, until one tells, whether the primary is another one by now. */
  const poll = Effect.gen(function*() {
    for (const sentinel of roster.inOrder) {
      const primary = yield* Effect.option(Effect.timeout(askPrimary(sentinels.ask, sentinel, name), timeout))
      if (Option.isNone(primary) || primary.value === null || primary.value === undefined) continue
      const to = Result.getOrUndefined(mapped(primary.value))
      if (to !== undefined && to.key !== believed?.address.key) changed.openUnsafe()
      return
    }
    // That nobody answers is told by the failure to learn the map.
    perhaps.openUnsafe()
  })
  const pollNext = Effect.gen(function*() {
    const jitter = 0.75 + (yield* Random.next) / 2
    yield* Effect.timeoutOption(polled.await, Math.round(pollInterval * jitter))
    yield* polled.close
    yield* poll
  })
  yield* Effect.forkScoped(Effect.forever(Effect.ignoreCause(pollNext)))

  const news = Effect.andThen(
    Effect.raceFirst(changed.await, Effect.andThen(perhaps.await, Effect.sleep(minorDelay))),
    Effect.andThen(changed.close, perhaps.close)
  )

  const discovery: Discovery = {
    oneSlot: false,
    learn,
    news,
    dueAt: () => dueAt,
    isDead: (node) => node === dead,
    redirects: {
      addressOf: mapped,
      patch: (before) => before,
      serves: () => {},
      disclaim: (before) => before
    }
  }
  return discovery
})

const aName = Settings.satisfies(
  "the name of a primary, as the sentinels have it",
  (value) => typeof value === "string" && Address.isName(value) && !/\s/.test(value)
)

const aConnector = Settings.satisfies(
  "a Connector, such as NodeConnector.make gives",
  (value) => typeof (value as { readonly open?: unknown } | null)?.open === "function"
)

/** The checks of the options. */
export const checks: Settings.Checks = {
  name: aName,
  sentinels: seeds,
  credentials: ConnectionOptions.checks.credentials,
  connector: aConnector,
  addressMap: Settings.aFunction,
  timeout: Settings.duration
}

export const make = (options: SentinelOptions): Source => ({
  open: Effect.suspend(() => {
    const problem = Settings.optionsProblem(options, checks) ??
      aName("name", options.name) ?? seeds("sentinels", options.sentinels)
    return problem === undefined ? open(options) : Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
  })
})
