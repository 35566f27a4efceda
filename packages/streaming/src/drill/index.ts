export * from './drill-api.ts';
export { PoolDrill } from './pool-drill.ts';
export { faultError, SourceFaults } from './source-faults.ts';
export { type MeasuredViewer, measureGaps } from './viewer-gaps.ts';
