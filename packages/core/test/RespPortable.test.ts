import { assert, describe, it, vi } from "@effect/vitest"
import * as Text from "../src/internal/respText.ts"
import { binary, text } from "./RespFixtures.ts"

/** The module as a platform without the methods of Buffer loads it, and how often it looked for them. */
const portable = async () => {
  let looked = 0
  vi.resetModules()
  vi.stubGlobal("Buffer", {
    get prototype() {
      looked++
      return {}
    }
  })
  try {
    const module: typeof Text = await import("../src/internal/respText.ts")
    return { module, looked }
  } finally {
    vi.unstubAllGlobals()
  }
}

const { looked, module: portableText } = await portable()

describe("Resp without Buffer", () => {
  it("is loaded anew, and has looked for Buffer in vain", () => {
    assert.notStrictEqual(portableText.decodeText, Text.decodeText)
    assert.isAbove(looked, 0)
  })

  it.prop("writes the same bytes", { text }, ({ text }) => {
    const written = [portableText, Text].map((module) => {
      const target = new Uint8Array(5 + text.length * 3)
      const length = module.writeText(text, target, 5)
      assert.deepStrictEqual(target.subarray(5, 5 + length), module.encodeText(text))
      return target
    })
    assert.deepStrictEqual(written[0], written[1])
  })

  it.prop("reads the same text, whatever the bytes", { binary, text }, ({ binary, text }) => {
    for (const bytes of [binary, Text.encodeText(text)]) {
      for (const start of [0, 3]) {
        const end = Math.max(start, bytes.length - 1)
        if (end > bytes.length) continue
        assert.strictEqual(portableText.decodeText(bytes, start, end), Text.decodeText(bytes, start, end))
      }
    }
  })

  it("keeps a byte order mark", () => {
    const bytes = Text.encodeText("\ufefflonger than the short limit")
    for (const module of [portableText, Text]) {
      assert.strictEqual(module.decodeText(bytes, 0, bytes.length), "\ufefflonger than the short limit")
      assert.strictEqual(module.decodeText(bytes, 0, 4), "\ufeffl")
    }
  })
})
