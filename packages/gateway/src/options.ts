import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EventFeed } from '@streampool/events';
import type { HlsEdge } from '@streampool/hls-edge';
import type {
  ClusterState,
  SharingStrategy,
  StreamDefinition,
  TimelineEntry,
  TimelineSubject,
} from '@streampool/state';
import type {
  DrillRequest,
  DrillResult,
  FailoverResult,
  StreamEngineApi,
  ViewerGaps,
} from '@streampool/streaming';
import type { Tracer } from '@streampool/tracing';
import type { WebhookSender } from '@streampool/webhooks';
import type { Logger } from 'pino';
import type { ApiTokens } from './access/api-tokens.ts';
import type { RateLimitSettings, RateLimitsOptions } from './access/rate-limits.ts';
import type { NodeReport } from './figures/node-report.ts';
import type { Meter } from './metrics/duration-histogram.ts';
import type { NodeFigures } from './metrics/node-metrics.ts';
import type { SessionSettings } from './sessions/session-settings.ts';

/** Settings of the gateway, complete: whoever composes the roles fills every field. Durations in ms, sizes in bytes. */
export interface GatewayConfig {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Prefix under which every path also answers, such as `/m3u-proxy`; empty for none. */
  readonly rootPath: string;
  /** Absent: the API is open. */
  readonly apiToken?: string;
  /** Addresses, CIDRs or proxy-addr's names (`loopback`, `uniquelocal`) whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** `token`: whoever watches needs a token with the scope `watch`, or a signed address. `open` by default. */
  readonly viewerAccess?: 'open' | 'token';
  readonly rateLimits?: RateLimitSettings;
  /** What a client may take to send the head of a request, and all of it. */
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** Set: `/stream/…` needs a signature made with it. */
  readonly streamUrlSecret?: string;
  readonly streamUrlTtlMs: number;
  /** Signs addresses that one node of a cluster sends viewers of another one to, where there is no `streamUrlSecret`. */
  readonly redirectSecret?: string;
  /** What providers are told when a stream names no user agent. */
  readonly defaultUserAgent: string;
  readonly bodyLimitBytes: number;
  /** The longest a readiness check waits for the state store. */
  readonly readyTimeoutMs: number;
  /** From `close()` on, requests under way have this long. */
  readonly closeTimeoutMs: number;
  /** Told by `/info`; the gateway does not act on them. */
  readonly facts: GatewayFacts;
  /** Of viewers that come with a name; {@link DEFAULT_SESSION_SETTINGS} by default. */
  readonly sessions?: SessionSettings;
  /** `watching`: only `/stream`, health and metrics, for a worker. The whole API by default. */
  readonly api?: 'all' | 'watching';
}

/** What `/info` says of the installation. No secrets. */
export interface GatewayFacts {
  readonly clientTimeoutMs: number;
  readonly streamTimeoutMs: number;
  readonly sharedStreamTimeoutMs: number;
  readonly cleanupIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  readonly maxClientsPerSharedStream: number;
  readonly sharingStrategy: SharingStrategy;
  /** Several nodes with a common state. */
  readonly clustered?: boolean;
}

/** A transcoding profile as it is listed. */
export interface ProfileSummary {
  readonly name: string;
  readonly description: string;
  /** The argument template, with `{variable|default}` placeholders. */
  readonly parameters: string;
}

export interface TranscodeRequest {
  /** A profile's name, or an argument template that begins with `-`. */
  readonly profile: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly outputFormat?: string;
}

/** A profile with every variable filled in. */
export interface ResolvedTranscode {
  /** The profile's name, `custom` for a template. */
  readonly profile: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** FFmpeg's name of the output format, such as `mpegts`. */
  readonly format: string;
  /** Options of the template that were left out, with the reason. */
  readonly dropped: readonly { readonly option: string; readonly reason: string }[];
}

/** What the machine can do, found out when the server started. */
export interface TranscodeAbilities {
  /** FFmpeg's version line; absent when there is no FFmpeg. */
  readonly ffmpegVersion?: string;
  /** The hardware encoder family in use, such as `vaapi`. */
  readonly hardware?: { readonly type: string; readonly device?: string };
}

export interface TranscodeApi {
  listProfiles(): readonly ProfileSummary[];
  /** Defaults of the variables that profiles share. */
  defaultVariables(): Readonly<Record<string, string>>;
  /** @throws StreampoolError PROFILE_UNKNOWN, TEMPLATE_* (400, naming the culprit), FFMPEG_MISSING */
  resolve(request: TranscodeRequest): ResolvedTranscode;
  abilities(): TranscodeAbilities;
}

/** Programs that find the media on a page. */
export interface PageApi {
  /** Of those that are there. */
  versions(): Promise<Readonly<Partial<Record<'streamlink' | 'ytdlp', string>>>>;
  /** @throws StreampoolError RESOLVER_MISSING, RESOLVER_ARGUMENT_FORBIDDEN */
  check(name: 'streamlink' | 'ytdlp', args: string): Promise<void>;
  /** Of cookies, to be kept: only the data plane opens it. The same cookies give the same seal. */
  seal(cookies: string): string;
  /** What is in a file in the folder for cookies. @throws StreampoolError COOKIES_NOT_READABLE */
  cookiesIn(path: string): Promise<string>;
}

