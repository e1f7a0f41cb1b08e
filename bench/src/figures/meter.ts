import { readFileSync } from "node:fs"

export interface Figures {
  readonly operations: number
  readonly seconds: number
  /** Processor time of the client's process, over all threads, in microseconds. */
  readonly user: number
  readonly system: number
  /** The peak memory of the process, and the size of its heap at the end, both in MiB. */
  readonly peak: number
  readonly heap: number
  /** The memory of one more open client in MiB, if it was measured. */
  readonly perClient?: number
}

const mebibyte = 1024 * 1024

/**
 * The peak memory of this process in MiB. On Linux a process inherits `resourceUsage().maxRSS` from the one that started it, but
 * not the peak in `/proc/self/status`.
 */
const peakOf = (): number => {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024
  } catch {
    return process.resourceUsage().maxRSS / 1024
  }
}

export const memory = (): Pick<Figures, "peak" | "heap"> => {
  // The heap is read first, because reading the peak uses memory too.
  const heap = process.memoryUsage().heapUsed / mebibyte
  return { peak: peakOf(), heap }
}

export const residentMemory = (): number => process.memoryUsage.rss() / mebibyte

export interface Meter {
  readonly stop: () => Omit<Figures, "operations" | "perClient">
}

export const startMeter = (): Meter => {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  return {
    stop: () => {
      const seconds = Number(process.hrtime.bigint() - start) / 1e9
      return { seconds, ...process.cpuUsage(cpu), ...memory() }
    }
  }
}
