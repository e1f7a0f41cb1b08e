import type { Group } from "../handler.ts"

export const strings: Group = {}
