import type { Group } from "../handler.ts"

export const keys: Group = {}
