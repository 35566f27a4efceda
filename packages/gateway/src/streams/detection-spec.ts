import type { StreamDefinition } from '@streampool/state';
import type { DetectionOverrides } from '@streampool/streaming';

/** The API speaks of seconds, the data plane of ms. */
const SECOND = 1_000;

/** What a stream's settings say of the faults that it wants to be watched for; undefined if nothing. */
export function detectionOf(settings: StreamDefinition['settings']): DetectionOverrides | undefined {
  const number = <K extends string>(key: K, name: string, factor = 1): Partial<Record<K, number>> => {
    const value = settings[name];
    return typeof value === 'number' ? ({ [key]: value * factor } as Record<K, number>) : {};
  };
  const flag = <K extends string>(key: K, name: string): Partial<Record<K, boolean>> => {
    const value = settings[name];
    return typeof value === 'boolean' ? ({ [key]: value } as Record<K, boolean>) : {};
  };
  const picture = {
    ...flag('enabled', 'enable_picture_detection'),
    ...number('sampleIntervalMs', 'picture_check_interval', SECOND),
    ...number('blackMs', 'black_timeout', SECOND),
    ...number('frozenMs', 'freeze_timeout', SECOND),
  };
  const silence = {
    ...flag('enabled', 'enable_silence_detection'),
    ...number('thresholdDb', 'silence_threshold_db'),
    ...number('durationMs', 'silence_duration', SECOND),
    ...number('checkIntervalMs', 'silence_check_interval', SECOND),
    ...number('failoverThreshold', 'silence_failover_threshold'),
    ...number('graceMs', 'silence_monitoring_grace_period', SECOND),
  };
  const overrides = {
    ...number('bitrateFloorKbps', 'bitrate_floor_kbps'),
    ...number('bitrateFloorMs', 'bitrate_floor_seconds', SECOND),
    ...number('slowSpeed', 'slow_source_speed'),
    ...number('slowMs', 'slow_source_seconds', SECOND),
    ...number('trackLostMs', 'track_lost_timeout', SECOND),
    ...number('syncLostMs', 'sync_lost_timeout', SECOND),
    ...(Object.keys(picture).length > 0 && { picture }),
    ...(Object.keys(silence).length > 0 && { silence }),
  };
  return Object.keys(overrides).length > 0 ? overrides : undefined;
}
