import type { Handler, Limits } from "./respValue.ts"
export declare class Decoder {
  constructor(handler: Handler, limits?: { readonly [K in keyof Limits]?: Limits[K] | undefined })
  push(chunk: Uint8Array): void
  reset(): void
}
