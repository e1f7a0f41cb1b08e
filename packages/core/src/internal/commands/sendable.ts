/**
 * Checks and converts arguments at run time, for callers without TypeScript: text and bytes are sent unchanged, numbers as
 * text. Any other value would be encoded as something that the caller did not mean, and the server would reply OK.
 */
import { kindOf } from "../values/settings.ts"

type Sent = string | Uint8Array

/** Whether a value is a real Uint8Array. `instanceof` alone also accepts an object that merely has the prototype. */
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array && ArrayBuffer.isView(value)

/** Whether all arguments are text or bytes. Every new command goes through this loop, so it is kept fast. */
export const areSent = (args: unknown): args is ReadonlyArray<Sent> => {
  if (!Array.isArray(args)) return false
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]
    if (typeof arg !== "string" && !isBytes(arg)) return false
  }
  return true
}

const typeOfView: (this: unknown) => string | undefined = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag
)!.get!

/** Bytes that were made in another realm, for which `instanceof` fails. */
const foreignBytes = (value: unknown): Uint8Array | undefined => {
  if (typeOfView.call(value) !== "Uint8Array") return undefined
  const { buffer, byteLength, byteOffset } = value as Uint8Array
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** A number in Redis' notation, infinities included; a command that takes none replies with an error. NaN is refused. */
const ofNumber = (value: number): string | undefined => {
  if (Number.isNaN(value)) return undefined
  return Number.isFinite(value) ? `${value}` : value > 0 ? "inf" : "-inf"
}

const sent = (value: unknown): Sent | undefined => {
  switch (typeof value) {
    case "string":
      return value
    case "bigint":
      return `${value}`
    case "number":
      return ofNumber(value)
    case "object":
      return isBytes(value) ? value : foreignBytes(value)
    default:
      return undefined
  }
}

/** The arguments as text and bytes, or, as a text, the problem with them. */
export const toSent = (args: unknown): ReadonlyArray<Sent> | string => {
  if (areSent(args)) return args
  if (!Array.isArray(args)) return `give its arguments in an array, not ${kindOf(args)}`
  const all: Array<Sent> = []
  for (let index = 0; index < args.length; index++) {
    const arg = sent(args[index])
    if (arg === undefined) return `argument ${index + 1} has to be text, bytes or a number, not ${kindOf(args[index])}`
    all.push(arg)
  }
  return all
}
