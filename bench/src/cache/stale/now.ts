/** A time that all processes of this machine share and that is never set back, in milliseconds. */
export const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000
