declare const TextEncoder: { new(): { encode(text: string): Uint8Array } }
const encoder = new TextEncoder()
export const encodeText = (text: string): Uint8Array => encoder.encode(text)
