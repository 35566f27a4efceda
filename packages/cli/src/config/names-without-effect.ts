/**
 * Settings of m3u-proxy that have no counterpart here, with what to know instead. Somebody who brings an old `.env` along is
 * told, rather than left to believe that they still do something.
 */
export const NAMES_WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  APP_DEBUG: 'set LOG_LEVEL=debug',
  RELOAD: 'not needed',
  DOCS_URL: 'the documentation is at /docs',
  REDOC_URL: 'the documentation is at /docs',
  OPENAPI_URL: 'it is at /openapi.json',
  PUBLIC_URL: 'answers hold paths relative to the API’s root',
  LOG_FILE: 'logs go to stderr',
  TEMP_DIR: 'nothing is kept outside STREAMPOOL_DATA_DIR',
  SHARED_STREAM_GRACE: 'SHARED_STREAM_TIMEOUT alone decides',
  DEFAULT_CONNECTION_TIMEOUT: 'set CONNECT_TIMEOUT',
  DEFAULT_READ_TIMEOUT: 'set STALL_TIMEOUT',
  LIVE_CHUNK_TIMEOUT_SECONDS: 'set STALL_TIMEOUT',
  VOD_READ_TIMEOUT: 'set STALL_TIMEOUT',
  VOD_WRITE_TIMEOUT: 'set CLIENT_TIMEOUT',
  LIVE_TV_WRITE_TIMEOUT: 'set CLIENT_TIMEOUT',
  DEFAULT_MAX_RETRIES: 'sources are retried with growing pauses',
  DEFAULT_BACKOFF_FACTOR: 'sources are retried with growing pauses',
  DEFAULT_RETRY_ATTEMPTS: 'sources are retried with growing pauses',
  DEFAULT_RETRY_DELAY: 'sources are retried with growing pauses',
  STREAM_RETRY_ATTEMPTS: 'sources are retried with growing pauses',
  STREAM_RETRY_DELAY: 'sources are retried with growing pauses',
  STREAM_RETRY_EXPONENTIAL_BACKOFF: 'sources are retried with growing pauses',
  STREAM_TOTAL_TIMEOUT: 'set STREAM_TIMEOUT',
  CHANGE_BUFFER_CHUNKS: 'set RING_BUDGET',
  ENABLE_CONNECTION_IDLE_MONITORING: 'viewers without progress are dropped after CLIENT_TIMEOUT',
  STRICT_LIVE_TS: 'transport streams are always kept aligned',
  STRICT_LIVE_TS_PREBUFFER_SIZE: 'viewers start at the newest keyframe',
  REDIS_ENABLED: 'streampool serve needs no Redis; streampool gateway and streampool worker use it',
  REDIS_URL: 'streampool serve needs no Redis; streampool gateway and streampool worker use it',
  HLS_GC_ENABLED: 'segments are always removed when nobody can want them any more',
  HLS_WAIT_TIME: 'set STREAM_TIMEOUT',
};

/** Those that are set in this environment; Redis only where it is really asked for. */
export function setWithoutEffect(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(NAMES_WITHOUT_EFFECT).filter((name) => {
    const value = env[name];
    if (value === undefined || value === '') return false;
    return name !== 'REDIS_ENABLED' || /^(?:true|1|yes|on)$/i.test(value);
  });
}
