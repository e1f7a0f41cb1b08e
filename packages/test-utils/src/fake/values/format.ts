/**
 * Numbers as Redis prints them.
 *
 * @since 0.1.0
 */
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "./binary.ts"

/**
 * Formats scores, and every double in a reply: with 17 digits, `0.10000000000000001`; since 7.2 with as few digits as identify
 * it, `0.1`.
 */
export const double = (value: number, version: Version): Bin => {
  if (Number.isNaN(value)) return "nan"
  if (value === Infinity) return "inf"
  if (value === -Infinity) return "-inf"
  return since(version, 7.2) ? shortest(value) : seventeenDigits(value)
}

/** Formats with as few digits as possible. Whether to use an exponent is decided as on the server. */
const shortest = (value: number): Bin => {
  if (Object.is(value, -0)) return "-0"
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 62) return BigInt(value).toString()
  const [mantissa, power] = Math.abs(value).toExponential().split("e")
  const sign = value < 0 ? "-" : ""
  const digits = mantissa.replace(".", "")
  const exponent = Number(power)
  const zeros = exponent - digits.length + 1
  if (zeros >= 0 && Math.abs(exponent) < digits.length + 7) return `${sign}${digits}${"0".repeat(zeros)}`
  if (zeros < 0 && (zeros > -7 || Math.abs(exponent) < 4)) {
    return exponent < 0
      ? `${sign}0.${"0".repeat(-exponent - 1)}${digits}`
      : `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
  }
  return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`
}

/** Formats like C's `%.17g`. */
const seventeenDigits = (value: number): Bin => {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return Object.is(value, -0) ? "-0" : String(value)
  const [mantissa, power] = value.toExponential(16).split("e")
  const exponent = Number(power)
  const sign = mantissa[0] === "-" ? "-" : ""
  const digits = mantissa.replace("-", "").replace(".", "").replace(/0+$/, "") || "0"
  if (exponent < -4 || exponent >= 17) {
    const tail = digits.length > 1 ? `.${digits.slice(1)}` : ""
    const magnitude = String(Math.abs(exponent)).padStart(2, "0")
    return `${sign}${digits[0]}${tail}e${exponent < 0 ? "-" : "+"}${magnitude}`
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, "0")
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}

const trimZeros = (text: string): string => {
  if (!text.includes(".")) return text
  const trimmed = text.replace(/\.?0+$/, "")
  return trimmed === "-0" ? "0" : trimmed
}

/** Formats like the server's "human" long double, `%.17Lf` without the trailing zeros: coordinates of GEOPOS. */
export const human = (value: number): Bin => {
  if (value === Infinity) return "inf"
  if (value === -Infinity) return "-inf"
  return Math.abs(value) >= 1e21 ? BigInt(value).toString() : trimZeros(value.toFixed(17))
}

const fractionDigits = 17
const one = BigInt(10) ** BigInt(fractionDigits)

/** A decimal text times 10 to the 17th. */
const scaled = (text: Bin): bigint => {
  const [, sign, whole, fraction = "", power = "0"] = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  if (whole === undefined) return BigInt(Math.round(Number(text))) * one
  const digits = BigInt(`${whole}${fraction}` || "0")
  const shift = fractionDigits - fraction.length + Number(power)
  const value = shift >= 0 ? digits * BigInt(10) ** BigInt(shift) : rounded(digits, BigInt(10) ** BigInt(-shift))
  return sign === "-" ? -value : value
}

const rounded = (value: bigint, divisor: bigint): bigint => (value + divisor / BigInt(2)) / divisor

/**
 * The sum that INCRBYFLOAT and HINCRBYFLOAT store. The server calculates with 80 bits, so a sum of doubles would show other
 * digits. This function adds decimals instead. Both texts have to be finite numbers.
 */
export const addDecimals = (a: Bin, b: Bin): Bin => {
  const sum = scaled(a) + scaled(b)
  const negative = sum < BigInt(0)
  const digits = (negative ? -sum : sum).toString().padStart(fractionDigits + 1, "0")
  const text = `${digits.slice(0, -fractionDigits)}.${digits.slice(-fractionDigits)}`
  return trimZeros(negative ? `-${text}` : text)
}
