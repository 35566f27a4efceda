import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackagerSettings, SegmentStorageOptions } from '@streampool/packager';
import type { Config } from '../config/settings.ts';

export function packagerSettings(config: Config): PackagerSettings {
  return {
    segmentMs: config.hlsSegmentMs,
    partMs: config.hlsPartMs,
    windowMs: config.hlsWindowMs,
    startTimeoutMs: config.streamTimeoutMs,
    idleMs: config.hlsViewerTimeoutMs,
  };
}

export function segmentStorageOptions(config: Config): Omit<SegmentStorageOptions, 'log'> {
  return {
    memoryBudgetBytes: config.hlsMemoryBudgetBytes,
    streamBudgetBytes: config.hlsStreamMemoryBudgetBytes,
    directory: config.hlsTempDir ?? join(tmpdir(), 'streampool-hls'),
  };
}
