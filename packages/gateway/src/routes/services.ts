import type { ClusterState } from '@streampool/state';
import type { StreamEngineApi } from '@streampool/streaming';
import type { Metrics } from '../metrics/metrics.ts';
import type {
  GatewayConfig,
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
  readonly config: GatewayConfig;
  readonly metrics: Metrics;
  readonly live: LiveView;
  readonly signer: UrlSigner;
  readonly endings: Endings;
  readonly sessions: SessionKeeper;
  readonly timelines: Timelines;
  /** Absent: there are no other nodes. */
  readonly peers?: Peers;
  /** See {@link GatewayOptions}. */
  readonly onProvidersChanged?: () => Promise<void>;
  readonly redirect?: ViewerRedirect;
  readonly admission?: ViewerAdmission;
  /** Of the addresses that `redirect` sends viewers to. */
  readonly redirectSigner: UrlSigner;
  readonly version: string;
  readonly nodeId: string;
  /** Wall clock, ms since the epoch, when this gateway was made. */
  readonly startedAtMs: number;
  /** True from `leave()` on. */
  isClosing(): boolean;
}
