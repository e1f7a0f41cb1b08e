import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

type Measured = ReadonlyArray<{ readonly name: string; readonly taken: number; readonly said: number }>

describe("the size of a kept reply", () => {
  it("is about what V8 takes for it", async () => {
    const script = fileURLToPath(new URL("support/weigh.ts", import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    const measured: Measured = JSON.parse(stdout)
    assert.isNotEmpty(measured)
    for (const { name, said, taken } of measured) assert.closeTo(said / taken, 1, 0.15, name)
  }, 60_000)
})
