/**
 * Reads the result of FUNCTION DUMP of this or of a real server.
 *
 * @since 0.1.0
 */
import * as Dump from "../data/dump.ts"
import type { Version } from "../facts/version.ts"
import { fromBytes, toBytes, viewOf } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import { CommandError } from "../values/commandError.ts"

const functionMark = 0xf5
const footer = 10

/** Decompresses a long text, which a real server packs: literal runs, and copies of earlier bytes. */
const inflate = (packed: Uint8Array, length: number): Uint8Array => {
  const out = new Uint8Array(length)
  let at = 0
  let to = 0
  while (at < packed.length) {
    const control = packed[at++]
    if (control < 32) {
      for (let left = control + 1; left > 0; left--) out[to++] = packed[at++]
      continue
    }
    let count = control >> 5
    if (count === 7) count += packed[at++]
    let from = to - ((control & 0x1f) << 8) - packed[at++] - 1
    // Copied byte by byte, because the copy may overlap itself.
    for (let left = count + 2; left > 0; left--) out[to++] = out[from++]
  }
  return out
}

/** The codes of the libraries. Throws the error that the server replies. */
export const readLibraries = (payload: Bin, version: Version): ReadonlyArray<Bin> => {
  if (!Dump.isIntact(payload, version)) throw new CommandError("ERR DUMP payload version or checksum are wrong")
  const bytes = toBytes(payload.slice(0, -footer))
  const codes: Array<Bin> = []
  let at = 0
  const length = (): { readonly value: number; readonly special: boolean } => {
    const first = bytes[at++]
    switch (first >> 6) {
      case 0:
        return { value: first, special: false }
      case 1:
        return { value: ((first & 0x3f) << 8) | bytes[at++], special: false }
      case 2:
        at += 4
        return { value: viewOf(bytes).getUint32(at - 4), special: false }
      default:
        return { value: first & 0x3f, special: true }
    }
  }
  while (at < bytes.length) {
    if (bytes[at++] !== functionMark) throw new CommandError("ERR given type is not a function")
    const head = length()
    if (!head.special) {
      codes.push(fromBytes(bytes.subarray(at, at + head.value)))
      at += head.value
    } else if (head.value === 3) {
      const packed = length().value
      const full = length().value
      codes.push(fromBytes(inflate(bytes.subarray(at, at + packed), full)))
      at += packed
    } else {
      throw new CommandError("ERR Failed loading library payload")
    }
  }
  return codes
}