/** Opens a URL as the data plane would and reports how it answered. @throws StreampoolError UPSTREAM_* */
export type ProbeUrl = (url: string) => Promise<{ status: number }>;

/** Where other nodes of the cluster come in. */
export interface NodeDoor {
  /** Serves the request if it is one of another node. */
  serve(req: IncomingMessage, res: ServerResponse): boolean;
}

/** What the other nodes of the cluster can be asked to do. Undefined where a node does not answer; only what says so rejects. */
export interface Peers {
  /** Ends a viewer (of that stream, if one is given) at a node; `hasMoved`: it watches something else. False: it is not there. */
  disconnect(
    node: string,
    clientId: string,
    streamId?: string,
    how?: { readonly hasMoved?: boolean },
  ): Promise<boolean | undefined>;
  /** Makes the node that plays the stream's source change over to another one. @throws StreampoolError why not; NODE_UNREACHABLE */
  failover(node: string, streamId: string, options: { index?: number }): Promise<FailoverResult>;
  /** Makes the source that a node plays look broken. @throws StreampoolError why not; NODE_UNREACHABLE */
  drill(node: string, streamId: string, request: DrillRequest): Promise<DrillResult>;
  /** Lets a node measure what its viewers of a stream get: from `start` on, until it is taken. `key`: of this measurement. */
  gaps(
    node: string,
    streamId: string,
    what: { wish: 'start' | 'take'; key: string },
  ): Promise<ViewerGaps | undefined>;
  /** What a node has done since it started, and how it is. */
  report(node: string): Promise<NodeReport | undefined>;
  /** How much a node logs, changed first where a level (and for how many ms) is given. */
  logLevel(node: string, wish?: Parameters<LogLevelControl['set']>): Promise<NodeLogLevel | undefined>;
  /** Ends what plays a stream at a node. How many viewers it had there. */
  stop(node: string, streamId: string): Promise<number | undefined>;
}

/** How much a node logs. */
export interface NodeLogLevel {
  readonly level: string;
  /** When it is the configured one again, ms from now. */
  readonly revertsInMs?: number;
}

/** How much this process logs, changeable while it runs. */
export interface LogLevelControl {
  get(): NodeLogLevel;
  /** @throws StreampoolError INVALID_REQUEST */
  set(level: string, forMs?: number): NodeLogLevel;
}

/** What this node saw happen to a stream or a viewer, oldest first: what the state does not know yet, or (`all`) as far as it is remembered. */
export type Recall = (subject: TimelineSubject, options?: { readonly all?: boolean }) => TimelineEntry[];

/** Where viewers are sent instead of being served here. */
export interface ViewerRedirect {
  /** The URL for players of the worker that shall serve the stream's next viewer, without a / at the end. @throws StreampoolError CAPACITY_EXHAUSTED, STATE_UNAVAILABLE */
  target(streamId: string): Promise<string>;
}

/** Asked for every viewer that is to be served here. */
export interface ViewerAdmission {
  /** @throws StreampoolError CAPACITY_EXHAUSTED: nobody could play the stream */
  check(definition: Pick<StreamDefinition, 'id' | 'kind'>): Promise<void>;
}

export interface GatewayOptions {
  readonly state: ClusterState;
  readonly engine: StreamEngineApi;
  readonly transcode: TranscodeApi;
  readonly probe: ProbeUrl;
  /** Absent: pages in the place of media are refused. */
  readonly pages?: PageApi;
  readonly config: GatewayConfig;
  /** Absent: the one of `config.apiToken`, for everything. */
  readonly tokens?: ApiTokens;
  /** An ioredis client in which gateways count requests together; absent, each for itself. */
  readonly rateLimitStore?: Pick<RateLimitsOptions, 'redis' | 'keyPrefix'>;
  readonly log: Logger;
  readonly version: string;
  /** Id under which this process writes to the state: its own records are replaced by what the engine says now. */
  readonly nodeId: string;
  /** Absent: everybody is let in. */
  readonly admission?: ViewerAdmission;
  /** Somebody changed a provider through this process's API. Must not reject. */
  readonly onProvidersChanged?: () => Promise<void>;
  /** Looks at every request first. */
  readonly nodeDoor?: NodeDoor;
  /** What `/metrics` shows of this process’s standing; undefined until it has one. */
  readonly figures?: () => NodeFigures | undefined;
  /** What else `/metrics` shows. */
  readonly meters?: readonly Meter[];
  /** What webhooks are sent with, one by one; absent: there are none. */
  readonly webhooks?: Pick<WebhookSender, 'send' | 'refusalOf'>;
  /** Absent: one of the gateway’s own. Closed with the gateway. */
  readonly events?: EventFeed;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  /** Absent: how much is logged cannot be changed through the API. */
  readonly logLevel?: LogLevelControl;
  /** Absent: timelines are what the state knows. */
  readonly recall?: Recall;
  /** Absent: there are no other nodes. */
  readonly peers?: Peers;
  /** Absent: viewers are served here. */
  readonly redirect?: ViewerRedirect;
  /** Where players of HLS go from a node that is about to end. Absent: they are served here until it does. */
  readonly redirectWhenLeaving?: ViewerRedirect;
  /** Absent: nothing is delivered as HLS. */
  readonly hls?: HlsEdge;
}
