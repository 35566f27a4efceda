import { type Setting, settingsOf } from './setting.ts';
import { duration, size, text } from './values.ts';

const second = 1000;
const hour = 3600 * second;
const MB = 1024 * 1024;

const setting = settingsOf('HLS');

/** How streams are delivered as HLS. */
export const HLS_SETTINGS = {
  hlsSegmentMs: setting(
    'HLS_SEGMENT_DURATION',
    'How long a segment is at least; longer where the source’s keyframes are further apart',
    duration(second, 20 * second),
    '2s',
  ),
  hlsPartMs: setting(
    'HLS_PART_DURATION',
    'How long the parts of a segment are for players of low-latency HLS',
    duration(100, 2 * second, 'ms'),
    '333ms',
  ),
  hlsWindowMs: setting(
    'HLS_DVR_WINDOW',
    'How far players can go back in a live stream; as much again is kept for those that are behind. All of it is kept while anybody asks; a player that asks for nothing while it is paused, and is alone, has HLS_VIEWER_TIMEOUT to come back; after that it goes on at the live end',
    duration(10 * second, 24 * hour),
    '60s',
  ),
  hlsMemoryBudgetBytes: setting(
    'HLS_MEMORY_BUDGET',
    'The most memory that the segments of all streams may take; older ones go to disk',
    size(16 * MB, 1024 * 1024 * MB),
    '512MB',
  ),
  hlsStreamMemoryBudgetBytes: setting(
    'HLS_STREAM_MEMORY_BUDGET',
    'The most memory that the segments of one stream may take',
    size(4 * MB, 1024 * 1024 * MB),
    '128MB',
  ),
  hlsTempDir: {
    env: 'HLS_TEMP_DIR',
    group: 'HLS',
    about:
      'Directory for segments that memory is too small for; if not set, streampool-hls in the system’s temporary directory. Where it is full, players can go back less far',
    type: text('a path', /^[^\0]+$/),
  } as Omit<Setting<string>, 'default'> & { default?: never },
  hlsCacheBytes: setting(
    'HLS_CACHE_SIZE',
    'The most memory that playlists and segments may take which were fetched from providers; as much again for those from the workers that play streams',
    size(16 * MB, 1024 * 1024 * MB),
    '128MB',
  ),
  hlsViewerTimeoutMs: setting(
    'HLS_VIEWER_TIMEOUT',
    'A player that has asked for nothing for this long, and for three target durations, has left',
    duration(2 * second, hour),
    '10s',
  ),
  broadcastDir: setting(
    'BROADCAST_DIR',
    'Directory for playlists and segments of networks; where nodes share it, one that takes a network over has what was shown before',
    text('a path', /^[^\0]+$/),
    '/tmp/streampool-broadcast',
  ),
  recordingDir: setting(
    'DVR_RECORDING_DIR',
    'Directory for networks that are recorded: all their segments stay',
    text('a path', /^[^\0]+$/),
    '/tmp/streampool-recordings',
  ),
  broadcastKeptMs: setting(
    'BROADCAST_KEEP',
    'How long what a network has shown stays after its last programme; recordings stay for good',
    duration(10 * second, 24 * hour),
    '1h',
  ),
};
