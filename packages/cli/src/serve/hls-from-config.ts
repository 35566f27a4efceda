import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_EDGE_SETTINGS, type EdgeSettings } from '@streampool/hls-edge';
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

export function edgeSettings(config: Config): EdgeSettings {
  return {
    ...DEFAULT_EDGE_SETTINGS,
    cacheBytes: config.hlsCacheBytes,
    viewerSilenceMs: config.hlsViewerTimeoutMs,
    startTimeoutMs: config.streamTimeoutMs,
    stallMs: config.stallTimeoutMs,
  };
}

export function segmentStorageOptions(config: Config): Omit<SegmentStorageOptions, 'log'> {
  return {
    memoryBudgetBytes: config.hlsMemoryBudgetBytes,
    streamBudgetBytes: config.hlsStreamMemoryBudgetBytes,
    directory: config.hlsTempDir ?? join(tmpdir(), 'streampool-hls'),
  };
}
