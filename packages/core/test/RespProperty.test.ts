import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Resp from "../src/Resp.ts"
import { binary, concat, decode, plain, plainEvents, reply, text, toValue, traffic, wire } from "./RespFixtures.ts"

const byteByByte = (bytes: Uint8Array) => Array.from(bytes, (byte) => Uint8Array.of(byte))

const command = Arbitrary.array(
  Arbitrary.all({ text, binary }),
  { maxLength: 6 }
)

describe("Resp, for any input", () => {
  for (const bytes of [false, true]) {
    const mode = bytes ? "bytes" : "strings"

    it.prop(`a reply cut at every byte decodes to its value, as ${mode}`, { reply }, ({ reply }) => {
      const frame = Resp.encodeReply(reply, 3)
      const expected = [{ reply: plain(toValue(reply, bytes)) }]
      for (let cut = 0; cut <= frame.length; cut++) {
        const { events, problem } = decode([frame.subarray(0, cut), frame.subarray(cut)], { bytes })
        assert.isUndefined(problem)
        assert.deepStrictEqual(plainEvents(events), expected)
      }
    })

    it.prop(`traffic byte by byte decodes to its events in order, as ${mode}`, { traffic }, ({ traffic }) => {
      const frame = concat(traffic.map((reply) => Resp.encodeReply(reply, 3)))
      const expected = traffic.map((reply) =>
        reply._tag === "Push"
          ? { push: plain(toValue(reply, true)) }
          : { reply: plain(toValue(reply, bytes)) }
      )
      assert.deepStrictEqual(plainEvents(decode([frame], { bytes }).events), expected)
      assert.deepStrictEqual(plainEvents(decode(byteByByte(frame), { bytes }).events), expected)
    })
  }

  it.prop("a RESP2 reply byte by byte decodes as it does in one piece", { reply }, ({ reply }) => {
    const frame = Resp.encodeReply(reply, 2)
    const whole = decode([frame])
    assert.isUndefined(whole.problem)
    assert.strictEqual(whole.events.length, 1)
    assert.deepStrictEqual(plainEvents(decode(byteByByte(frame)).events), plainEvents(whole.events))
  })

  it.prop("garbage ends the same way however it is cut, and never but in a ProtocolError", { wire }, ({ wire }) => {
    // The last line is closed: a peer that stops in the middle of a line is not wrong yet.
    const bytes = concat([wire, Uint8Array.of(0x0a)])
    const whole = decode([bytes])
    const pieces = decode(byteByByte(bytes))
    assert.deepStrictEqual(plainEvents(pieces.events), plainEvents(whole.events))
    assert.strictEqual(pieces.problem, whole.problem)
  }, { arbitrary: { runs: 1000 } })

  it.prop("a command arrives with the bytes of its arguments", { command }, ({ command }) => {
    const args = command.flatMap(({ binary, text }) => [text, binary])
    const encoder = new Resp.Encoder()
    encoder.command(Resp.head("CLUSTER SLOTS"), args)
    const { events, problem } = decode(encoder.take(), { bytes: true })
    const words = ["CLUSTER", "SLOTS", ...args].map((arg) =>
      typeof arg === "string" ? new TextEncoder().encode(arg) : arg
    )
    assert.isUndefined(problem)
    assert.deepStrictEqual(events, [{ reply: words }])
  })
})
