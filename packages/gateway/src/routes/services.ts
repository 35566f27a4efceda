import type { HlsEdge } from '@streampool/hls-edge';
import type { ClusterState } from '@streampool/state';
import type { StreamEngineApi } from '@streampool/streaming';
import type { Tracer } from '@streampool/tracing';
import type { WebhookSender } from '@streampool/webhooks';
import type { ApiTokens } from '../access/api-tokens.ts';
import type { RateLimits } from '../access/rate-limits.ts';
import type { ViewerAccess } from '../access/viewer-access.ts';
import type { EventStreams } from '../events/event-streams.ts';
import type { ClusterFigures } from '../figures/cluster-figures.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type {
  GatewayConfig,
  LogLevelControl,
  PageApi,
  Peers,
  ProbeUrl,
  TranscodeApi,
  ViewerAdmission,
  ViewerRedirect,
} from '../options.ts';
import type { SessionKeeper } from '../sessions/session-keeper.ts';
import type { Endings } from '../streams/endings.ts';
import type { LiveView } from '../streams/live-view.ts';
import type { UrlSigner } from '../streams/signed-url.ts';
import type { Timelines } from '../timelines/timelines.ts';

/** What routes work with. */
export interface Services {
  readonly state: ClusterState;
  readonly engine: StreamEngineApi;
  readonly transcode: TranscodeApi;
  readonly probe: ProbeUrl;
  readonly pages?: PageApi;
  /** Absent: there is no HLS. */
  readonly hls?: HlsEdge;
  readonly config: GatewayConfig;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly clusterFigures: ClusterFigures;
  /** See {@link GatewayOptions}. */
  readonly logLevel?: LogLevelControl;
  readonly live: LiveView;
  readonly tokens: ApiTokens;
  readonly limits: RateLimits;
  readonly viewerAccess: ViewerAccess;
  readonly signer: UrlSigner;
  readonly endings: Endings;
  readonly sessions: SessionKeeper;
  readonly timelines: Timelines;
  readonly eventStreams: EventStreams;
  /** See {@link GatewayOptions}. */
  readonly webhooks?: Pick<WebhookSender, 'send' | 'refusalOf'>;
  /** Absent: there are no other nodes. */
  readonly peers?: Peers;
  /** See {@link GatewayOptions}. */
  readonly onProvidersChanged?: () => Promise<void>;
  readonly redirect?: ViewerRedirect;
  readonly redirectWhenLeaving?: ViewerRedirect;
  readonly admission?: ViewerAdmission;
  /** Of the addresses that `redirect` sends viewers to. */
  readonly redirectSigner: UrlSigner;
  /** The same for players of HLS, whose segments keep their addresses. */
  readonly hlsRedirectSigner: UrlSigner;
  readonly version: string;
  readonly nodeId: string;
  /** Wall clock, ms since the epoch, when this gateway was made. */
  readonly startedAtMs: number;
  /** True from `leave()` on. */
  isClosing(): boolean;
}
