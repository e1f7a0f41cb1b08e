import type { Group } from "../handler.ts"

export const hyperLogLog: Group = {}
