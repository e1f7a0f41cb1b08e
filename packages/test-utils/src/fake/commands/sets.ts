import type { Group } from "../handler.ts"

export const sets: Group = {}
