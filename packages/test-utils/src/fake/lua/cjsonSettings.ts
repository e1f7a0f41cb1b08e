/**
 * What scripts can tell the `cjson` library.
 *
 * @since 0.1.0
 */

/** What scripts may change, for as long as the machine lives. */
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

/** As the library starts. */
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
