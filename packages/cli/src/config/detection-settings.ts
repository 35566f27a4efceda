import { settingsOf } from './setting.ts';
import { decimal, duration, flag, wholeNumber } from './values.ts';

const second = 1000;
const hour = 3600 * second;

const setting = settingsOf('Detection');

/** What makes a source that still sends bytes count as broken, where a stream does not say itself. */
export const DETECTION_SETTINGS = {
  bitrateFloorKbps: setting(
    'BITRATE_FLOOR_KBPS',
    'A source with fewer kbit/s than this, null packets not counted, is left; 0: off',
    wholeNumber(0, 1_000_000),
    '0',
  ),
  bitrateFloorMs: setting(
    'BITRATE_FLOOR_SECONDS',
    'How long the rate must lie below the floor',
    duration(second, hour),
    '10s',
  ),
  slowSourceSpeed: setting(
    'SLOW_SOURCE_SPEED',
    'A source that sends fewer seconds of programme per second than this is left; 0: off',
    decimal(0, 1),
    '0.95',
  ),
  slowSourceMs: setting('SLOW_SOURCE_SECONDS', 'How long it must be slow', duration(5 * second, hour), '30s'),
  trackLostMs: setting(
    'TRACK_LOST_TIMEOUT',
    'A source without any audio, or any video, for this long while the other goes on is left; 0: off',
    duration(0, hour),
    '5s',
  ),
  syncLostMs: setting(
    'SYNC_LOST_TIMEOUT',
    'A source whose bytes are no transport stream any more for this long counts as lost; 0: off',
    duration(0, hour),
    '2s',
  ),
  pictureDetection: setting(
    'ENABLE_PICTURE_DETECTION',
    'Whether keyframes are looked at for pictures that are black or stand still',
    flag,
    'false',
  ),
  pictureCheckMs: setting(
    'PICTURE_CHECK_INTERVAL',
    'How often a keyframe is looked at while the picture could be broken; six times as rarely while it moves',
    duration(second, hour),
    '10s',
  ),
  blackMs: setting('BLACK_TIMEOUT', 'Black for this long is a fault; 0: off', duration(0, hour), '10s'),
  frozenMs: setting(
    'FREEZE_TIMEOUT',
    'The same picture for this long is a fault; 0: off',
    duration(0, hour),
    '30s',
  ),
  silenceDetection: setting(
    'ENABLE_SILENCE_DETECTION',
    'Whether it is listened to whether there is any sound',
    flag,
    'false',
  ),
  silenceThresholdDb: setting(
    'SILENCE_THRESHOLD_DB',
    'Below this many dB under full scale it is silent',
    decimal(-120, 0),
    '-50',
  ),
  silenceDurationMs: setting(
    'SILENCE_DURATION',
    'How much sound one check listens to',
    duration(100, 60 * second),
    '3s',
  ),
  silenceCheckMs: setting(
    'SILENCE_CHECK_INTERVAL',
    'From one check to the next',
    duration(second, hour),
    '10s',
  ),
  silenceFailoverThreshold: setting(
    'SILENCE_FAILOVER_THRESHOLD',
    'Silent checks in a row after which a source is left',
    wholeNumber(1, 1000),
    '3',
  ),
  silenceGraceMs: setting(
    'SILENCE_MONITORING_GRACE_PERIOD',
    'From a source’s start to the first check',
    duration(0, hour),
    '15s',
  ),
};
