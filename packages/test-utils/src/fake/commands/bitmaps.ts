import type { Group } from "../handler.ts"

export const bitmaps: Group = {}
