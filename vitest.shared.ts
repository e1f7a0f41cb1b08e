import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Tests run against the sources of the packages, so nothing has to be built first. */
export default {
  resolve: {
    alias: [
      { find: /^@redisc\/core$/, replacement: source("./packages/core/src/index.ts") },
      { find: /^@redisc\/core\/(.*)$/, replacement: source("./packages/core/src/$1.ts") },
      { find: /^@redisc\/effect$/, replacement: source("./packages/effect/src/index.ts") },
      { find: /^@redisc\/effect\/(.*)$/, replacement: source("./packages/effect/src/$1.ts") },
      { find: /^@redisc\/node$/, replacement: source("./packages/node/src/index.ts") },
      { find: /^@redisc\/node\/(.*)$/, replacement: source("./packages/node/src/$1.ts") },
      { find: /^@redisc\/test-utils$/, replacement: source("./packages/test-utils/src/index.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    // Each file in a process of its own would cost as much again as all tests do.
    isolate: false,
    // Vitest leaves one processor for itself. Where there are two, one file would wait for the timers of another.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Machines are slow at times. What hangs is found all the same, and nothing else is told by how long it took.
    testTimeout: 120_000,
    hookTimeout: 120_000
  }
}
