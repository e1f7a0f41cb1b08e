/**
 * The 80-bit numbers of INCRBYFLOAT: the server adds with 64 bits of mantissa and prints 17 decimals. A sum of doubles, or an
 * exact sum, would have other digits.
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"

/** The mantissa times 2 to the power of the exponent, or an infinity. */
export type LongDouble = { readonly mantissa: bigint; readonly exponent: number } | number

const mantissaBits = 64
const largestExponent = 16383 - 63
const longestText = 5 * 1024
const decimals = BigInt(10) ** BigInt(17)
const zero = BigInt(0)
const one = BigInt(1)
const nothing = { mantissa: zero, exponent: 0 }

const bitLength = (value: bigint): number => value === zero ? 0 : value.toString(2).length

const shift = (value: bigint, by: number): bigint => by >= 0 ? value << BigInt(by) : value >> BigInt(-by)

/** The quotient of two positive numbers, with ties rounded to even. */
const divide = (numerator: bigint, denominator: bigint): bigint => {
  const quotient = numerator / denominator
  const twice = (numerator % denominator) * BigInt(2)
  const up = twice > denominator || (twice === denominator && (quotient & one) === one)
  return up ? quotient + one : quotient
}

/** The nearest number with 64 bits of mantissa. */
const nearest = (negative: boolean, numerator: bigint, denominator: bigint): LongDouble => {
  if (numerator === zero) return nothing
  let exponent = bitLength(numerator) - bitLength(denominator) - mantissaBits
  const scaled = (): readonly [bigint, bigint] =>
    exponent >= 0 ? [numerator, shift(denominator, exponent)] : [shift(numerator, -exponent), denominator]
  const [above, below] = scaled()
  if (bitLength(above / below) > mantissaBits) exponent++
  const mantissa = divide(...scaled())
  if (exponent > largestExponent) return negative ? -Infinity : Infinity
  return { mantissa: negative ? -mantissa : mantissa, exponent }
}

/** The text as C's `strtold` reads it. Undefined if it is not a number, or out of range. */
export const parse = (text: Bin): LongDouble | undefined => {
  if (text.length === 0 || text.length >= longestText) return undefined
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text[0] === "-" ? -Infinity : Infinity
  const hex = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i.exec(text)
  const [, sign, whole, fraction, power = "0"] = hex ?? /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text) ?? []
  if (whole === undefined || whole + fraction === "") return undefined
  const digits = BigInt(hex === null ? whole + fraction : `0x${whole}${fraction}`)
  if (digits !== zero && Math.abs(Number(power)) > 20_000) return undefined
  const exponent = digits === zero ? 0 : Number(power) - fraction.length * (hex === null ? 1 : 4)
  const scale = BigInt(hex === null ? 10 : 2) ** BigInt(Math.abs(exponent))
  const value = nearest(sign === "-", exponent > 0 ? digits * scale : digits, exponent < 0 ? scale : one)
  return typeof value === "number" ? undefined : value
}

/** The sum, rounded as the server's processor does. It may be infinite, or NaN. */
export const plus = (a: LongDouble, b: LongDouble): LongDouble => {
  if (typeof a === "number" || typeof b === "number") {
    return (typeof a === "number" ? a : 0) + (typeof b === "number" ? b : 0)
  }
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = shift(a.mantissa, a.exponent - exponent) + shift(b.mantissa, b.exponent - exponent)
  const size = sum < zero ? -sum : sum
  return nearest(sum < zero, shift(size, Math.max(exponent, 0)), shift(one, Math.max(-exponent, 0)))
}

/** Formats like `%.17Lf`, without the trailing zeros. */
export const format = (value: LongDouble): Bin => {
  if (typeof value === "number") return value > 0 ? "inf" : "-inf"
  const { exponent, mantissa } = value
  const size = (mantissa < zero ? -mantissa : mantissa) * decimals
  const digits = exponent >= 0 ? shift(size, exponent) : divide(size, shift(one, -exponent))
  const text = digits.toString().padStart(18, "0")
  const trimmed = `${text.slice(0, -17)}.${text.slice(-17)}`.replace(/\.?0+$/, "")
  return mantissa < zero && trimmed !== "0" ? `-${trimmed}` : trimmed
}

/** The sum of two texts that are finite numbers. */
export const add = (a: Bin, b: Bin): Bin => format(plus(parse(a) ?? nothing, parse(b) ?? nothing))
