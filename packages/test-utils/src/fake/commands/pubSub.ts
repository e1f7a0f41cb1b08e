import type { Group } from "../handler.ts"

export const pubSub: Group = {}
