/** `npm test` disturbs servers for a short time, `npm run test:servers`, which names them, for a longer one. */
export const isLong = process.env["REDIS_SERVER"] !== undefined
