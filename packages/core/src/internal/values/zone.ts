/**
 * The names of availability zones, as servers tell them in several replies and as options give them.
 *
 * @since 0.1.0
 */
import { isName } from "../../Address.ts"
import type * as Resp from "../../Resp.ts"
import { infoOf } from "./fields.ts"
import { satisfies } from "./settings.ts"

const isZone = (value: unknown): value is string => typeof value === "string" && isName(value)

/** The zone in a field of a reply; undefined if there is none, or what can't be one. */
export const zoneOf = (value: Resp.Value | undefined): string | undefined => isZone(value) ? value : undefined

/** The zone in a reply to INFO, which has an empty one if the server was given none. */
export const zoneInInfo = (info: Resp.Value): string | undefined => zoneOf(infoOf(info, "availability_zone"))

/** Checks an option that names a zone. */
export const check = satisfies("the name of an availability zone, such as \"eu-west-1a\"", isZone)
