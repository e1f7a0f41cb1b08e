export interface Head {
  readonly bytes: Uint8Array
  readonly count: number
}
export declare const head: (name: string) => Head
export declare class Encoder {
  command(head: Head, args: ReadonlyArray<string | Uint8Array>): void
  get size(): number
  take(): ReadonlyArray<Uint8Array>
}
