/**
 * Asks a server in which mode it runs: alone, as a node of a cluster, or as a Sentinel.
 *
 * Source: https://redis.io/docs/latest/commands/hello/
 */
import * as Effect from "effect/Effect"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type { Node } from "../../NodePool.ts"
import type { RedisError } from "../../RedisError.ts"
import * as Reply from "../commands/reply.ts"
import { infoOf } from "../values/fields.ts"
import { fieldOf, HELLO } from "./hello.ts"

export type Mode = "standalone" | "cluster" | "sentinel"

const INFO = Command.make(CommandSpec.get("INFO"), ["server"], Reply.name)
const CLUSTER_SLOTS = Command.make(CommandSpec.get("CLUSTER SLOTS"), [], Reply.raw)

/** How long a server may take to answer each question. */
const askTimeout = "2 seconds"

const modes: ReadonlySet<unknown> = new Set<Mode>(["standalone", "cluster", "sentinel"])
const isMode = (value: unknown): value is Mode => modes.has(value)

const isRefused = ({ reason }: RedisError): boolean => reason._tag === "ServerError"

/** A server that says nothing of itself is a cluster's if it tells who has the slots. */
const bySlots = (node: Node): Effect.Effect<Mode, RedisError> =>
  node.ask(CLUSTER_SLOTS).pipe(
    Effect.map((reply): Mode => Array.isArray(reply) ? "cluster" : "standalone"),
    Effect.catchIf(isRefused, () => Effect.succeed<Mode>("standalone"))
  )

const told = Effect.fnUntraced(function*(node: Node): Effect.fn.Return<Mode, RedisError> {
  const none = (): Effect.Effect<undefined> => Effect.succeed(undefined)
  const said = yield* Effect.catchIf(Effect.map(node.ask(HELLO), (reply) => fieldOf(reply, "mode")), isRefused, none)
  if (isMode(said)) return said
  const informed = yield* Effect.catchIf(
    Effect.map(node.ask(INFO), (info) => infoOf(info, "redis_mode")),
    isRefused,
    none
  )
  return isMode(informed) ? informed : yield* bySlots(node)
})

/**
 * The mode of a server; or the problem why it did not answer. With `isDoubted`, a server that says that it is alone has to prove it:
 * some services say so of a cluster.
 */
export const modeOf = (node: Node, isDoubted: boolean): Effect.Effect<Mode, string> =>
  told(node).pipe(
    Effect.flatMap((mode) => isDoubted && mode === "standalone" ? bySlots(node) : Effect.succeed(mode)),
    Effect.mapError(({ reason }) => reason.message),
    Effect.timeoutOrElse({ duration: askTimeout, orElse: () => Effect.fail("it did not answer in time") })
  )
