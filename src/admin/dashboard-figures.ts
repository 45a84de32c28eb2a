// What `GET /api/dashboard` sends, as types only. The dashboard in the browser imports them as well, so this file imports nothing.
//
// Every message is one line of `data:` with one of these objects as JSON. Counters count since the start of the proxy, so a message that a
// slow reader never gets does no harm: rates and percentiles are differences between any two messages.

export type DashboardMessage = DashboardOpening | DashboardFigures | DashboardFacts | DashboardClosing;

/** The first message of a stream. */
export interface DashboardOpening {
  readonly event: 'open';
  /** When the proxy was started. With another start, all counters have begun anew. */
  readonly startedAtEpochMs: number;
  readonly version: string;
  /** How often figures come. */
  readonly everyMs: number;
  /** The upper bounds of the buckets of all histograms, ascending. There is one bucket more, which has no bound. */
  readonly bucketBoundsMs: readonly number[];
  /** The last ten minutes as far as they are known, oldest first: a point every few seconds while nobody looked, else one each second. */
  readonly history: readonly DashboardTotals[];
}

/** Comes once a second. */
export interface DashboardFigures {
  readonly event: 'figures';
  /** Of the configuration in use. */
  readonly epoch: number;
  /** Whether the proxy takes calls. */
  readonly isReady: boolean;
  /** Why it takes none: `starting`, `draining` or `no worker serves`. Missing while it takes calls. */
  readonly whyNotReady?: string;
  readonly totals: DashboardTotals;
  /** In the order of the configuration, then those that only calls of older configurations still have. `''` is for calls that no route matches. */
  readonly routes: readonly RouteFigures[];
  readonly upstreams: readonly UpstreamFigures[];
  readonly processes: readonly ProcessFigures[];
  /** How often workers were started again since the start of the proxy. */
  readonly workerRestarts: number;
  /** Missing if none has died. */
  readonly lastWorkerDeath?: WorkerDeathFacts;
  /** Calls that still run with an older configuration, the oldest first. */
  readonly olderEpochs: readonly { readonly epoch: number; readonly calls: number }[];
  /** The numbers of workers whose part is that of an earlier second, since they did not answer in time. Missing if all have answered. */
  readonly unanswered?: readonly number[];
}

/** A worker that has ended although nobody has asked it to. */
export interface WorkerDeathFacts {
  readonly worker: number;
  readonly pid: number;
  /** Such as `signal SIGKILL`. */
  readonly how: string;
  /** What has ended with it. */
  readonly connections: number;
  readonly calls: number;
  readonly atEpochMs: number;
}

/** Sections that have changed since the last message of this kind to this reader, each of them whole. The first has all of them. */
export interface DashboardFacts {
  readonly event: 'facts';
  readonly configuration?: ConfigurationFacts;
  readonly certificates?: readonly CertificateFacts[];
  readonly diagnoses?: DiagnosisFacts;
  readonly endpoints?: EndpointsFacts;
}

/** The last message, if the server ends the stream. */
export interface DashboardClosing {
  readonly event: 'closing';
  readonly reason: string;
}

/** How calls have ended, as counters. Their sum is the number of calls that have ended. */
export interface CallOutcomes {
  /** gRPC status OK, or an HTTP status below 400. */
  readonly ok: number;
  /** The client has given the call up, which is how many streams end in good order. */
  readonly cancelled: number;
  /**
   * A status that blames the request, such as INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED or HTTP 4xx; the error with
   * which its route answers (`respond`, `redirect`); or a mistake of the client, such as a wrong protocol, before a service had the call.
   */
  readonly clientFault: number;
  /** UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, HTTP 5xx, or no complete answer. */
  readonly failed: number;
}

/** The number of durations in each bucket, as counters. Not cumulative: a bucket has only what is above the bound of the one before. */
export type HistogramCounts = readonly number[];

