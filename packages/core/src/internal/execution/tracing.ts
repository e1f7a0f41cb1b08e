/**
 * Spans of commands and pipelines, named by OpenTelemetry's semantic conventions for databases where those have a name. Spans
 * contain no arguments, keys or replies. They are made only if a tracer is installed.
 *
 * Source: https://opentelemetry.io/docs/specs/semconv/db/redis/
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Tracer from "effect/Tracer"
import * as Command from "../../Command.ts"
import type { RedisError } from "../../RedisError.ts"
import { anySlot, slotOf } from "../commands/keySlot.ts"

/** A callback for the nodes that have answered a command, one by one or together; undefined if nobody needs them. */
export type Seen = ((...nodes: ReadonlyArray<string | undefined>) => void) | undefined

/** Passes on all nodes that have answered so far, for a command that goes to several of them in parts. */
export const gathering = (seen: NonNullable<Seen>): Seen => {
  const all = new Set<string | undefined>()
  return (...nodes) => {
    for (const node of nodes) all.add(node)
    seen(...all)
  }
}

export const isTraced = ({ cache }: Fiber.Fiber<unknown, unknown>): boolean =>
  cache.tracer !== undefined && cache.tracerEnabled

const ofCommand = (name: string) => ({
  kind: "client",
  attributes: { "db.system.name": "redis", "db.operation.name": name }
} as const)

const ofPipeline = (size: number) => ({
  kind: "client",
  attributes: { "db.system.name": "redis", "db.operation.name": "PIPELINE", "db.operation.batch.size": size }
} as const)

/** Adds to a span the nodes that have answered, and the slot if all commands have the same one. */
const annotatePlaces = (
  span: Tracer.Span,
  nodes: ReadonlyArray<string | undefined>,
  commands: ReadonlyArray<Command.Any>
): void => {
  const [node, ...others] = nodes.filter((node) => node !== undefined)
  if (others.length > 0) span.attribute("db.redis.nodes", [node, ...others])
  else if (node !== undefined) span.attribute("network.peer.address", node)
  const [slot, ...more] = new Set(commands.map((command) => slotOf(command)))
  if (more.length === 0 && typeof slot === "number" && slot !== anySlot) span.attribute("db.redis.slot", slot)
}

const annotateFailure = (span: Tracer.Span, { delivery, reason }: RedisError): void => {
  span.attribute("error.type", reason._tag)
  span.attribute("db.redis.delivery", delivery)
  if ("code" in reason) span.attribute("db.response.status_code", reason.code)
}

/** Runs the work of a command in a span. `failureIn` returns the failure in a value that may contain one. */
export const traced = <A, E extends RedisError, R>(
  command: Command.Any,
  work: (seen: NonNullable<Seen>) => Effect.Effect<A, E, R>,
  failureIn: (value: A) => RedisError | undefined = () => undefined
): Effect.Effect<A, E, R> => {
  const { name } = command.spec
  return Effect.useSpan(name, ofCommand(name), (span) => {
    let last: ReadonlyArray<string | undefined> = []
    const running = work((...nodes) => {
      last = nodes
    })
    const places = (nodes: typeof last, error: RedisError | undefined) =>
      Effect.sync(() => {
        annotatePlaces(span, nodes, [command])
        if (error !== undefined) annotateFailure(span, error)
      })
    return Effect.tapError(
      Effect.tap(running, (value) => places(last, failureIn(value))),
      (error) => places(error.node === undefined ? last : [error.node], error)
    )
  })
}

/** Runs the work of a pipeline in a span. */
export const tracedPipeline = <A>(
  given: ReadonlyArray<Command.Command<A>>,
  work: (seen: NonNullable<Seen>) => Effect.Effect<ReadonlyArray<Result.Result<A, RedisError>>>
): Effect.Effect<ReadonlyArray<Result.Result<A, RedisError>>> => {
  const commands = Command.listOf(given)
  return Effect.useSpan("PIPELINE", ofPipeline(commands.length), (span) => {
    const nodes = new Set<string | undefined>()
    const running = work((...answering) => {
      for (const node of answering) nodes.add(node)
    })
    return Effect.tap(running, (results) =>
      Effect.sync(() => {
        annotatePlaces(span, [...nodes], commands)
        const failed = results.find(Result.isFailure)
        if (failed !== undefined) annotateFailure(span, failed.failure)
      }))
  })
}
