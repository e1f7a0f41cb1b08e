/**
 * Checks of what users set. Each answers what is wrong and what to give instead, or nothing.
 */
import * as Duration from "effect/Duration"

/** A duration that time is measured against: zero would mean at once and for ever. */
export const durationProblem = (name: string, value: Duration.Input | undefined): string | undefined => {
  if (value === undefined) return undefined
  const duration = Duration.fromInput(value)
  return duration._tag === "Some" && Duration.toMillis(duration.value) > 0
    ? undefined
    : `${name} has to be a duration above zero, such as "5 seconds"`
}
