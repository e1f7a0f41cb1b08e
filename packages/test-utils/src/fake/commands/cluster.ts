import type { Group } from "../handler.ts"

export const cluster: Group = {}
