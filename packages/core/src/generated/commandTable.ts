import type { Row } from "../CommandSpec.ts"

export const table: Record<string, Row> = {}
