/** The pattern of all keys that begin with some text. */
export const globOf = (prefix: string): string => `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`
