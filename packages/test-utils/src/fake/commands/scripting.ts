import type { Group } from "../handler.ts"

export const scripting: Group = {}
