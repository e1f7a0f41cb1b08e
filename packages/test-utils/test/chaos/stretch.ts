/** `npm test` disturbs servers for a short time, `npm run test:servers`, which names them, for a longer one. */
export const isLong = process.env["REDIS_SERVER"] !== undefined

/** Defines tests only in the long runs, as in `whenLong(it.effect)("...", () => ...)`. */
export const whenLong = <Define extends (name: string, ...rest: never) => unknown>(define: Define): Define =>
  isLong ? define : (() => {}) as unknown as Define
