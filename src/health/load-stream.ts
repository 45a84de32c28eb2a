// The stream by which one endpoint reports its load (gRFC A51), on a connection of its own. When it ends it is opened again, after a
// pause that grows while no report comes. A server that does not offer it, or sends what is no report, is asked again minutes later.

import type { OrcaConfig } from '../config/upstream-config.ts';
import { grpcStatusOfHttpStatus } from '../grpc/http-status-mapping.ts';
import { MessageReader } from '../grpc/message-reader.ts';
import { GrpcStatus, grpcStatusName } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import { Backoff } from '../upstreams/backoff.ts';
import { TokenBucket } from '../upstreams/token-bucket.ts';
import type { Http2Target } from './endpoint-access.ts';
import {
  LOAD_REPORT_PATH,
  type LoadReport,
  loadReportRequest,
  MOST_REPORT_BYTES,
  readLoadReport,
} from './load-report.ts';
import { LoadWeight, type ReportResult, type WeightState } from './load-weight.ts';
import { type CallEnd, ProbeCall } from './probe-call.ts';
import { ProbeConnection } from './probe-connection.ts';

/** An endpoint from which nothing comes for so long is asked for a sign of life, and given up when none has come in as long again. */
const SILENCE_MS = 10_000;
/** Endpoints are not all connected to at one moment. */
const SPREAD_MS = 1000;
/** After this a server is asked again that does not report its load, since another version may run by then. */
const AGAIN_MS = 300_000;
/** How many reports may come at once, and each second. One in 100 ms is the most that is asked for. */
const BURST = 100;
const PER_SECOND = 20;
/** A report may come in pieces, but not in so many that reading them is what this process does. */
const PIECES_BURST = 1000;
const PIECES_PER_SECOND = 200;

const IDLE = 'has reported no requests or no utilization lately, of which no weight can be made';
const UNIMPLEMENTED = grpcStatusName(GrpcStatus.UNIMPLEMENTED);
const REFUSED = `has no xds.service.orca.v3.OpenRcaService (${UNIMPLEMENTED}): register it there, or remove weights from the upstream`;

export interface LoadStreamEvents {
  onReport(stream: LoadStream, result: ReportResult): void;
  /** The server will not report its load before long. Called once, until it does or is refused for another reason. */
  onRefused(stream: LoadStream): void;
  /** The first report has come, or the first one again. */
  onReporting(stream: LoadStream): void;
  /** A fault of ours. The stream is opened again. */
  onFault(error: unknown): void;
}

export interface LoadStreamParts {
  readonly target: Http2Target;
  readonly config: OrcaConfig;
  readonly connectTimeoutMs: number;
  /** The stream at the same endpoint by other settings, whose weight is taken over. */
  readonly before: LoadStream | undefined;
  readonly events: LoadStreamEvents;
  /** Like Math.random. */
  readonly random?: () => number;
  /** See SILENCE_MS. */
  readonly silenceMs?: number;
}

/** What is known of the load of one endpoint. */
export interface LoadState extends WeightState {
  /** A predicate of the endpoint that says why no reports come. Undefined while they do. */
  readonly why: string | undefined;
}

export class LoadStream {
  /** The address as configured. */
  readonly endpoint: string;
  readonly #target: Http2Target;
  readonly #config: OrcaConfig;
  readonly #connectTimeoutMs: number;
  readonly #events: LoadStreamEvents;
  readonly #silenceMs: number;
  readonly #weight: LoadWeight;
  readonly #backoff = new Backoff();
  #reports = new TokenBucket(BURST, PER_SECOND, 0);
  #pieces = new TokenBucket(PIECES_BURST, PIECES_PER_SECOND, 0);
  #connection: ProbeConnection | undefined = undefined;
  #call: ProbeCall | undefined = undefined;
  /** Until a connection is made, the endpoint has been silent for too long, or it is asked again. */
  #timer: NodeJS.Timeout | undefined = undefined;
  /** Anything has come since the last look. */
  #isHeard = false;
  #isAskedForLife = false;
  /** The first connection after a change of settings is to a server whose weight is known. */
  #isTakenOver: boolean;
  #why: string | undefined = 'has sent no load report yet';
  /** What was told last: the reason why none come, or '' after a report. */
  #told: string | undefined = undefined;
  /** What the server has sent that is no report. */
  #breach: string | undefined = undefined;
  #isClosed = false;

  /** Begins by itself, after a short while that differs from endpoint to endpoint. */
  constructor(parts: LoadStreamParts) {
    const { target, config, connectTimeoutMs, before, events } = parts;
    const { random = Math.random, silenceMs = SILENCE_MS } = parts;
    this.endpoint = target.address.text;
    this.#target = target;
    this.#config = config;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#events = events;
    this.#silenceMs = silenceMs;
    this.#weight = new LoadWeight(config);
    this.#isTakenOver = before !== undefined;
    if (before !== undefined) {
      this.#weight.takeOver(before.#weight, performance.now());
      this.#told = before.#told;
    }
    this.#after(SPREAD_MS * random(), () => this.#dial());
  }

  state(nowMs: number): LoadState {
    return { ...this.#weight.state(nowMs), why: this.#why };
  }

  /** An error in the action is reported, and the stream is opened again. */
  #after(delayMs: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#contain(action), delayMs).unref();
  }

  /** Connections tell what has happened from within events of sockets, out of which nothing may be thrown. */
  #contain(action: () => void): void {
    if (this.#isClosed) return;
    try {
      action();
    } catch (error) {
      this.#events.onFault(error);
      this.#again('could not be asked');
    }
  }

