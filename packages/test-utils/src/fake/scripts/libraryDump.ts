/**
 * Reads what FUNCTION DUMP of this or of a real server wrote.
 *
 * @since 0.1.0
 */
import * as Dump from "../data/dump.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "../values/binary.ts"
import { CommandError } from "../values/commandError.ts"

const functionMark = 0xf5
const footer = 10

/** Long texts are packed by the real server: literal runs, and copies of what came before. */
const inflate = (packed: Buffer, length: number): Buffer => {
  const out = Buffer.alloc(length)
  let at = 0
  let to = 0
  while (at < packed.length) {
    const control = packed[at++]
    if (control < 32) {
      packed.copy(out, to, at, at + control + 1)
      at += control + 1
      to += control + 1
      continue
    }
    let count = control >> 5
    if (count === 7) count += packed[at++]
    let from = to - ((control & 0x1f) << 8) - packed[at++] - 1
    // Byte by byte: the copy may overlap itself.
    for (let left = count + 2; left > 0; left--) out[to++] = out[from++]
  }
  return out
}

/** The codes of the libraries, or the error that the server answers. */
export const readLibraries = (payload: Bin, version: Version): ReadonlyArray<Bin> => {
  if (!Dump.isIntact(payload, version)) throw new CommandError("ERR DUMP payload version or checksum are wrong")
  const bytes = Buffer.from(payload, "latin1").subarray(0, payload.length - footer)
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
        return { value: bytes.readUInt32BE(at - 4), special: false }
      default:
        return { value: first & 0x3f, special: true }
    }
  }
  while (at < bytes.length) {
    if (bytes[at++] !== functionMark) throw new CommandError("ERR given type is not a function")
    const head = length()
    if (!head.special) {
      codes.push(bytes.toString("latin1", at, at + head.value))
      at += head.value
    } else if (head.value === 3) {
      const packed = length().value
      const full = length().value
      codes.push(inflate(bytes.subarray(at, at + packed), full).toString("latin1"))
      at += packed
    } else {
      throw new CommandError("ERR Failed loading library payload")
    }
  }
  return codes
}
