import type { Group } from "../handler.ts"

export const connection: Group = {}
