/**
 * The bytes with a meaning in RESP, one per type, and the names of the types for error messages.
 *
 * @since 0.1.0
 */
export const cr = 0x0d
export const lf = 0x0a
export const plus = 0x2b
export const minus = 0x2d
export const colon = 0x3a
export const question = 0x3f

export const simple = 0x2b // +
export const error = 0x2d // -
export const bulk = 0x24 // $
export const integer = 0x3a // :
export const array = 0x2a // *
export const null_ = 0x5f // _
export const double = 0x2c // ,
export const boolean = 0x23 // #
export const bigNumber = 0x28 // (
export const bulkError = 0x21 // !
export const verbatim = 0x3d // =
export const map = 0x25 // %
export const set = 0x7e // ~
export const push = 0x3e // >
export const attribute = 0x7c // |

const names: { readonly [type: number]: string | undefined } = {
  [simple]: "simple string",
  [error]: "simple error",
  [bulk]: "bulk string",
  [integer]: "integer",
  [array]: "array",
  [null_]: "null",
  [double]: "double",
  [boolean]: "boolean",
  [bigNumber]: "big number",
  [bulkError]: "bulk error",
  [verbatim]: "verbatim string",
  [map]: "map",
  [set]: "set",
  [push]: "push message",
  [attribute]: "attribute"
}

export const unknownLine = 0
export const numberLine = 1
export const textLine = 2

/** For each type byte, what follows it up to the first CRLF: a number, a text, or (no type byte) unknown. */
export const lines: Uint8Array = new Uint8Array(256)
for (const type of [bulk, integer, array, bulkError, verbatim, map, set, push, attribute]) lines[type] = numberLine
for (const type of [simple, error, null_, double, boolean, bigNumber]) lines[type] = textLine

/** The protocol's name of a type. */
export const name = (type: number): string => names[type] ?? "reply"

/** What the number behind a type byte is, as a phrase for error messages. */
export const numberName = (type: number): string => type === integer ? "an integer" : `the length of ${name(type)}`

/** Describes the kind of a byte for error messages. Never shows the byte itself, which may be part of a user's value. */
export const describe = (byte: number): string => {
  if (byte === cr) return "CR"
  if (byte === lf) return "LF"
  if (byte >= 0x80) return "a byte beyond ASCII"
  if (byte < 0x20 || byte === 0x7f) return "a control byte"
  if (byte >= 0x30 && byte <= 0x39) return "a digit"
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) ? "a letter" : "punctuation"
}
