import type { Group } from "../handler.ts"

export const functions: Group = {}
