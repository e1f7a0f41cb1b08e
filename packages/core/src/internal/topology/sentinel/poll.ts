/** Asks sentinels for the primary of a name, its replicas, and the other sentinels. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { quote } from "../../../Address.ts"
import type { Address } from "../../../Address.ts"
import * as Command from "../../../Command.ts"
import * as CommandSpec from "../../../CommandSpec.ts"
import type { RedisError } from "../../../RedisError.ts"
import type * as Resp from "../../../Resp.ts"
import * as Reply from "../../commands/reply.ts"
import type { Unheard } from "../survey.ts"
import { epochIn, instanceIn, instancesIn, namesIn, primaryIn } from "./replies.ts"
import type { Instance } from "./replies.ts"

/** Runs a command at a sentinel. */
export type Ask = (sentinel: Address, command: Command.Command<Resp.Value>) => Effect.Effect<Resp.Value, RedisError>

/** What one sentinel says of a name. */
export interface View {
  readonly sentinel: Address
  /** Its id, by which it is known to the others. */
  readonly id: string | undefined
  /** The primary, as the sentinel announces it. */
  readonly primary: Address
  /** The higher, the newer; undefined if the sentinel does not tell. */
  readonly epoch: number | undefined
  readonly replicas: ReadonlyArray<Instance>
  readonly sentinels: ReadonlyArray<Instance>
}

/** A sentinel without a view, and whether that is because it does not know the name. */
export interface Silence extends Unheard {
  readonly isStranger: boolean
}

export interface Heard {
  /** In the order in which the sentinels were given. */
  readonly views: ReadonlyArray<View>
  readonly failures: ReadonlyArray<Silence>
}

const about = (word: string) => (name: string): Command.Command<Resp.Value> =>
  Command.make(CommandSpec.get(`SENTINEL ${word}`), [name], Reply.raw)

const ADDRESS = about("GET-MASTER-ADDR-BY-NAME")
const MASTER = about("MASTER")
const REPLICAS = about("REPLICAS")
/** The name of REPLICAS before Redis 5. */
const SLAVES = about("SLAVES")
const SENTINELS = about("SENTINELS")
const MASTERS = Command.make(CommandSpec.get("SENTINEL MASTERS"), [], Reply.raw)
const MYID = Command.make(CommandSpec.get("SENTINEL MYID"), [], Reply.raw)

/** How long to wait for the others once one has told who the primary is. */
const laggardTimeout = "300 millis"
/** How long once most have. The one that knows of a switch first may be the last to answer. */
const lastTimeout = "50 millis"

/** The names of the primaries that a sentinel watches. */
export const askNames = (ask: Ask, sentinel: Address): Effect.Effect<ReadonlyArray<string>, RedisError> =>
  Effect.map(ask(sentinel, MASTERS), namesIn)

/** How many names a problem lists. */
const namesShown = 10

const isUnknownCommand = ({ reason }: RedisError): boolean =>
  reason._tag === "ServerError" && /^ERR unknown command/i.test(reason.text)

const advised = (error: RedisError): string =>
  isUnknownCommand(error)
    ? `${error.reason.message}: it is no Sentinel; give the address of a sentinel, which usually has the port 26379`
    : error.reason.message

const silence = (sentinel: Address, problem: string, isStranger = false): Silence => ({
  node: sentinel.key,
  problem,
  isStranger
})

/** The address of the primary that a sentinel announces; null if it does not know the name, and undefined if it can't be read. */
export const askPrimary = (ask: Ask, sentinel: Address, name: string) =>
  Effect.map(ask(sentinel, ADDRESS(name)), primaryIn)

/** Names in a sentence. */
export const listed = (names: ReadonlyArray<string>): string =>
  names.slice(0, namesShown).map(quote).join(", ") + (names.length > namesShown ? ", ..." : "")

const stranger = (ask: Ask, sentinel: Address, name: string): Effect.Effect<never, Silence> =>
  Effect.matchEffect(askNames(ask, sentinel), {
    onSuccess: (known) => {
      const others = known.length === 0 ? "nor any other: it watches nothing" : `but ${listed(known)}`
      return Effect.fail(silence(sentinel, `it does not know the name ${quote(name)}, ${others}`, true))
    },
    onFailure: () => Effect.fail(silence(sentinel, `it does not know the name ${quote(name)}`, true))
  })

/** Asks one sentinel. A user who may ask only for the address gets a view with nothing else. */
const askOne = Effect.fnUntraced(function*(ask: Ask, sentinel: Address, name: string): Effect.fn.Return<View, Silence> {
  const optional = (command: Command.Command<Resp.Value>): Effect.Effect<Resp.Value> =>
    Effect.catch(ask(sentinel, command), () => Effect.succeed(null))
  const [primary, description, replicas, sentinels, id] = yield* Effect.all([
    Effect.mapError(askPrimary(ask, sentinel, name), (error) => silence(sentinel, advised(error))),
    optional(MASTER(name)),
    Effect.catch(ask(sentinel, REPLICAS(name)), () => optional(SLAVES(name))),
    optional(SENTINELS(name)),
    optional(MYID)
  ], { concurrency: "unbounded" })
  if (primary === null) return yield* stranger(ask, sentinel, name)
  if (primary === undefined) return yield* Effect.fail(silence(sentinel, "the address that it tells can't be read"))
  return {
    sentinel,
    id: typeof id === "string" ? id : undefined,
    primary,
    epoch: epochIn(instanceIn(description)),
    replicas: instancesIn(replicas),
    sentinels: instancesIn(sentinels)
  }
})

/**
 * Asks all at once, each for no longer than `timeout` milliseconds. When most of them have answered, or one has, nobody waits for
 * long for the others: one that hangs must not hold up the news.
 */
export const askAll = Effect.fnUntraced(function*(
  ask: Ask,
  sentinels: ReadonlyArray<Address>,
  name: string,
  timeout: number
): Effect.fn.Return<Heard> {
  const views = new Map<string, View>()
  const failures: Array<Silence> = []
  const first = Deferred.makeUnsafe<void>()
  const most = Deferred.makeUnsafe<void>()
  const asking = Effect.forEach(sentinels, (sentinel) =>
    askOne(ask, sentinel, name).pipe(
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => Effect.fail(silence(sentinel, "it did not answer in time"))
      }),
      Effect.catchDefect(() => Effect.fail(silence(sentinel, "reading what it answered failed"))),
      Effect.match({
        onSuccess: (view) => {
          views.set(sentinel.key, view)
          Deferred.doneUnsafe(first, Effect.void)
          if (views.size * 2 > sentinels.length) Deferred.doneUnsafe(most, Effect.void)
        },
        onFailure: (problem) => {
          failures.push(problem)
        }
      })
    ), { concurrency: "unbounded", discard: true })
  const late = Effect.andThen(Deferred.await(first), Effect.sleep(laggardTimeout))
  const enough = Effect.andThen(Deferred.await(most), Effect.sleep(lastTimeout))
  yield* Effect.raceFirst(asking, Effect.raceFirst(enough, late))
  return { views: sentinels.flatMap(({ key }) => views.get(key) ?? []), failures }
})
