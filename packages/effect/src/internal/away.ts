/**
 * Whether a failure is about Redis being away, and not about what was asked of it.
 */
import type * as RedisError from "@redisc/core/RedisError"

const reasons: ReadonlySet<RedisError.Reason["_tag"]> = new Set([
  "ClusterDown",
  "ConnectionFailed",
  "ConnectionLost",
  "DiscoveryFailed",
  "NoNodeForSlot",
  "Overloaded",
  "Timeout",
  "TryAgain"
])

export const isAway = ({ reason }: RedisError.RedisError): boolean => reasons.has(reason._tag)