  #dial(): void {
    const { address, dialer, floods } = this.#target;
    this.#breach = undefined;
    this.#after(this.#connectTimeoutMs, () => this.#giveUp());
    try {
      const connection: ProbeConnection = new ProbeConnection(address, dialer, floods, {
        onReady: () => this.#contain(() => this.#begin(connection)),
        onCaughtUp: () => {
          this.#isHeard = true;
        },
        onEnded: (predicate) => {
          if (this.#connection === connection) this.#contain(() => this.#again(predicate));
        },
      });
      this.#connection = connection;
    } catch (error) {
      // TLS files that cannot be read now, for example.
      this.#again(`could not be asked: ${String(error)}`);
    }
  }

  #giveUp(): void {
    const waitsFor = this.#connection?.waitsFor ?? 'a sign of life';
    this.#connection?.destroy();
    this.#again(`gave no answer (waiting for ${waitsFor})`);
  }

  #begin(connection: ProbeConnection): void {
    if (!this.#isTakenOver) this.#weight.connected();
    this.#isTakenOver = false;
    const nowMs = performance.now();
    this.#reports = new TokenBucket(BURST, PER_SECOND, nowMs);
    this.#pieces = new TokenBucket(PIECES_BURST, PIECES_PER_SECOND, nowMs);
    this.#isHeard = true;
    this.#watchSilence();
    const reader = new MessageReader(MOST_REPORT_BYTES);
    const call = new ProbeCall({
      onBytes: (bytes) => {
        this.#isHeard = true;
        this.#breach = this.#pieces.take(performance.now())
          ? reader.read(bytes, (message) => this.#received(message))
          : `load reports in more than ${PIECES_PER_SECOND} pieces a second`;
        return this.#breach;
      },
      // What has ended the connection is told by itself.
      onEnd: (end) => {
        if (!connection.isEnded) this.#contain(() => this.#ended(end));
      },
    });
    this.#call = call;
    call.begin(connection, this.#head(), loadReportRequest(this.#config.reportingMs));
  }

  #head(): HeaderList {
    const { authority, scheme } = this.#target;
    const list = new HeaderList();
    list.add(':method', 'POST');
    list.add(':scheme', scheme);
    list.add(':path', LOAD_REPORT_PATH);
    list.add(':authority', authority);
    list.add('te', 'trailers');
    list.add('content-type', 'application/grpc');
    list.add('user-agent', 'framegate-load');
    return list;
  }

  #watchSilence(): void {
    this.#after(this.#silenceMs, () => {
      if (this.#isHeard) {
        this.#isHeard = false;
        this.#isAskedForLife = false;
      } else if (this.#isAskedForLife) {
        this.#giveUp();
        return;
      } else {
        this.#isAskedForLife = true;
        this.#connection?.ask();
      }
      this.#watchSilence();
    });
  }

  /** @returns what is wrong with the message */
  #received(message: Buffer): string | undefined {
    const nowMs = performance.now();
    if (!this.#reports.take(nowMs)) return `more than ${PER_SECOND} load reports a second`;
    const report = readLoadReport(message);
    if (report === undefined) return 'a message that is no OrcaLoadReport';
    this.#use(report, nowMs);
    return undefined;
  }

  /** @param report a text says what is wrong with a value of it. Such a report is left out, and others may follow */
  #use(report: LoadReport | string, nowMs: number): void {
    const result = typeof report === 'string' ? 'refused' : this.#weight.report(report, nowMs);
    this.#backoff.succeed();
    this.#events.onReport(this, result);
    if (result === 'refused') {
      const value =
        typeof report === 'string' ? report : `rps ${report.rps}, utilization ${report.utilization}`;
      this.#refuse(
        'sends load reports that cannot be true',
        `sent a load report that cannot be true (${value})`,
      );
      return;
    }
    this.#why = result === 'idle' ? IDLE : undefined;
    if (this.#told !== '') this.#events.onReporting(this);
    this.#told = '';
  }

  #ended(end: CallEnd): void {
    if (isUnimplemented(end)) {
      this.#refuse(UNIMPLEMENTED, REFUSED);
      this.#drop();
      this.#after(AGAIN_MS, () => this.#dial());
    } else if (this.#breach !== undefined) {
      this.#refuse('breach', `sent ${this.#breach}`);
      this.#drop();
      this.#after(AGAIN_MS, () => this.#dial());
    } else this.#again(predicateOf(end));
  }

  /** @param kind is told once, until a report can be used or there is another one */
  #refuse(kind: string, why: string): void {
    this.#why = why;
    if (this.#told === kind) return;
    this.#told = kind;
    this.#events.onRefused(this);
  }

  #again(why: string): void {
    this.#drop();
    this.#why = why;
    const nowMs = performance.now();
    this.#backoff.fail(nowMs);
    this.#after(this.#backoff.remainingMs(nowMs), () => this.#dial());
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#call?.cancel();
    this.#call = undefined;
    this.#isAskedForLife = false;
    connection?.close();
  }

  /** May be called twice. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#drop();
  }
}

/** A server without gRPC, such as one of a web framework, answers 404 without grpc-status. */
function isUnimplemented(end: CallEnd): boolean {
  if (end.kind === 'status') return end.grpcStatus === UNIMPLEMENTED;
  return end.kind === 'http' && grpcStatusOfHttpStatus(end.httpStatus) === GrpcStatus.UNIMPLEMENTED;
}

function predicateOf(end: CallEnd): string {
  if (end.kind === 'fault') return end.fault;
  if (end.kind === 'http')
    return `ended its load reports with HTTP status ${end.httpStatus} and no grpc-status`;
  return `ended its load reports with ${end.grpcStatus}${end.message === '' ? '' : `: ${end.message}`}`;
}
