import { assert, describe, it, vi } from "@effect/vitest"
import * as Text from "../src/internal/resp/text.ts"
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
    const module: typeof Text = await import("../src/internal/resp/text.ts")
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
      const length = module.writeText(text, target, 5, target.length)
      assert.deepStrictEqual(target.subarray(5, 5 + length), module.encodeText(text))
      return target
    })
    assert.deepStrictEqual(written[0], written[1])
  })

  it.prop("stops before the same character where room ends", { text }, ({ text }) => {
    const bytes = Text.encodeText(text).length
    for (const room of [0, 1, Math.floor(bytes / 2), Math.max(0, bytes - 1)]) {
      const [first, second] = [portableText, Text].map((module) => {
        const target = new Uint8Array(room + 2)
        const length = module.writeText(text, target, 1, 1 + room)
        assert.isAtMost(length, room)
        assert.strictEqual(target[room + 1], 0)
        return { length, bytes: target.subarray(1, 1 + length) }
      })
      assert.deepStrictEqual(first, second)
    }
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
