import { concurrency } from "./concurrency.ts"
import { memory } from "./memory.ts"
import { refresh } from "./refresh.ts"
import { routing } from "./routing.ts"
import type { Section } from "./section.ts"
import { simulatedCommands, simulatedNodes } from "./simulated.ts"

/** All tables, in the order in which they are printed. */
export const sections: Readonly<Record<string, Section>> = {
  routing,
  refresh,
  memory,
  concurrency,
  simulatedNodes,
  simulatedCommands
}