/** The whole proxy at one moment. */
export interface DashboardTotals extends CallOutcomes {
  readonly atEpochMs: number;
  /** Calls that have begun, as a counter: those that have ended, and those in flight. */
  readonly started: number;
  readonly inFlight: number;
  /** Bodies and gRPC messages, as counters. Those of calls in flight are included. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly requestMessages: number;
  readonly responseMessages: number;
  /** Clients that were refused before there was a call, as a counter. */
  readonly refusedClients: number;
  /** Connections of clients. */
  readonly connections: number;
  /** How long calls have taken, streams included. */
  readonly durations: HistogramCounts;
  /** From the beginning of a call to the first byte of the first message of its response. */
  readonly firstMessages: HistogramCounts;
  /** Processor time of all processes, user and system, as a counter. */
  readonly cpuSeconds: number;
  /** Memory that all processes use. */
  readonly memoryBytes: number;
  /** How late the event loop was in the last ten seconds, of the process that was latest. */
  readonly eventLoopDelayP99Ms: number;
}

export interface RouteFigures extends CallOutcomes {
  readonly route: string;
  /** The upstreams that the configuration sends its calls to. */
  readonly upstreams: readonly string[];
  readonly started: number;
  readonly inFlight: number;
  /** Attempts beyond the first one of a call, as a counter. */
  readonly retries: number;
  readonly durations: HistogramCounts;
  readonly firstMessages: HistogramCounts;
}

export interface UpstreamFigures {
  readonly upstream: string;
  /** Calls that wait for a place. */
  readonly pending: number;
  /** Since when so few endpoints can be used that those that are kept out get calls as well. Missing without such a panic. */
  readonly panicSinceEpochMs?: number;
  /** In the order of the configuration or of their source. */
  readonly endpoints: readonly EndpointFigures[];
  /** How many endpoints are not shown. Missing if all are. */
  readonly leftOut?: number;
}

/**
 * - in_use: new calls go there.
 * - standby: others get the calls, by priority or zone.
 * - idle: nothing keeps it out, and the balancer gives it no calls.
 * - silent: it owes an answer to a PING.
 * - unreachable: the last connection could not be made, or was lost.
 * - ejected: too many of its calls have failed.
 * - unhealthy: its health check has failed.
 * - leaving: nobody names it any more, and it still has calls.
 */
export type EndpointStateName =
  | 'in_use'
  | 'standby'
  | 'idle'
  | 'silent'
  | 'unreachable'
  | 'ejected'
  | 'unhealthy'
  | 'leaving';

export interface EndpointFigures {
  readonly endpoint: string;
  /** The worst of what the processes say. */
  readonly state: EndpointStateName;
  /** Since when it is known: a configuration or a source has named it, or the process that knows it longest was started. */
  readonly sinceEpochMs: number;
  /** How many processes give it calls. Missing if all of them or none does. */
  readonly usedBy?: number;
  /** Something has come from it since a process could not reach it, on a connection that new calls may use. Missing otherwise. */
  readonly heardSince?: true;
  readonly inFlight: number;
  readonly connections: number;
  /** Its share of the calls in proportion to the other endpoints. */
  readonly weight: number;
  /** Attempts by how they ended, as counters. */
  readonly answered: number;
  readonly failed: number;
  readonly givenUp: number;
  readonly lost: number;
  /** Questions of the proxy itself, to an authorizer for example, that had no answer in time. */
  readonly timedOut: number;
  /** Responses that have begun, and the sum of the times from request to response head, as counters. */
  readonly responses: number;
  readonly responseMs: number;
  /** How often it was ejected, as a counter. */
  readonly ejections: number;
}

export interface ProcessFigures {
  /** Missing for the process that starts the workers, or carries the calls itself. */
  readonly worker?: number;
  readonly pid: number;
  /** `starting`, `serving`, `draining` and so on. */
  readonly state: string;
  readonly epoch: number;
  /** Missing for a process that carries no calls, and for one that has said nothing yet. */
  readonly carries?: { readonly calls: number; readonly connections: number };
  readonly eventLoopDelay?: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  /** level: 0 enough, 1 caches are given back, 2 new calls are refused, 3 new connections too. Missing where memory is not watched. */
  readonly memory?: { readonly level?: number; readonly usedBytes: number; readonly limitBytes?: number };
  /** User and system, as a counter. */
  readonly cpuSeconds?: number;
  /** Missing where the platform does not tell. */
  readonly openFiles?: number;
  readonly mostOpenFiles?: number;
}

