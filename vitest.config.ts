// vitest reads this file by default; the projects are listed in vitest.workspace.ts.
export { default } from "./vitest.workspace.ts"
