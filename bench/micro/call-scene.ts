// Calls in their exchange alone, without sockets, frames and the log, for benchmarks of what a part of the relay costs a call.

import type { CallTracing } from '../../src/calls/call-tracing.ts';
import { EndpointCounts } from '../../src/calls/endpoint-counts.ts';
import { type ExchangeObserver, Observers } from '../../src/calls/observers.ts';
import type { Policy } from '../../src/calls/policy.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import type { Address } from '../../src/config/address.ts';
import type { RetryConfig, RouteConfig } from '../../src/config/route-config.ts';
import type { Connection } from '../../src/h2/connection.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../src/h2/stream.ts';
import type { StreamRoom } from '../../src/h2/stream-room.ts';
import { retryPolicy } from '../../src/policies/retry-policy.ts';
import { beginCall } from '../../src/relay/begin-call.ts';
import { CallFields } from '../../src/relay/call-fields.ts';
import { CallKind } from '../../src/relay/call-kind.ts';
import { CallPlan, PLAIN } from '../../src/relay/call-plan.ts';
import { ClientTerms } from '../../src/relay/client-terms.ts';
import type { RelayContext } from '../../src/relay/relay-context.ts';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';
import { RequestHead } from '../../src/relay/request-head.ts';
import type { CallEndpoint, CallTarget, Snapshot } from '../../src/relay/snapshot.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { beginTurn, endTurn } from '../../src/transport/turn-clock.ts';
import { LeastRequests } from '../../src/upstreams/balancers/least-requests.ts';
import { RoundRobin } from '../../src/upstreams/balancers/round-robin.ts';
import { ClientAccounts } from '../../src/upstreams/client-accounts.ts';
import { ClientShares } from '../../src/upstreams/client-shares.ts';
import type { Holding } from '../../src/upstreams/holding.ts';
import type { UpstreamConnection } from '../../src/upstreams/http2/upstream-connection.ts';
import { EndpointOutcomes } from '../../src/upstreams/outliers/endpoint-outcomes.ts';
import { Picking } from '../../src/upstreams/picking.ts';
import { LIMITS } from '../../test/support/local-settings.ts';
import { routeConfig } from '../../test/support/route-config.ts';
import { standIn } from '../../test/support/stand-in.ts';

/** Calls that run at a time, and begin and end in the same turns, as with ten connections of which four are read in a turn. */
export const CALLS = 40;

const RESPONSE = HeaderList.of([':status', '200'], ['content-type', 'application/grpc']);
const TRAILERS = HeaderList.of(['grpc-status', '0']);
/** One gRPC message of 64 bytes. */
const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 64]), Buffer.alloc(64)]);
export interface CallTerms {
  readonly leastRequests?: true;
  readonly outliers?: true;
  readonly deadlineMs?: number;
  readonly retry?: RetryConfig;
  readonly tracing?: CallTracing;
  /** In addition to the retry policy. */
  readonly policies?: readonly Policy[];
  readonly observers?: readonly ExchangeObserver[];
  /** The header list of all calls. */
  readonly list?: HeaderList;
  /** The header lists of a batch of calls, one for each call, as a connection has decoded them. By default all calls have the same. */
  readonly nextLists?: () => readonly HeaderList[];
}

/** Takes everything, and says nothing. */
class QuietStream {
  readonly sentStatus = undefined;
  readonly roomBytes = Number.POSITIVE_INFINITY;
  get room(): StreamRoom {
    throw new Error('nobody looks');
  }
  sendHeaders(): boolean {
    return true;
  }
  sendData(_bytes: Buffer, start: number, end: number): number {
    return end - start;
  }
  credit(): void {}
  reset(): boolean {
    return true;
  }
}

class QuietConnection {
  readonly http2 = standIn<Connection>({ peerMaxHeaderListBytes: Number.POSITIVE_INFINITY });
  readonly hasCapacity = true;
  activeStreams = 0;
  readonly #owners: StreamOwner[];

  constructor(owners: StreamOwner[]) {
    this.#owners = owners;
  }

  openStream(owner: StreamOwner): Stream {
    this.activeStreams++;
    this.#owners.push(owner);
    return standIn<Stream>(new QuietStream());
  }

  endStream(_stream: Stream, _code: number, holding: Holding): void {
    this.activeStreams--;
    holding.give();
  }

  noteResponse(): void {}
}

class QuietEndpoint {
  readonly protocol = 'http2';
  readonly address: Address;
  readonly counts = new EndpointCounts();
  readonly outcomes: EndpointOutcomes | undefined;
  readonly isExcluded = false;
  readonly lastFailure = undefined;
  readonly weight = 1;
  readonly #ready: readonly QuietConnection[];
  #picked: QuietConnection | undefined = undefined;

  constructor(number: number, hasOutliers: boolean, owners: StreamOwner[]) {
    const text = `192.0.2.${number}:50051`;
    this.address = { kind: 'unix', path: text, text };
    this.#ready = [new QuietConnection(owners)];
    this.outcomes = hasOutliers
      ? new EndpointOutcomes({
          consecutive: 5,
          failingStatuses: new Set(['UNAVAILABLE']),
          onOutlier: () => undefined,
          onReachedAgain: () => undefined,
        })
      : undefined;
  }

  get isPickable(): boolean {
    this.#picked = this.#ready.find(({ hasCapacity }) => hasCapacity);
    return this.#picked !== undefined;
  }

  get activeCalls(): number {
    return this.#ready[0].activeStreams;
  }