export interface ConfigurationFacts {
  readonly epoch: number;
  readonly loadedAtEpochMs: number;
  readonly file: string;
  /** Equal configurations have equal hashes: 16 hexadecimal digits, of the configuration as it is shown. */
  readonly hash: string;
  /** As `framegate check` prints them. */
  readonly warnings: readonly string[];
  /** What differs from the epoch before. Missing in the first epoch. */
  readonly changes?: ConfigurationChanges;
  readonly reloads: {
    readonly reloaded: number;
    readonly refused: number;
    readonly failed: number;
    /** Missing before the first reload. */
    readonly last?: ReloadFacts;
  };
}

export interface ReloadFacts {
  readonly atEpochMs: number;
  readonly trigger: 'SIGHUP' | 'api' | 'watch';
  readonly result: 'reloaded' | 'refused' | 'failed';
  /** What is wrong, as `framegate check` prints it. Empty if it was reloaded. */
  readonly problems: readonly string[];
}

export interface ConfigurationChanges {
  /** The epoch before. */
  readonly since: number;
  readonly entries: readonly ConfigurationChange[];
  /** How many more there are. Missing if these are all. */
  readonly leftOut?: number;
}

/** A part of the configuration that differs. */
export interface ConfigurationChange {
  /** Such as `upstreams.voice.retry.attempts`. */
  readonly path: string;
  /**
   * As in the file, shortened where it is long; a secret is `[redacted]`. Of a part with keys of its own, which has come or gone as a whole,
   * one key in each line. Missing if there was nothing.
   */
  readonly before?: string;
  /** Missing if there is nothing now. */
  readonly after?: string;
}

export interface CertificateFacts {
  readonly kind: 'listener' | 'upstream';
  /** Of the listener or upstream. */
  readonly name: string;
  readonly file: string;
  readonly subject: string;
  /** The names that it is for, as in `DNS:example.com, IP Address:127.0.0.1`. */
  readonly names: string;
  readonly notAfterEpochMs: number;
  /** Whole days; below 0 if it has expired. */
  readonly daysLeft: number;
}

export interface DiagnosisFacts {
  /** The number of diagnoses since the start, by code. */
  readonly counts: Readonly<Record<string, number>>;
  /** The newest first, at most 50. */
  readonly recent: readonly DiagnosisFact[];
  /** The newest reasons of each code among the recent ones, the newest first, at most 8 of each. */
  readonly reasons: Readonly<Record<string, readonly DiagnosisReasonFact[]>>;
  /** What to do about the recent ones, by code: Markdown. */
  readonly remedies: Readonly<Record<string, string>>;
}

export interface DiagnosisFact {
  readonly code: string;
  readonly token: string;
  readonly sentence: string;
  readonly listener?: string | undefined;
  readonly client?: string | undefined;
  readonly upstream?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly store?: string | undefined;
  /** The trace of the call, or of the last one among repeats. */
  readonly traceId?: string | undefined;
  readonly detail?: string | undefined;
  readonly atEpochMs: number;
  readonly lastAtEpochMs: number;
  readonly count: number;
}

export interface DiagnosisReasonFact {
  readonly sentence: string;
  readonly detail?: string | undefined;
  /** How often it was given while it was among the newest reasons of its code. */
  readonly count: number;
  readonly lastAtEpochMs: number;
}

/** What is to be said of endpoints. Those about which there is nothing to say are missing. */
export interface EndpointsFacts {
  readonly endpoints: readonly EndpointFacts[];
  /** How many more there are. Missing if these are all. */
  readonly leftOut?: number;
}

export interface EndpointFacts {
  readonly upstream: string;
  readonly endpoint: string;
  /** Why it gets no calls. Empty if it gets calls. */
  readonly reasons: readonly EndpointReason[];
  /** Its last changes, newest first, at most 8. */
  readonly history: readonly EndpointChange[];
}

export interface EndpointReason {
  readonly by: string;
  readonly sentence: string;
  readonly sinceEpochMs?: number;
  /** How many processes say so. Missing if all do. */
  readonly processes?: number;
}

/** Into what an endpoint has changed. Several processes that say the same one after the other are one change. */
export interface EndpointChange {
  /** When the first process has said it. */
  readonly atEpochMs: number;
  /** `usable`: nothing keeps it out, and it was reached last time. The others are as in EndpointStateName. */
  readonly to: 'usable' | 'silent' | 'unreachable' | 'ejected' | 'unhealthy';
  /** Why. Missing for `usable`. */
  readonly sentence?: string;
  /** How many processes have said it. */
  readonly processes: number;
}
