import type { Group } from "../handler.ts"

export const geo: Group = {}