  takePicked(): UpstreamConnection | undefined {
    const picked = this.#picked;
    this.#picked = undefined;
    return picked === undefined ? undefined : standIn<UpstreamConnection>(picked);
  }
}

function upstreamWith({ leastRequests, outliers }: CallTerms, owners: StreamOwner[]): CallTarget {
  const endpoints = [1, 2, 3].map((number) =>
    standIn<CallEndpoint>(new QuietEndpoint(number, outliers === true, owners)),
  );
  const balancer =
    leastRequests === true ? new LeastRequests<CallEndpoint>() : new RoundRobin<CallEndpoint>();
  balancer.use(endpoints);
  const picking = new Picking<CallEndpoint>();
  const shares = new ClientShares<never>(100, () => Number.POSITIVE_INFINITY);
  return standIn<CallTarget>({
    name: 'voice',
    protocol: 'h2c',
    shares,
    hash: undefined,
    pickFor: (holding: Holding, tried: readonly CallEndpoint[]) => {
      picking.tried = tried;
      return shares.mayTake(holding) ? balancer.pick(picking) : undefined;
    },
  });
}

function rethrow(error: unknown): never {
  throw error;
}

function contextWith(terms: CallTerms, owners: StreamOwner[]): RelayContext {
  const { deadlineMs, retry } = terms;
  const route: RouteConfig = routeConfig({
    match: { path: '/a.*' },
    ...(retry === undefined ? {} : { retry }),
    ...(deadlineMs === undefined
      ? {}
      : { timeouts: { deadlineMs, maxDeadlineMs: undefined, idleMs: undefined } }),
  });
  const retries = retryPolicy(route);
  const policies = [...(terms.policies ?? []), ...(retries === undefined ? [] : [retries])];
  const plan = policies.length === 0 ? PLAIN : new CallPlan(policies, rethrow);
  const requestIds = new RequestIds();
  return {
    snapshot: standIn<Snapshot>({
      epoch: 1,
      plans: { of: (of: RouteConfig | undefined) => (of === undefined ? PLAIN : plan) },
      routes: compileRoutes([route]),
      upstreams: new Map([['voice', upstreamWith(terms, owners)]]),
      tracing: terms.tracing,
      limits: { ...LIMITS, concurrentStreams: 1000, headerFields: 99 },
    }),
    observers: new Observers(terms.observers ?? [{ onFinish: () => undefined }], rethrow),
    deadlines: new DeadlineWheel(),
    tokenLines: new TokenLines(new DeadlineWheel()),
    requestIds,
    callFields: new CallFields(requestIds),
    replayBuffer: new ReplayBuffer(),
    terms: new ClientTerms(),
    accounts: new ClientAccounts(),
    decisions: 0,
    onViolation: () => undefined,
    onFault: rethrow,
  };
}

/** @returns what makes a batch of calls */
export function sceneWith(terms: CallTerms): () => void {
  const owners: StreamOwner[] = [];
  const context = contextWith(terms, owners);
  const account = context.accounts.open('192.0.2.77');
  const home = {
    mostHeaderListBytes: Number.POSITIVE_INFINITY,
    responseBegan: () => undefined,
    accountFor: () => account,
    exchangeFinished: () => undefined,
  };
  const list = HeaderList.of([':method', 'POST'], [':path', '/a.B/C'], ['content-type', 'application/grpc']);
  const peer = {
    listener: 'l',
    client: '192.0.2.77:1',
    clientAddress: '192.0.2.77',
    tls: '',
    trusted: false,
  };
  const kind = new CallKind(list, peer, context.snapshot);
  const received = terms.list ?? list;
  const same = new RequestHead(received, kind);
  return () => {
    owners.length = 0;
    const lists = terms.nextLists?.();
    beginTurn();
    for (let call = 0; call < CALLS; call++) {
      const own = lists === undefined ? received : lists[call];
      const head = lists === undefined ? same : new RequestHead(own, kind);
      const exchange = beginCall(context, home, new QuietStream(), head, own);
      exchange.start(false);
      exchange.onData(MESSAGE, 0, MESSAGE.length, true);
    }
    endTurn();
    beginTurn();
    for (const owner of owners) {
      owner.onResponse(RESPONSE, false);
      owner.onData(MESSAGE, 0, MESSAGE.length, false);
      owner.onTrailers(TRAILERS);
    }
    endTurn();
    // The end of the turn.
    context.deadlines.advance();
  };
}

const REPEATS = 10;
const WARM_UP = 300;

/** Prints nanoseconds per call of each variant, of batches by turns: the tenth percentile, and how much more it is than the first. */
export function measure(variants: Readonly<Record<string, CallTerms>>, batches: number): never {
  const scenes = Object.entries(variants).map(([name, terms]) => ({
    name,
    run: sceneWith(terms),
    samples: new Array<number>(),
  }));
  for (let batch = 0; batch < WARM_UP; batch++) for (const { run } of scenes) run();
  for (let batch = 0; batch < batches; batch++) {
    for (const { run, samples } of scenes) {
      const begin = process.hrtime.bigint();
      for (let repeat = 0; repeat < REPEATS; repeat++) run();
      samples.push(Number(process.hrtime.bigint() - begin) / (REPEATS * CALLS));
    }
  }
  const [first] = scenes.map(({ samples }) => tenthPercentile(samples));
  for (const { name, samples } of scenes) {
    const figure = tenthPercentile(samples);
    console.log(
      `${name.padEnd(28)} ${figure.toFixed(0).padStart(6)} ns per call, ${(figure - first).toFixed(0)} more than ${scenes[0].name}`,
    );
  }
  process.exit();
}

function tenthPercentile(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 10)];
}
