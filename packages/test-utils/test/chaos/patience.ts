/**
 * How long nodes of a cluster may be silent before others take them for failed. Servers that starve on a busy machine are silent for
 * more than a second, and then a primary is replaced, with what it has acknowledged last.
 */

/** Where a primary is to be replaced. */
export const watchful = "2 seconds"

/** Where nobody is. */
export const calm = "4 seconds"
