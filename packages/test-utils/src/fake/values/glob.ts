/**
 * The glob patterns of KEYS, SCAN, PSUBSCRIBE and ACL: `*`, `?`, `[a-c]`, `[^x]` and `\` before a character.
 *
 * Source: `stringmatchlen` in the server's util.c.
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"

interface ClassMatch {
  readonly matched: boolean
  /** The index of the closing bracket, or of the last character if there is none. */
  readonly end: number
}

const matchClass = (pattern: Bin, open: number, char: Bin): ClassMatch => {
  let at = open + 1
  const negated = pattern[at] === "^"
  if (negated) at++
  let matched = false
  for (;; at++) {
    if (pattern[at] === "\\" && at + 1 < pattern.length) {
      at++
      if (pattern[at] === char) matched = true
    } else if (pattern[at] === "]") {
      break
    } else if (at >= pattern.length) {
      at--
      break
    } else if (pattern[at + 1] === "-" && at + 2 < pattern.length) {
      const [low, high] = pattern[at] <= pattern[at + 2]
        ? [pattern[at], pattern[at + 2]]
        : [pattern[at + 2], pattern[at]]
      if (char >= low && char <= high) matched = true
      at += 2
    } else if (pattern[at] === char) {
      matched = true
    }
  }
  return { matched: matched !== negated, end: at }
}

/** Whether the whole of `text` matches the pattern. */
export const matches = (pattern: Bin, text: Bin): boolean => {
  let p = 0
  let t = 0
  // Where to resume if the text does not fit behind the last star: the star then takes one character more.
  let starAt = -1
  let starText = 0
  for (;;) {
    let ok = false
    let next = p + 1
    if (p < pattern.length) {
      const c = pattern[p]
      if (c === "*") {
        starAt = p++
        starText = t
        continue
      }
      if (t < text.length) {
        if (c === "?") {
          ok = true
        } else if (c === "[") {
          const found = matchClass(pattern, p, text[t])
          ok = found.matched
          next = found.end + 1
        } else {
          const escaped = c === "\\" && p + 1 < pattern.length
          ok = pattern[escaped ? p + 1 : p] === text[t]
          next = escaped ? p + 2 : p + 1
        }
      }
    } else if (t === text.length) {
      return true
    }
    if (ok) {
      p = next
      t++
    } else if (starAt >= 0 && starText < text.length) {
      t = ++starText
      p = starAt + 1
    } else {
      return false
    }
  }
}
