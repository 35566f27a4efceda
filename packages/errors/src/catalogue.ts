/**
 * Every error a caller may see, by its stable code. Callers match the code, never the message.
 * `status` is the HTTP status it becomes when it reaches an API client or a player;
 * `retryable` says whether the same request can succeed later without being changed.
 */
export const ERRORS = {
  INVALID_REQUEST: { status: 400, retryable: false },
  VALIDATION_FAILED: { status: 422, retryable: false },
  TOKEN_MISSING: { status: 401, retryable: false },
  TOKEN_WRONG: { status: 403, retryable: false },
  /** The token is right, but not for this. */
  SCOPE_MISSING: { status: 403, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  /** Addresses can be signed only with STREAM_URL_SECRET. */
  SIGNING_OFF: { status: 409, retryable: false },
  SIGNATURE_INVALID: { status: 403, retryable: false },
  /** An address below `/hls/` that was not made here, or for another stream. */
  HLS_TOKEN_INVALID: { status: 404, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  STREAM_NOT_FOUND: { status: 404, retryable: false },
  CLIENT_NOT_FOUND: { status: 404, retryable: false },
  SESSION_NOT_FOUND: { status: 404, retryable: false },
  USER_NOT_FOUND: { status: 404, retryable: false },
  WORKER_NOT_FOUND: { status: 404, retryable: false },
  PROVIDER_NOT_FOUND: { status: 404, retryable: false },
  WEBHOOK_NOT_FOUND: { status: 404, retryable: false },
  /** The stream goes out only as it comes in, to each viewer from a connection of its own. */
  HLS_NOT_AVAILABLE: { status: 404, retryable: false },
  /** Somebody ended the viewer; it comes back by beginning anew. */
  VIEWER_ENDED: { status: 410, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  RANGE_NOT_SATISFIABLE: { status: 416, retryable: false },
  BODY_TOO_LARGE: { status: 413, retryable: false },
  INTERNAL: { status: 500, retryable: true },

  PROFILE_UNKNOWN: { status: 400, retryable: false },
  TEMPLATE_INVALID: { status: 400, retryable: false },
  TEMPLATE_VARIABLE_UNKNOWN: { status: 400, retryable: false },
  TEMPLATE_VARIABLE_INVALID: { status: 400, retryable: false },
  TEMPLATE_OUTPUT_FORBIDDEN: { status: 400, retryable: false },
  TEMPLATE_INPUT_FORBIDDEN: { status: 400, retryable: false },
  TEMPLATE_PROTOCOL_FORBIDDEN: { status: 400, retryable: false },
  TEMPLATE_OPTION_FORBIDDEN: { status: 400, retryable: false },

  /** A webhook’s receiver did not take what it was sent. */
  WEBHOOK_NOT_DELIVERED: { status: 502, retryable: true },

  UPSTREAM_ADDRESS_FORBIDDEN: { status: 502, retryable: false },
  UPSTREAM_CONNECT_FAILED: { status: 502, retryable: true },
  UPSTREAM_STATUS: { status: 502, retryable: true },
  UPSTREAM_REDIRECT_LOOP: { status: 502, retryable: true },
  UPSTREAM_PROTOCOL: { status: 502, retryable: true },
  UPSTREAM_NOT_MEDIA: { status: 502, retryable: true },
  UPSTREAM_CUT: { status: 502, retryable: true },
  UPSTREAM_CHANGED: { status: 502, retryable: true },
  UPSTREAM_TIMEOUT: { status: 504, retryable: true },

  /** Of streamlink and yt-dlp, which find the media on a page. */
  RESOLVER_ARGUMENT_FORBIDDEN: { status: 400, retryable: false },
  RESOLVER_MISSING: { status: 503, retryable: false },
  COOKIES_NOT_READABLE: { status: 422, retryable: false },
  RESOLVER_FAILED: { status: 502, retryable: true },
  RESOLVER_TIMEOUT: { status: 504, retryable: true },

  FFMPEG_MISSING: { status: 503, retryable: false },
  FFMPEG_FAILED: { status: 502, retryable: true },
  FFMPEG_STALLED: { status: 504, retryable: true },

  /** The source delivers, but nothing worth watching: see the detectors of the streaming package. */
  SYNC_LOST: { status: 502, retryable: true },
  SOURCE_BITRATE_LOW: { status: 502, retryable: true },
  SOURCE_TRACK_LOST: { status: 502, retryable: true },
  SOURCE_BLACK: { status: 502, retryable: true },
  SOURCE_FROZEN: { status: 502, retryable: true },
  SOURCE_SLOW: { status: 502, retryable: true },
  SOURCE_SILENT: { status: 502, retryable: true },
  FFMPEG_SLOW: { status: 502, retryable: true },

  /** The source failed too often, and is left alone for a while. */
  CIRCUIT_OPEN: { status: 503, retryable: true },
  /** The user watches as much at once as it may: less of that, and the same request succeeds. */
  USER_LIMIT: { status: 429, retryable: true },
  /** The provider allows no further connection now. */
  PROVIDER_LIMIT: { status: 503, retryable: true },
  BROADCAST_NOT_FOUND: { status: 404, retryable: false },
  STREAM_FAILED: { status: 502, retryable: true },
  STREAM_STOPPED: { status: 503, retryable: true },
  STREAM_START_TIMEOUT: { status: 504, retryable: true },
  CAPACITY_EXHAUSTED: { status: 503, retryable: true },
  /** There is no other source to go on with. */
  FAILOVER_NOT_CONFIGURED: { status: 400, retryable: false },
  STREAM_NOT_PLAYING: { status: 409, retryable: true },
  /** The stream's source cannot be made to look broken; a drill of it is under way already. */
  DRILL_NOT_POSSIBLE: { status: 409, retryable: false },
  DRILL_RUNNING: { status: 409, retryable: true },
  /** A switch of sources that was asked for made way for a later one. */
  SWITCH_SUPERSEDED: { status: 409, retryable: true },
  SHUTTING_DOWN: { status: 503, retryable: true },
  /** A listener to events did not keep up: it listens again from where it was. */
  EVENTS_TOO_SLOW: { status: 503, retryable: true },

  /** Another node owns the stream than the one that was asked, or that played it so far. */
  OWNER_CHANGED: { status: 409, retryable: true },
  NODE_UNREACHABLE: { status: 503, retryable: true },
  RELAY_LOST: { status: 503, retryable: true },
  STALE_EPOCH: { status: 409, retryable: false },
  WORKER_ID_TAKEN: { status: 409, retryable: false },
  STATE_UNAVAILABLE: { status: 503, retryable: true },
  CONFIG_INVALID: { status: 500, retryable: false },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;
