/**
 * Whether replies may come from the client's cache in a region of the program.
 */
import * as Context from "effect/Context"
import { oneOf } from "../values/settings.ts"

/** @since 0.1.0 */
export type Mode = "on" | "off"

export const check = oneOf("on", "off")

export const Current = Context.Reference<Mode | undefined>("@redisc/core/Cached", { defaultValue: () => undefined })
