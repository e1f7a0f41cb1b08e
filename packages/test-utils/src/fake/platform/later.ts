/**
 * Letting others have their turn.
 *
 * @since 0.1.0
 */

/** Runs a task when timers and sockets have had their turn. */
export const later = (task: () => void): void => {
  if (typeof setImmediate === "function") setImmediate(task)
  else setTimeout(task, 0)
}
