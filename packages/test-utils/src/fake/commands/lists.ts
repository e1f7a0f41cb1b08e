import type { Group } from "../handler.ts"

export const lists: Group = {}
