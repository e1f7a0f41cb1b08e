import { defineConfig } from "vitest/config"
import shared from "../../vitest.shared.ts"

// effect-mq 0.7 imports Effect's Redis service from where it was before Effect 4.1.
const older = { find: "effect/unstable/persistence", replacement: "effect/persistence" }

export default defineConfig({
  resolve: { alias: [older, ...shared.resolve.alias] },
  test: { ...shared.test, name: "effect", server: { deps: { inline: ["effect-mq"] } } }
})
