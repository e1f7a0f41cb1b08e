import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Resp from "../src/Resp.ts"

const encoder = new TextEncoder()

/** The bytes of a text, with `\r\n` written as it is sent. */
export const ascii = (text: string): Uint8Array => encoder.encode(text)

export const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

export type Event = { readonly reply: Resp.Value } | { readonly push: ReadonlyArray<Resp.Value> }

/** A decoder that writes down what it was asked to deliver. */
export const recorder = (options: { readonly bytes?: boolean; readonly limits?: Partial<Resp.Limits> } = {}) => {
  const events: Array<Event> = []
  const decoder = new Resp.Decoder({
    wantsBytes: (push) => push || (options.bytes ?? false),
    onReply: (reply) => void events.push({ reply }),
    onPush: (push) => void events.push({ push })
  }, options.limits)
  return { decoder, events }
}

/** All that a list of chunks decodes to, and the message of the failure it ended with. */
export const decode = (
  chunks: ReadonlyArray<Uint8Array>,
  options: { readonly bytes?: boolean; readonly limits?: Partial<Resp.Limits> } = {}
): { readonly events: ReadonlyArray<Event>; readonly problem: string | undefined } => {
  const { decoder, events } = recorder(options)
  for (const chunk of chunks) {
    // A chunk is only lent to the decoder, so it is spoiled after the call.
    const lent = chunk.slice()
    try {
      decoder.push(lent)
    } catch (error) {
      if (!(error instanceof Resp.ProtocolError)) throw error
      return { events, problem: error.message }
    }
    lent.fill(0x58)
  }
  return { events, problem: undefined }
}

/** The value that a RESP3 decoder should make of a reply. */
export const toValue = (reply: Resp.Reply, bytes: boolean): Resp.Value => {
  const text = (value: string | Uint8Array) => {
    const raw = typeof value === "string" ? encoder.encode(value) : value
    return bytes ? raw : new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw)
  }
  const wellFormed = (value: string) => value.replace(/\p{Surrogate}/gu, "\ufffd")
  const oneLine = (value: string) => wellFormed(value).replace(/[\r\n]/g, " ")
  switch (reply._tag) {
    case "Simple":
      return oneLine(reply.text)
    case "Error":
      return new Resp.ReplyError(oneLine(reply.message))
    case "BulkError":
      return new Resp.ReplyError(wellFormed(reply.message))
    case "Bulk":
      return text(reply.value)
    case "Verbatim":
      return text(reply.text)
    case "Integer":
      return Number.isSafeInteger(Number(reply.value)) ? Number(reply.value) + 0 : reply.value
    case "Double":
    case "Boolean":
    case "BigNumber":
      return reply.value
    case "Null":
    case "NullArray":
      return null
    case "Array":
    case "Set":
    case "Push":
      return reply.items.map((item) => toValue(item, bytes))
    case "Map":
      return new Map(reply.entries.map(([key, value]) => [toValue(key, bytes), toValue(value, bytes)]))
    case "Attribute":
      return toValue(reply.reply, bytes)
  }
}

/** A value in which maps are lists of pairs: equality of maps by their content needs no lookup of keys then. */
export const plain = (value: Resp.Value): unknown => {
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [plain(key), plain(item)]) }
  return Array.isArray(value) ? value.map(plain) : value
}

export const plainEvents = (events: ReadonlyArray<Event>): ReadonlyArray<unknown> =>
  events.map((event) => "push" in event ? { push: event.push.map(plain) } : { reply: plain(event.reply) })

const oneOf = <A>(...choices: ReadonlyArray<Arbitrary.Arbitrary<A>>): Arbitrary.Arbitrary<A> =>
  Arbitrary.flatMap(
    Arbitrary.schema(Schema.Literals(choices.map((_, index) => index))),
    (index: number) => choices[index]
  )

const literal = <A extends string | bigint | number>(...values: ReadonlyArray<A>): Arbitrary.Arbitrary<A> =>
  Arbitrary.schema(Schema.Literals(values)) as Arbitrary.Arbitrary<A>

const byte = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))

