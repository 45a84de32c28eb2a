// Logs what happens to listeners, clients and upstreams. Failures are counted as well, and diagnoses go to the ring; exchanges have
// their own record. A peer that repeats itself must fill neither the log nor the memory.

import type { AskedQuestion } from '../calls/question-observer.ts';
import { counted } from '../config/counted.ts';
import { diagnosisCode } from '../diagnosis/codes.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { type ConnectionError, INTERNAL_ERROR, type StreamError } from '../h2/errors.ts';
import type { Refusal } from '../listeners/refusal.ts';
import type { DiagnosisEvent, DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { EventMetrics } from '../observability/event-metrics.ts';
import type { LogFields, Logger } from '../observability/logger.ts';
import type { FaultLayer } from '../transport/containment.ts';
import type { Endpoint } from '../upstreams/endpoint.ts';
import type { OutageNews } from '../upstreams/outage.ts';
import type { UpstreamEvents } from '../upstreams/upstream-parts.ts';
import { describeDoubt } from './endpoint-doubt.ts';
import { describeRefusals, RefusalCounts } from './limit-refusals.ts';
import { LineBudget } from './line-budget.ts';
import { type Loss, LostCalls } from './lost-calls.ts';

/** More than the connections of HTTP/2 to one endpoint at its default limit, so that a burst of calls shows whole. */
const CONNECTION_LINES_IN_A_MINUTE = 20;
/** Of all endpoints of an upstream together: a name server may name others all the time. */
const UPSTREAM_LINES_IN_A_MINUTE = 200;
/** How many endpoints a line names. */
const MOST_NAMED = 5;
/** Messages of OpenSSL and of parsers are short. This limit is for the exceptional long one. */
const MOST_DETAIL_CHARACTERS = 256;

const TOO_MANY_PINGS =
  'the endpoint closed a connection since it got PINGs more often than it permits (too_many_pings), and is asked half as often from now on: raise keepalive.after, or let the service permit more (grpcio: grpc.http2.min_ping_interval_without_data_ms, which C++ calls GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS; grpc-go: EnforcementPolicy.MinTime; grpc-java: permitKeepAliveTime)';

interface ConnectionPlace {
  readonly upstream: string;
  readonly endpoint: string;
}

/** What others than the log are told. */
export interface LogHooks {
  /** A connection to an endpoint of the upstream could not be made, or broke under calls. */
  onUnreachable(upstream: string): void;
  /** @param owner stands for the upstream, of which there may be another with the same name */
  onOutage(owner: object, upstream: string, news: OutageNews): void;
  /** Something that decides whether the endpoint gets calls may have changed. */
  onEndpoint(upstream: string, endpoint: Endpoint): void;
}

const NO_HOOKS: LogHooks = {
  onUnreachable: () => undefined,
  onOutage: () => undefined,
  onEndpoint: () => undefined,
};

export class ProcessLog {
  readonly #logger: Logger;
  readonly #ring: DiagnosisRing;
  readonly #metrics: EventMetrics;
  readonly #hooks: LogHooks;
  /** The same event of the same peer is logged once in a minute. */
  readonly #news = new LineBudget(1);
  readonly #budget = new LineBudget(CONNECTION_LINES_IN_A_MINUTE);
  readonly #refusals = new RefusalCounts((refusals) => {
    const { upstream, limit, calls } = refusals;
    this.#logger.warn({ upstream, limit: `limits.${limit}`, calls }, describeRefusals(refusals));
  });
  readonly #upstreamBudget = new LineBudget(UPSTREAM_LINES_IN_A_MINUTE);
  readonly #lostCalls = new LostCalls((loss) => this.#callsLost(loss));

  constructor(logger: Logger, ring: DiagnosisRing, metrics: EventMetrics, hooks: LogHooks = NO_HOOKS) {
    this.#hooks = hooks;
    this.#logger = logger;
    this.#ring = ring;
    this.#metrics = metrics;
  }

  refused(refusal: Refusal): void {
    const { listener, client, token, code, sentence, routine } = refusal;
    const detail = refusal.detail?.slice(0, MOST_DETAIL_CHARACTERS);
    const fields = { listener, client, token, code, ...(detail && { detail }) };
    this.#metrics.refused(token);
    if (!this.#isDiagnosisNews({ ...fields, sentence }, withoutPort(client))) return;
    if (routine) this.#logger.debug(fields, sentence);
    else this.#logger.warn(fields, sentence);
  }

  /** Reports an endpoint that cannot be used. `endpoint` is its address as configured. */
  upstreamFailed(upstream: string, endpoint: string, { token, sentence }: Diagnosis): void {
    const fields = { upstream, endpoint, token, code: diagnosisCode(token) };
    this.#metrics.endpointFailed(upstream, endpoint, token);
    if (!this.#isDiagnosisNews({ ...fields, sentence }, endpoint)) return;
    const all = this.#withinUpstream('failed', fields);
    if (all !== undefined) this.#logger.warn(all, sentence);
  }

  /** Records the diagnosis in the ring. Returns true when it should be logged as well. */
  #isDiagnosisNews(event: DiagnosisEvent, peer: string): boolean {
    if (event.code !== '') this.#ring.record(event, peer);
    return this.#isNews(`${event.token} ${peer}`);
  }

  violation(client: string, error: ConnectionError | StreamError): void {
    this.#metrics.violation('downstream', error.token);
    if (this.#isOurs({ client }, error) || !this.#isNews(`${error.token} ${withoutPort(client)}`)) return;
    this.#logger.warn({ client, token: error.token }, `a client broke a rule of HTTP/2: ${error.message}`);
  }

  /** Logs a fault of Framegate itself, always and with its cause. Returns false for a fault of the peer. */
  #isOurs(fields: LogFields, error: ConnectionError | StreamError): boolean {
    if (error.token !== INTERNAL_ERROR) return false;
    this.#logger.error(
      { ...fields, err: error.cause },
      'internal error: the connection was closed; please report this',
    );
    return true;
  }

  /** A fault of Framegate that affected only one connection or call. It is always logged with its cause. */
  contained(layer: FaultLayer, error: unknown): void {
    this.#metrics.contained(layer);
    const fields = { layer, err: error };
    if (layer === 'relay')
      this.#logger.error(fields, 'internal error: the call was ended; please report this');
    else this.#logger.error(fields, 'internal error: the connection was closed; please report this');
  }

  /** A policy has thrown an error. @param route the name of the route, or '' for requests that no route matches */
  policyFailed(route: string, error: unknown): void {
    this.#metrics.contained('policy');
    this.#logger.error(
      { layer: 'policy', route, err: error },
      'internal error: a policy failed, and its calls are refused; please report this',
    );
  }

  upstreamEvents(name: string): UpstreamEvents {
    const logger = this.#logger;
    const owner = {};
    const changed = (endpoint: Endpoint): void => this.#hooks.onEndpoint(name, endpoint);
    this.#metrics.noEndpoint(name, 0);
    return {
      countsOf: (endpoint) => this.#metrics.endpoints.of(name, endpoint),
      onLeft: ({ address, activeCalls }) => this.#endpointLeft(name, address.text, activeCalls),
      onReach: changed,
      onConnected: (endpoint) => {
        changed(endpoint);
        const fields = this.#fewOf('connected', { upstream: name, endpoint: endpoint.address.text });
        if (fields !== undefined) logger.info(fields, 'connected to the endpoint');
      },
      onConnectFailed: (endpoint, diagnosis) => {
        changed(endpoint);
        this.upstreamFailed(name, endpoint.address.text, diagnosis);
        this.#hooks.onUnreachable(name);
      },
      onRetired: (endpoint, reason, { ended: calls, repeated: sentAgain }, silence) => {
        const where = { upstream: name, endpoint: endpoint.address.text };
        if (calls > 0) {
          this.#lostCalls.add({ ...where, calls, sentAgain, reason, ...this.#silenceOf(where, silence) });
          this.#hooks.onUnreachable(name);
          return;
        }
        if (silence !== undefined) {
          this.upstreamFailed(name, endpoint.address.text, silence);
          this.#hooks.onUnreachable(name);
          return;
        }
        const fields = this.#fewOf('retired', where);
        if (fields !== undefined)
          logger.info(fields, `a connection to the endpoint takes no more calls: ${reason}`);
      },
      onDoubt: (endpoint) => {
        changed(endpoint);
        this.#doubted(name, endpoint);
      },
      onTooManyPings: ({ address }, afterMs) => {
        const fields = { upstream: name, endpoint: address.text, afterMs };
        if (this.#isNews(`${TOO_MANY_PINGS} ${name} ${address.text}`)) logger.warn(fields, TOO_MANY_PINGS);
      },
      onViolation: (endpoint, error) => {
        this.#metrics.violation('upstream', error.token);
        const fields = { upstream: name, endpoint: endpoint.address.text };
        if (this.#isOurs(fields, error) || !this.#isNews(`${error.token} ${endpoint.address.text}`)) return;
        const ofViolation = `an upstream broke a rule of HTTP/2: ${error.message}`;
        logger.warn({ ...fields, token: error.token }, ofViolation);
      },
      onClientAtFault: ({ address }, client) => {
        const fields = { upstream: name, endpoint: address.text, client };
        this.#clientLimited(
          fields,
          'too_many_faulty_calls',
          'an endpoint has found fault with too many calls of a client, whose calls are refused for a while',
        );
      },
      onExclusion: (endpoint, { by, reason }) => {
        changed(endpoint);
        // Health is the same in all processes, and the control process says it once.
        if (by === 'health') return;
        const where = { upstream: name, endpoint: endpoint.address.text };
        const few = this.#fewOf(reason === undefined ? 'readmitted' : 'excluded', where);
        if (few === undefined) return;
        const fields = { ...few, by };
        if (reason === undefined) logger.info(fields, 'the endpoint gets calls again');
        else
          logger.warn(
            { ...fields, token: reason.token },
            `the endpoint gets no new calls: ${reason.sentence}`,
          );
      },
      onLimit: (limit, most) => this.#refusals.note(name, limit, most),
      onPanic: ({ isPanicking, priority, usable, total }) => {
        const fields = { upstream: name, priority, usable, endpoints: total };
        if (isPanicking)
          logger.warn(fields, 'too few endpoints can be used: those that are kept out get calls as well');
        else logger.info(fields, 'endpoints that are kept out get no calls again');
      },
      // The control process says it, once for all processes.
      onOutage: (news) => this.#hooks.onOutage(owner, name, news),
      onNoEndpoint: (calls) => this.#metrics.noEndpoint(name, calls),
      onRebalance: ({ streams, overMs, joined }) =>
        logger.info(
          {
            upstream: name,
            joined: joined.slice(0, MOST_NAMED).map(({ address }) => address.text),
            ...(joined.length > MOST_NAMED && { joinedInAll: joined.length }),
            streams,
            overSeconds: overMs / 1000,
          },
          'an endpoint has joined or come back: the oldest streams above the share of others are ended',
        ),
      onFault: (layer, error) => this.contained(layer, error),
      onWaited: this.#metrics.waitsOf(name),
      onWaiting: (calls, why) => this.#callsWait(name, calls, why),
      onGaveWay: (client) => this.gaveWay(name, client),
    };
  }

  /** A policy had no answer from the service that it asks. A call that was refused for that is a diagnosis of its own (CallDiagnoses). */
  unanswered({ policy, upstream, result, why, tokenOfSilence: token }: AskedQuestion): void {
    const passes = result === 'passed';
    const code = diagnosisCode(token);
    if (passes) {
      const sentence = `Calls pass without an answer: ${why}${/[.!?]$/.test(why) ? '' : '.'}`;
      this.#ring.record({ code, token, sentence, upstream }, upstream);
    }
    if (!this.#isNews(`unanswered ${policy} ${upstream}`)) return;
    const fields = { policy, upstream, token, code };
    if (passes) this.#logger.warn(fields, `calls pass without an answer: ${why}`);
    else this.#logger.warn(fields, `calls are refused without an answer: ${why}`);
  }

  /** An endpoint fails its calls and is not ejected. */
  spared(upstream: string, endpoint: string, why: string): void {
    if (!this.#isNews(`spared ${upstream} ${endpoint}`)) return;
    this.#logger.warn({ upstream, endpoint }, `the endpoint fails, and still gets calls: ${why}`);
  }

  /** At most once a minute for an endpoint that keeps coming and going. */
  #endpointLeft(upstream: string, endpoint: string, calls: number): void {
    if (!this.#isNews(`left ${upstream} ${endpoint}`)) return;
    const fields = this.#withinUpstream('left', { upstream, endpoint, calls });
    if (fields === undefined) return;
    this.#logger.info(fields, 'the endpoint is taken out: it gets no new calls, and those that it has go on');
  }

  /** Counts an endpoint that has gone silent under calls, whose line is that of the lost calls. */
  #silenceOf(
    { upstream, endpoint }: ConnectionPlace,
    silence: Diagnosis | undefined,
  ): Pick<Loss, 'diagnosis'> {
    if (silence === undefined) return {};
    const { token, sentence } = silence;
    const code = diagnosisCode(token);
    this.#metrics.endpointFailed(upstream, endpoint, token);
    if (code !== '') this.#ring.record({ upstream, endpoint, token, code, sentence }, endpoint);
    return { diagnosis: { token, code } };
  }

  /** This is how an outage begins. Further connections of the endpoint, and doubts of the same minute, need no warning of their own. */
  #doubted(upstream: string, { address, activeCalls, doubt }: Endpoint): void {
    const few = this.#fewOf('doubt', { upstream, endpoint: address.text });
    if (few === undefined) return;
    const fields = { ...few, calls: activeCalls };
    const ofDoubt = `the endpoint does not answer: ${describeDoubt(address.text, doubt)}`;
    if (this.#isNews(`doubt ${upstream} ${address.text}`)) this.#logger.warn(fields, ofDoubt);
    else this.#logger.info(fields, ofDoubt);
  }

  /** Each call has its own record. This line states the cause they share. */
  #callsLost({ upstream, endpoint, calls, sentAgain, reason, diagnosis }: Loss): void {
    const fields = { upstream, endpoint, calls, sentAgain, ...diagnosis };
    const lost = `lost ${countedLoss(calls, sentAgain)}: ${reason}`;
    if (this.#isNews(`lost ${upstream} ${endpoint}`)) {
      this.#logger.warn(fields, lost);
      return;
    }
    const few = this.#fewOf('lost', fields);
    if (few !== undefined) this.#logger.info(few, lost);
  }

  /**
   * A service that accepts connections and closes them at once must not fill the log. The metrics have the connections, and each failure.
   * @returns the fields of the line, or undefined if it is left out
   */
  #fewOf(what: string, fields: ConnectionPlace): LogFields | undefined {
    const leftOut = this.#budget.spend(`${what} ${fields.upstream} ${fields.endpoint}`);
    if (leftOut === undefined) return undefined;
    return this.#withinUpstream(what, leftOut === 0 ? { ...fields } : { ...fields, leftOut });
  }

  /**
   * Bounds the lines of all endpoints of an upstream, since each may be new and speak once.
   * @returns the fields of the line, or undefined if it is left out
   */
  #withinUpstream(what: string, fields: ConnectionPlace & LogFields): LogFields | undefined {
    const leftOut = this.#upstreamBudget.spend(`${what} ${fields.upstream}`);
    if (leftOut === undefined) return undefined;
    return leftOut === 0 ? fields : { ...fields, leftOutOfUpstream: leftOut };
  }

  /** The calls that wait may be served soon. Each that is refused has its own record. */
  #callsWait(upstream: string, calls: number, why: string): void {
    if (!this.#isNews(`waiting ${upstream}`)) return;
    const waiting = `${counted(calls, 'call')} ${calls === 1 ? 'waits' : 'wait'}`;
    this.#logger.warn({ upstream, calls }, `${waiting} for a place at ${upstream}: ${why}`);
  }

  /** @param client the address by which its calls are counted */
  gaveWay(upstream: string, client: string): void {
    const sentence =
      'an idle call was ended, since others waited for its place and its client holds the most';
    this.#clientLimited({ upstream, client }, 'idle_gave_way', sentence);
  }

  #clientLimited(fields: LogFields & { readonly client: string }, token: string, sentence: string): void {
    if (this.#isNews(`${token} ${fields.client}`)) this.#logger.warn({ ...fields, token }, sentence);
  }

  /** Writes what is still to be said. Called before the log is closed. */
  close(): void {
    this.#lostCalls.close();
    this.#refusals.close();
  }

  #isNews(key: string): boolean {
    return this.#news.spend(key) !== undefined;
  }
}

function countedLoss(calls: number, sentAgain: number): string {
  const lost = counted(calls, 'call');
  if (sentAgain === 0) return lost;
  if (sentAgain === calls) return `${lost} (${calls === 1 ? 'it is' : 'all are'} sent again)`;
  return `${lost} (${sentAgain} of them ${sentAgain === 1 ? 'is' : 'are'} sent again)`;
}

/** Removes the port, which differs with every connection: '1.2.3.4', '[::1]'. A text without a port is returned as it is: 'unix'. */
export function withoutPort(client: string): string {
  const colon = client.lastIndexOf(':');
  const hasPort = colon !== -1 && (client.indexOf(':') === colon || client[colon - 1] === ']');
  return hasPort ? client.slice(0, colon) : client;
}
