import { z } from 'zod';

const flag = z.boolean({ error: 'must be true or false' }).nullish();
const number = z.number({ error: 'must be a number' }).finite();
const positive = number.positive().nullish();
const orOff = number.min(0).nullish();

/** What makes a source that still sends bytes count as broken, stream by stream. Without them the settings of the same names in capitals apply. */
export const detectionSettings = {
  bitrate_floor_kbps: orOff.describe('Fewer kbit/s than this, null packets not counted, are a fault; 0: off'),
  bitrate_floor_seconds: positive.describe('For how long'),
  slow_source_speed: number
    .min(0)
    .max(1)
    .nullish()
    .describe('Fewer seconds of programme per second than this are a fault; 0: off'),
  slow_source_seconds: positive.describe('For how long'),
  track_lost_timeout: orOff.describe(
    'Seconds without any audio, or any video, while the other goes on; 0: off',
  ),
  sync_lost_timeout: orOff.describe('Seconds without packet sync; 0: off'),
  enable_picture_detection: flag.describe('Look at keyframes for pictures that are black or stand still'),
  picture_check_interval: positive.describe('Seconds between looks'),
  black_timeout: orOff.describe('Seconds of black; 0: off'),
  freeze_timeout: orOff.describe('Seconds of the same picture; 0: off'),
  enable_silence_detection: flag.describe('Listen whether there is any sound'),
  silence_threshold_db: number.min(-120).max(0).nullish().describe('dB below full scale'),
  silence_duration: positive.describe('Seconds that one check listens to'),
  silence_check_interval: positive.describe('Seconds between checks'),
  silence_failover_threshold: z
    .int({ error: 'must be a whole number' })
    .min(1)
    .nullish()
    .describe('Silent checks in a row'),
  silence_monitoring_grace_period: orOff.describe('Seconds from the start to the first check'),
};
