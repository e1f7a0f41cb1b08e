/**
 * What can be sent: text and bytes as they are, numbers as text. Not everybody has types, and what is neither would be
 * encoded as something else, with OK for an answer.
 */
import { kindOf } from "../values/settings.ts"

type Sent = string | Uint8Array

/** Bytes that are some: what has the prototype alone, and a length of its own making, is none. */
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array && ArrayBuffer.isView(value)

/** Whether these are arguments as they are sent. A tight loop: every command that is built goes through it. */
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

/** The bytes of another realm are no instances here. */
const foreignBytes = (value: unknown): Uint8Array | undefined => {
  if (typeOfView.call(value) !== "Uint8Array") return undefined
  const { buffer, byteLength, byteOffset } = value as Uint8Array
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** A number as Redis writes it. Where it takes no infinity it says so. */
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

/** The arguments as they are sent, or what is wrong with them. */
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
