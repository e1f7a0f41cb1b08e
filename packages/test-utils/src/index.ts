export * as RealCluster from "./RealCluster.ts"
