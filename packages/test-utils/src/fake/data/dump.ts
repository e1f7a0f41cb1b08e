/**
 * The format of DUMP and RESTORE: that of the server's snapshots, in the plainest encoding for each type, with version and
 * checksum. A real server can restore it. In the other direction only uncompressed strings work: other dumps of a real server
 * are packed in other ways, and give `Bad data format` here.
 *
 * @since 0.1.0
 */
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import { fromBytes, toBytes, viewOf } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import { SortedSet } from "./sortedSet.ts"
import type { Stream } from "./stream.ts"
import type { Value } from "./value.ts"

/** The version of the format. A server can't read a newer one than its own. */
const formatOf = (version: Version): number => since(version, 8) ? 12 : 10
const types = { string: 0, list: 1, set: 2, hash: 4, zset: 5 } as const

/** The polynomial of CRC-64 (Jones), reflected. */
const polynomial = BigInt("0x95ac9329ac4bc9b5")
const byteMask = BigInt(0xff)

const table = Array.from({ length: 256 }, (_, index) => {
  let crc = BigInt(index)
  for (let bit = 0; bit < 8; bit++) {
    crc = (crc & BigInt(1)) === BigInt(1) ? (crc >> BigInt(1)) ^ polynomial : crc >> BigInt(1)
  }
  return crc
})

/** The CRC at the end of a payload, as eight bytes. */
export const checksum = (bin: Bin): Bin => {
  let crc = BigInt(0)
  for (let i = 0; i < bin.length; i++) {
    crc = table[Number(crc & byteMask) ^ bin.charCodeAt(i)] ^ (crc >> BigInt(8))
  }
  const bytes = new Uint8Array(8)
  viewOf(bytes).setBigUint64(0, crc, true)
  return fromBytes(bytes)
}

const writeLength = (length: number): Bin => {
  if (length < 64) return String.fromCharCode(length)
  if (length < 16_384) return String.fromCharCode(0x40 | (length >> 8), length & 0xff)
  const bytes = new Uint8Array(5)
  bytes[0] = 0x80
  viewOf(bytes).setUint32(1, length)
  return fromBytes(bytes)
}

/** A string with its length in front. */
export const writeString = (text: Bin): Bin => writeLength(text.length) + text

const writeStrings = (texts: ReadonlyArray<Bin>): Bin => writeLength(texts.length) + texts.map(writeString).join("")

const writeScore = (score: number): Bin => {
  const bytes = new Uint8Array(8)
  viewOf(bytes).setFloat64(0, score, true)
  return fromBytes(bytes)
}

// Streams have no plain encoding. The last dumped ones are kept here, and a payload contains only the number of its stream.
const streamType = 0xf0
const keptStreams = 1000
const streams = new Map<number, Stream>()
let lastStream = 0

const keep = (stream: Stream): number => {
  streams.set(++lastStream, stream)
  streams.delete(lastStream - keptStreams)
  return lastStream
}

const body = (value: Value): Bin => {
  switch (value.type) {
    case "string":
      return String.fromCharCode(types.string) + writeString(value.value)
    case "list":
      return String.fromCharCode(types.list) + writeStrings(value.items)
    case "set":
      return String.fromCharCode(types.set) + writeStrings([...value.members])
    case "hash": {
      const pairs = Array.from(value.fields, ([field, text]) => writeString(field) + writeString(text))
      return String.fromCharCode(types.hash) + writeLength(pairs.length) + pairs.join("")
    }
    case "zset": {
      const pairs = Array.from(value.zset.entries(), ({ member, score }) => writeString(member) + writeScore(score))
      // From the highest score to the lowest, as the server writes them.
      return String.fromCharCode(types.zset) + writeLength(pairs.length) + pairs.toReversed().join("")
    }
    case "stream":
      return String.fromCharCode(streamType) + writeLength(keep(value.stream.clone()))
  }
}

/** The payload of a value. */
export const write = (value: Value, version: Version): Bin => seal(body(value), version)

/** Appends the version and the checksum to a payload. */
export const seal = (contents: Bin, version: Version): Bin => {
  const content = `${contents}${String.fromCharCode(formatOf(version), 0)}`
  return content + checksum(content)
}

/** Whether version and checksum are right. */
export const isIntact = (payload: Bin, version: Version): boolean => {
  if (payload.length < 10) return false
  const content = payload.slice(0, -8)
  const written = content.charCodeAt(content.length - 2) | (content.charCodeAt(content.length - 1) << 8)
  return written <= formatOf(version) && checksum(content) === payload.slice(-8)
}

class Unreadable extends Error {}

class Reader {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private at = 0

  constructor(content: Bin) {
    this.bytes = toBytes(content)
    this.view = viewOf(this.bytes)
  }

  private take(count: number): number {
    const from = this.at
    this.at += count
    if (this.at > this.bytes.length) throw new Unreadable()
    return from
  }

  byte(): number {
    return this.bytes[this.take(1)]
  }

  length(): number {
    const head = this.byte()
    if (head < 0x40) return head
    if (head < 0x80) return ((head & 0x3f) << 8) | this.byte()
    if (head === 0x80) return this.view.getUint32(this.take(4))
    throw new Unreadable()
  }

  text(): Bin {
    const head = this.bytes[this.at]
    if (head >= 0xc0 && head <= 0xc2) {
      const width = 1 << (head & 3)
      const at = this.take(1 + width) + 1
      const { view } = this
      return String(width === 1 ? view.getInt8(at) : width === 2 ? view.getInt16(at, true) : view.getInt32(at, true))
    }
    const length = this.length()
    const from = this.take(length)
    return fromBytes(this.bytes, from, from + length)
  }

  score(): number {
    return this.view.getFloat64(this.take(8), true)
  }

  texts(): Array<Bin> {
    return this.many(() => this.text())
  }

  many<A>(read: () => A): Array<A> {
    const items: Array<A> = []
    for (let left = this.length(); left > 0; left--) items.push(read())
    return items
  }

  get done(): boolean {
    return this.at === this.bytes.length
  }
}

const readValue = (reader: Reader): Value | undefined => {
  switch (reader.byte()) {
    case types.string:
      return { type: "string", value: reader.text() }
    case types.list:
      return { type: "list", items: reader.texts() }
    case types.set:
      return { type: "set", members: new Set(reader.texts()) }
    case types.hash:
      return { type: "hash", fields: new Map(reader.many(() => [reader.text(), reader.text()])), expiry: new Map() }
    case types.zset: {
      const zset = new SortedSet()
      for (const [member, score] of reader.many(() => [reader.text(), reader.score()] as const)) zset.add(member, score)
      return { type: "zset", zset }
    }
    case streamType: {
      const stream = streams.get(reader.length())
      return stream === undefined ? undefined : { type: "stream", stream: stream.clone() }
    }
    default:
      return undefined
  }
}

/** The value of an intact payload; undefined if its format is unknown. */
export const read = (payload: Bin): Value | undefined => {
  const reader = new Reader(payload.slice(0, -10))
  try {
    const value = readValue(reader)
    return reader.done ? value : undefined
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
}
