import type { Group } from "../handler.ts"

export const server: Group = {}
