import { readFileSync } from "node:fs"

export interface Figures {
  readonly operations: number
  readonly seconds: number
  /** Processor time of the client's process, all threads, in microseconds. */
  readonly user: number
  readonly system: number
  /** The most that the process ever had in memory, and what its heap held at the end, both in MiB. */
  readonly peak: number
  readonly heap: number
  /** What one more open client takes, in MiB, where that is measured. */
  readonly perClient?: number
}

const mebibyte = 1024 * 1024

/**
 * Linux lets a process inherit the peak of the one that started it in `resourceUsage().maxRSS`; what it says of the
 * memory itself begins anew.
 */
const peakOf = (): number => {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024
  } catch {
    return process.resourceUsage().maxRSS / 1024
  }
}

export const memory = (): Pick<Figures, "peak" | "heap"> => {
  // First, before the other is read.
  const heap = process.memoryUsage().heapUsed / mebibyte
  return { peak: peakOf(), heap }
}

export const residentMemory = (): number => process.memoryUsage.rss() / mebibyte

export interface Meter {
  readonly stop: () => Omit<Figures, "operations" | "perClient">
}

/** Measures from now on. */
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
