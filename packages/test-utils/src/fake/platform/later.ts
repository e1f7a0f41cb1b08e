/**
 * Lets timers and sockets run before a task goes on.
 *
 * @since 0.1.0
 */

/** Runs a task after pending timers and sockets have run. */
export const later = (task: () => void): void => {
  if (typeof setImmediate === "function") setImmediate(task)
  else setTimeout(task, 0)
}
