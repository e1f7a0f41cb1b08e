import type { Group } from "../handler.ts"

export const streams: Group = {}
