export * from './drill-api.ts';
export { GapSink } from './gap-sink.ts';
export { PoolDrill } from './pool-drill.ts';
export { type ConnectionFault, faultError, SourceFaults } from './source-faults.ts';
export { type MeasuredViewer, measureGaps } from './viewer-gaps.ts';
