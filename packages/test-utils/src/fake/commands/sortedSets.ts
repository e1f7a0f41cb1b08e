import type { Group } from "../handler.ts"

export const sortedSets: Group = {}