const characters = [
  "a",
  "Z",
  "0",
  " ",
  "\r",
  "\n",
  "\0",
  "é",
  "ß",
  "漢",
  "\ufeff",
  "\ud83d\ude00",
  "\ud83d",
  "\ude00",
  "\u007f"
]

/** Text with everything that makes text difficult: line breaks, all lengths of UTF-8, lone surrogates, a byte order mark. */
export const text: Arbitrary.Arbitrary<string> = oneOf(
  Arbitrary.schema(Schema.String),
  Arbitrary.map(Arbitrary.array(literal(...characters), { maxLength: 40 }), (parts) => parts.join(""))
)

export const binary: Arbitrary.Arbitrary<Uint8Array> = Arbitrary.map(
  Arbitrary.array(byte, { maxLength: 40 }),
  (bytes) => Uint8Array.from(bytes)
)

export const wire: Arbitrary.Arbitrary<Uint8Array> = oneOf(
  binary,
  Arbitrary.map(
    Arbitrary.array(
      literal(..."+-$:*_,#(!=%~>|?;.0123tx\r\n", "\r\n", "*1\r\n", "$1\r\n", "%1\r\n", "|1\r\n", ">1\r\n", "$-1\r\n"),
      { maxLength: 60 }
    ),
    (tokens) => ascii(tokens.join(""))
  )
)

const int64 = oneOf<number | bigint>(
  Arbitrary.schema(Schema.Int),
  literal<number | bigint>(
    0,
    -1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    BigInt("9007199254740992"),
    BigInt("-9007199254740993"),
    BigInt("9223372036854775807"),
    BigInt("-9223372036854775808")
  )
)

const leaf: Arbitrary.Arbitrary<Resp.Reply> = oneOf(
  Arbitrary.map(text, Resp.Reply.simple),
  Arbitrary.map(text, Resp.Reply.error),
  Arbitrary.map(text, Resp.Reply.bulk),
  Arbitrary.map(binary, Resp.Reply.bulk),
  Arbitrary.map(int64, Resp.Reply.integer),
  Arbitrary.Constant(Resp.Reply.null),
  Arbitrary.map(Arbitrary.schema(Schema.Number), Resp.Reply.double),
  Arbitrary.map(Arbitrary.schema(Schema.Boolean), Resp.Reply.boolean),
  Arbitrary.map(Arbitrary.schema(Schema.BigInt), Resp.Reply.bigNumber),
  Arbitrary.map(text, (value) => Resp.Reply.verbatim("txt", value)),
  Arbitrary.map(binary, (value) => Resp.Reply.verbatim("mkd", value)),
  Arbitrary.map(text, Resp.Reply.bulkError)
)

const nested = (depth: number): Arbitrary.Arbitrary<Resp.Reply> => {
  if (depth === 0) return leaf
  const inner = nested(depth - 1)
  const items = Arbitrary.array(inner, { maxLength: 3 })
  const entries = Arbitrary.array(Arbitrary.all([inner, inner]), { maxLength: 2 })
  return oneOf(
    leaf,
    Arbitrary.map(items, Resp.Reply.array),
    Arbitrary.map(items, Resp.Reply.set),
    Arbitrary.map(entries, Resp.Reply.map),
    Arbitrary.map(Arbitrary.all([entries, inner]), ([pairs, reply]) => Resp.Reply.attribute(pairs, reply))
  )
}

/** Any reply but a push message. */
export const reply: Arbitrary.Arbitrary<Resp.Reply> = nested(3)

/** What arrives on a connection: replies and, between them, push messages. */
export const traffic: Arbitrary.Arbitrary<ReadonlyArray<Resp.Reply>> = Arbitrary.array(
  oneOf(nested(2), Arbitrary.map(Arbitrary.array(nested(1), { maxLength: 3 }), Resp.Reply.push)),
  { maxLength: 5 }
)

/** Gives a decoder its bytes as a socket does: in pieces, in one Buffer that is read into again and again. */
export const pushLent = (decoder: Resp.Decoder, bytes: Uint8Array, size: number): void => {
  const lent = Buffer.alloc(size)
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size)
    lent.set(chunk)
    decoder.push(lent.subarray(0, chunk.length))
    lent.fill(0)
  }
}
