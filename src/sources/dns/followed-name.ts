// Follows the name of one upstream: asks for it again when the time to live of its last answer is over, or earlier when a connection has
// failed, but never more often than minTtl says. Keeps the last good answer while there is no new one, and logs both, once.

import { counted } from '../../config/counted.ts';
import type { NamedEndpoints } from '../../config/endpoint-update.ts';
import type { DnsConfig, EndpointState } from '../../config/upstream-config.ts';
import { diagnosisCode } from '../../diagnosis/codes.ts';
import type { DnsClient } from '../../names/dns-client.ts';
import type { Logger } from '../../observability/logger.ts';
import { endpointDifference } from '../endpoint-difference.ts';
import { describeNameProblem, type NameProblem, plainName, remedyFor } from './name-problem.ts';
import { NameResolution, type Resolution } from './resolution.ts';

/** The longest pause between questions that fail, so that a name server that is back is noticed. */
const LONGEST_RETRY_MS = 30_000;
/** Changes of the endpoints of one name are logged at most this often. */
const CHANGE_LINE_EVERY_MS = 10_000;
const TOKEN = 'upstream_name_unresolved';

/** How many questions had an answer, and how many had none that could be used. */
export interface LookupCounts {
  answered: number;
  failed: number;
}

export interface NameReport {
  readonly config: DnsConfig;
  readonly servers: readonly string[];
  /** Undefined as long as there has been no good answer. */
  readonly ageMs: number | undefined;
  readonly nextInMs: number;
  readonly counts: Readonly<LookupCounts>;
  /** Why the last question had no complete answer. */
  readonly problem: string | undefined;
}

export class FollowedName {
  readonly upstream: string;
  readonly config: DnsConfig;
  /** Resolves with the result of the first question, whatever it is. */
  readonly first: Promise<void>;
  readonly #resolution: NameResolution;
  readonly #logger: Logger;
  readonly #changed: (name: FollowedName) => void;
  readonly #counts: LookupCounts = { answered: 0, failed: 0 };
  #endpoints: readonly EndpointState[] = [];
  #problem: NameProblem | undefined = undefined;
  #answeredAtMs: number | undefined = undefined;
  #endedAtMs = Number.NEGATIVE_INFINITY;
  #failuresInRow = 0;
  #hasTooMany = false;
  #changeLoggedAtMs = Number.NEGATIVE_INFINITY;
  /** The endpoints that the log knows of. */
  #loggedEndpoints: readonly EndpointState[] = [];
  #changeTimer: NodeJS.Timeout | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #dueAtMs = 0;
  #isAsking = false;
  #isClosed = false;

  /** Asks at once. @param changed is called when the endpoints are others, or the reason why there are none */
  constructor(
    upstream: string,
    config: DnsConfig,
    client: DnsClient,
    logger: Logger,
    changed: (name: FollowedName) => void,
  ) {
    this.upstream = upstream;
    this.config = config;
    this.#resolution = new NameResolution(config, client);
    this.#logger = logger;
    this.#changed = changed;
    this.first = this.#ask();
  }

