import type { Group } from "../handler.ts"

export const transactions: Group = {}
