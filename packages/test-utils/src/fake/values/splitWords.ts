/**
 * Splits a line into words as the server does for inline commands, configuration lines and shebangs.
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\u0007" }

const isBlank = (char: string | undefined): boolean => char !== undefined && " \n\r\t\v\f".includes(char)

/** Whether a character ends a word. A vertical tab or a form feed only separates words before the next one has begun. */
const endsWord = (char: string): boolean => " \n\r\t\0".includes(char)

/** Splits at blanks; `"..."` with escapes and `'...'` are one word. Undefined if a quote is not closed. */
export const splitWords = (line: Bin): ReadonlyArray<Bin> | undefined => {
  const words: Array<Bin> = []
  let at = 0
  for (;;) {
    while (isBlank(line[at])) at++
    if (at >= line.length) return words
    let current = ""
    while (at < line.length && !endsWord(line[at])) {
      const quote = line[at]
      if (quote !== "\"" && quote !== "'") {
        current += quote
        at++
        continue
      }
      at++
      while (line[at] !== quote) {
        if (at >= line.length) return undefined
        const hex = quote === "\"" ? /^\\x([\da-fA-F]{2})/.exec(line.slice(at, at + 4))?.[1] : undefined
        if (hex !== undefined) {
          current += String.fromCharCode(Number.parseInt(hex, 16))
          at += 4
        } else if (line[at] === "\\" && (quote === "\"" ? at + 1 < line.length : line[at + 1] === "'")) {
          current += quote === "\"" ? escapes[line[at + 1]] ?? line[at + 1] : "'"
          at += 2
        } else {
          current += line[at++]
        }
      }
      at++
      // A closing quote has to end the word.
      if (at < line.length && !isBlank(line[at])) return undefined
    }
    words.push(current)
  }
}