  get named(): NamedEndpoints {
    if (this.#endpoints.length > 0) return { endpoints: this.#endpoints, whyNone: undefined };
    const why =
      this.#problem === undefined
        ? `DNS has not answered for the name ${plainName(this.config.name)} yet`
        : describeNameProblem(this.#problem, this.config, '');
    const sentence = `Upstream ${this.upstream} has no endpoint: ${why}.`;
    return { endpoints: [], whyNone: { token: TOKEN, sentence } };
  }

  get report(): NameReport {
    const nowMs = performance.now();
    return {
      config: this.config,
      servers: this.#resolution.servers,
      ageMs: this.#answeredAtMs === undefined ? undefined : nowMs - this.#answeredAtMs,
      nextInMs: this.#isAsking ? 0 : Math.max(0, this.#dueAtMs - nowMs),
      counts: this.#counts,
      problem:
        this.#problem === undefined
          ? undefined
          : describeNameProblem(this.#problem, this.config, this.#servers),
    };
  }

  /** Asks again as soon as minTtl allows it. */
  lookAgain(): void {
    if (this.#isAsking || this.#isClosed) return;
    const dueAtMs = Math.max(performance.now(), this.#endedAtMs + this.config.minTtlMs);
    if (dueAtMs < this.#dueAtMs) this.#schedule(dueAtMs);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#changeTimer);
  }

  get #servers(): string {
    return this.#resolution.servers.join(', ');
  }

  #schedule(dueAtMs: number): void {
    clearTimeout(this.#timer);
    this.#dueAtMs = dueAtMs;
    const delayMs = Math.max(0, dueAtMs - performance.now());
    this.#timer = setTimeout(() => {
      void this.#ask();
    }, delayMs).unref();
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    this.#isAsking = true;
    let pauseMs = LONGEST_RETRY_MS;
    try {
      const resolution = await this.#resolution.resolve();
      this.#endedAtMs = performance.now();
      this.#isAsking = false;
      if (!this.#isClosed) pauseMs = this.#take(resolution);
    } catch (error) {
      // What a name server answers must not end the process.
      this.#logger.error(
        { upstream: this.upstream, err: error },
        'internal error: a lookup of endpoints failed, and is repeated; please report this',
      );
    }
    this.#isAsking = false;
    if (!this.#isClosed) this.#schedule(performance.now() + pauseMs);
  }

  /** @returns how long to wait before the next question, in milliseconds */
  #take(resolution: Resolution): number {
    const { minTtlMs, maxTtlMs } = this.config;
    const hadProblem = this.#problem;
    const before = this.#endpoints;
    this.#problem = resolution.problem;
    this.#endpoints = resolution.endpoints;
    this.#judgeSize(resolution.leftOut);
    const isOther = hasChanged(before, resolution.endpoints);
    const hasAnswer = resolution.isAnswered && resolution.ttl !== undefined;
    if (hasAnswer) this.#noteAnswer(isOther);
    else this.#noteFailure(hadProblem);
    if (isOther || (resolution.endpoints.length === 0 && hadProblem !== resolution.problem))
      this.#changed(this);
    if (hasAnswer) return Math.min(maxTtlMs, Math.max(minTtlMs, (resolution.ttl ?? 0) * 1000));
    const pauseMs = minTtlMs * 2 ** Math.min(20, this.#failuresInRow - 1);
    return Math.max(minTtlMs, Math.min(pauseMs, maxTtlMs, LONGEST_RETRY_MS));
  }

  #noteAnswer(isOther: boolean): void {
    this.#counts.answered++;
    const { upstream, config } = this;
    const fields = { upstream, name: config.name, endpoints: this.#endpoints.length };
    const failures = this.#failuresInRow;
    this.#failuresInRow = 0;
    this.#answeredAtMs = this.#endedAtMs;
    if (failures > 0)
      this.#logger.info({ ...fields, failures }, 'DNS answers again for the name of an upstream');
    if (isOther) this.#logChangeInTime();
  }

  /** Changes that follow each other within some seconds are one line, which comes when the time is over. */
  #logChangeInTime(): void {
    if (this.#changeTimer !== undefined) return;
    const waitMs = this.#changeLoggedAtMs + CHANGE_LINE_EVERY_MS - performance.now();
    if (waitMs <= 0) this.#logChange();
    else this.#changeTimer = setTimeout(() => this.#logChange(), waitMs).unref();
  }

  #logChange(): void {
    this.#changeTimer = undefined;
    const before = this.#loggedEndpoints;
    const now = this.#endpoints;
    const { isNone, added, removed } = endpointDifference(before, now);
    if (this.#isClosed || isNone) return;
    this.#loggedEndpoints = now;
    // The first answer is no change of an earlier one, which could be hidden by it.
    if (before.length > 0) this.#changeLoggedAtMs = performance.now();
    const { upstream, config } = this;
    this.#logger.info(
      { upstream, name: config.name, endpoints: now.length, before: before.length, added, removed },
      'DNS names other endpoints of an upstream than before',
    );
  }

  /** Logs the first of several failures in a row that are alike. */
  #noteFailure(hadProblem: NameProblem | undefined): void {
    this.#counts.failed++;
    this.#failuresInRow++;
    const problem = this.#problem ?? 'ENODATA';
    if (hadProblem === problem && this.#failuresInRow > 1) return;
    const { upstream, config } = this;
    const count = this.#endpoints.length;
    const result =
      count === 0
        ? `upstream ${upstream} has no endpoint`
        : `upstream ${upstream} keeps the ${counted(count, 'endpoint')} of its last answer`;
    const sentence = `${describeNameProblem(problem, config, this.#servers)}: ${result}. ${remedyFor(problem, config)}`;
    const fields = {
      upstream,
      name: config.name,
      endpoints: count,
      token: TOKEN,
      code: diagnosisCode(TOKEN),
    };
    this.#logger.warn(fields, sentence);
  }

  #judgeSize(leftOut: number): void {
    const hasTooMany = leftOut > 0;
    if (hasTooMany && !this.#hasTooMany) {
      this.#logger.warn(
        { upstream: this.upstream, name: this.config.name, leftOut },
        'DNS names more endpoints than an upstream may have, and those above are not used',
      );
    }
    this.#hasTooMany = hasTooMany;
  }
}

function hasChanged(one: readonly EndpointState[], other: readonly EndpointState[]): boolean {
  return (
    one.length !== other.length ||
    one.some(({ address, weight, priority, authority }, index) => {
      const { [index]: there } = other;
      if (address.text !== there.address.text || authority !== there.authority) return true;
      return weight !== there.weight || priority !== there.priority;
    })
  );
}
