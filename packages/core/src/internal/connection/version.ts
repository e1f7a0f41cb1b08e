/** The version that CLIENT LIST shows; a test holds it to package.json. */
export const libraryVersion = "0.1.0"
