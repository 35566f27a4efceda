import type { GatewayConfig } from '@streampool/gateway';
import {
  DEFAULT_DETECTION_SETTINGS,
  type DetectionSettings,
  type EngineSettings,
} from '@streampool/streaming';
import type { Config } from '../config/settings.ts';

const READY_TIMEOUT_MS = 2_000;
const BODY_LIMIT_BYTES = 1024 * 1024;
/** Heartbeats that may be missing before a worker counts as dead. */
const HEARTBEATS_PER_LEASE = 3;
/** An owner's lease and a viewer's record must survive a pause of the process (a slow disk, a busy host). */
const LEAST_LEASE_MS = 15_000;
const LEAST_CLIENT_TTL_MS = 60_000;

export function engineSettings(config: Config): EngineSettings {
  return {
    deliveryIntervalMs: config.deliveryIntervalMs,
    sharedStreamTimeoutMs: config.sharedStreamTimeoutMs,
    clientTimeoutMs: config.clientTimeoutMs,
    streamTimeoutMs: config.streamTimeoutMs,
    connectTimeoutMs: config.connectTimeoutMs,
    stallTimeoutMs: config.stallTimeoutMs,
    maxAttempts: config.maxSourceAttempts,
    failbackAfterMs: config.failbackAfterMs,
    maxClientsPerSharedStream: config.maxClientsPerSharedStream,
    poolTranscodes: config.poolTranscodes,
    ringBudgetBytes: config.ringBudgetBytes,
    ringRetainMs: config.ringRetainMs,
    slate: config.slate,
    slateAfterMs: config.slateAfterMs,
    detection: detectionSettings(config),
    ffmpegPath: config.ffmpegPath,
    stopGraceMs: config.ffmpegStopGraceMs,
  };
}

function detectionSettings(config: Config): DetectionSettings {
  return {
    ...DEFAULT_DETECTION_SETTINGS,
    bitrateFloorKbps: config.bitrateFloorKbps,
    bitrateFloorMs: config.bitrateFloorMs,
    slowSpeed: config.slowSourceSpeed,
    slowMs: config.slowSourceMs,
    trackLostMs: config.trackLostMs,
    syncLostMs: config.syncLostMs,
    picture: {
      enabled: config.pictureDetection,
      sampleIntervalMs: config.pictureCheckMs,
      blackMs: config.blackMs,
      frozenMs: config.frozenMs,
    },
    silence: {
      enabled: config.silenceDetection,
      thresholdDb: config.silenceThresholdDb,
      durationMs: config.silenceDurationMs,
      checkIntervalMs: config.silenceCheckMs,
      failoverThreshold: config.silenceFailoverThreshold,
      graceMs: config.silenceGraceMs,
    },
  };
}

export function gatewayConfig(config: Config, { clustered = false } = {}): GatewayConfig {
  return {
    host: config.host,
    port: config.port,
    rootPath: config.rootPath,
    ...(config.apiToken !== undefined && { apiToken: config.apiToken }),
    viewerAccess: config.viewerAccess,
    rateLimits: {
      api: config.rateLimitApi,
      watch: config.rateLimitWatch,
      failures: config.rateLimitFailures,
    },
    headersTimeoutMs: config.headersTimeoutMs,
    requestTimeoutMs: config.requestTimeoutMs,
    trustedProxies: config.trustedProxies,
    ...(config.streamUrlSecret !== undefined && { streamUrlSecret: config.streamUrlSecret }),
    streamUrlTtlMs: config.streamUrlTtlMs,
    defaultUserAgent: config.defaultUserAgent,
    bodyLimitBytes: BODY_LIMIT_BYTES,
    readyTimeoutMs: READY_TIMEOUT_MS,
    closeTimeoutMs: Math.round(config.shutdownTimeoutMs / 2),
    sessions: {
      timeoutMs: config.sessionTimeoutMs,
      scope: config.sessionScope,
      most: config.maxSessionsPerUser,
      perUser: config.userLimits,
    },
    facts: {
      clientTimeoutMs: config.clientTimeoutMs,
      streamTimeoutMs: config.streamTimeoutMs,
      sharedStreamTimeoutMs: config.sharedStreamTimeoutMs,
      cleanupIntervalMs: config.cleanupIntervalMs,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      maxClientsPerSharedStream: config.maxClientsPerSharedStream,
      sharingStrategy: config.sharingStrategy,
      clustered,
    },
  };
}

/** When what a node does not speak of any more counts as gone. */
export function expiry(config: Config): { leaseMs: number; clientTtlMs: number; sessionTimeoutMs: number } {
  const missed = config.heartbeatIntervalMs * HEARTBEATS_PER_LEASE;
  return {
    leaseMs: Math.max(LEAST_LEASE_MS, missed),
    clientTtlMs: Math.max(LEAST_CLIENT_TTL_MS, missed),
    sessionTimeoutMs: config.sessionTimeoutMs,
  };
}
