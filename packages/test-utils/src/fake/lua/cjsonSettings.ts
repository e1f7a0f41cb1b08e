/**
 * The settings of the `cjson` library.
 *
 * @since 0.1.0
 */

/** The settings that scripts may change, for the life of the machine. */
export interface Settings {
  sparseConvert: boolean
  sparseRatio: number
  sparseSafe: number
  encodeDepth: number
  decodeDepth: number
  precision: number
  keepBuffer: boolean
  encodeInvalid: boolean | "null"
  decodeInvalid: boolean
}

export const defaults = (): Settings => ({
  sparseConvert: false,
  sparseRatio: 2,
  sparseSafe: 10,
  encodeDepth: 1000,
  decodeDepth: 1000,
  precision: 14,
  keepBuffer: true,
  encodeInvalid: false,
  decodeInvalid: true
})
