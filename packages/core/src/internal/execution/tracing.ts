/**
 * What spans tell, in the names of OpenTelemetry's semantic conventions for databases where they have one. Arguments, keys
 * and replies are not told.
 *
 * Source: https://opentelemetry.io/docs/specs/semconv/db/redis/
 */
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type * as Command from "../../Command.ts"
import type { RedisError } from "../../RedisError.ts"
import { anySlot, slotOf } from "../commands/keySlot.ts"

export const isTraced = ({ cache }: Fiber.Fiber<unknown, unknown>): boolean =>
  cache.tracer !== undefined && cache.tracerEnabled

export const ofCommand = (name: string) => ({
  kind: "client",
  attributes: { "db.system.name": "redis", "db.operation.name": name }
} as const)

export const ofBatch = (size: number) => ({
  kind: "client",
  attributes: { "db.system.name": "redis", "db.operation.name": "PIPELINE", "db.operation.batch.size": size }
} as const)

/** The nodes that have answered, and the slot that all the commands are about, if there is one. */
export const annotatePlaces = (
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

export const annotateFailure = (span: Tracer.Span, { delivery, reason }: RedisError): void => {
  span.attribute("error.type", reason._tag)
  span.attribute("db.redis.delivery", delivery)
  if ("code" in reason) span.attribute("db.response.status_code", reason.code)
}
