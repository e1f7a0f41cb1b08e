import type { Group } from "../handler.ts"

export const hashes: Group = {}
