// An exchange on streams that are connected to nothing.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CallTracing } from '../../src/calls/call-tracing.ts';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { Observers } from '../../src/calls/observers.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { TraceIds } from '../../src/calls/trace-ids.ts';
import type { RouteTimeoutsConfig } from '../../src/config/route-config.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CallFields } from '../../src/relay/call-fields.ts';
import { CallKind } from '../../src/relay/call-kind.ts';
import { NO_POLICIES } from '../../src/relay/call-plan.ts';
import { ClientTerms } from '../../src/relay/client-terms.ts';
import { Exchange } from '../../src/relay/exchange.ts';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';
import { RequestHead } from '../../src/relay/request-head.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { ClientAccounts } from '../../src/upstreams/client-accounts.ts';
import { RecordedConnection, ScriptedUpstream } from './attempt-parts.ts';
import { LIMITS } from './local-settings.ts';
import { RecordedStream } from './recorded-stream.ts';
import { routeConfig } from './route-config.ts';

const GRPC = { method: 'POST', path: '/a.B/C', contentType: 'application/grpc' };
const limits = {
  ...LIMITS,
  concurrentStreams: 1,
  headerFields: 99,
};

const TRACING = new CallTracing(
  { formats: { w3c: true, grpcTraceBin: false }, share: 1, parents: 'none' },
  new TraceIds(),
);

export class Ran {
  readonly client = new RecordedStream();
  readonly connection = new RecordedConnection('a:1');
  readonly upstream = new ScriptedUpstream(this.connection);
  readonly records: ExchangeRecord[] = [];
  readonly exchange: Exchange;
  readonly faults: unknown[] = [];
  onRecord: (record: ExchangeRecord) => unknown = (record) => this.records.push(record);
  homecomings = 0;
  readonly terms = new ClientTerms();
  nowMs = 0;
  readonly deadlines = new DeadlineWheel(() => this.nowMs);

  constructor(
    t: TestContext,
    request: Partial<typeof GRPC> & { readonly timeouts?: Partial<RouteTimeoutsConfig> } = {},
    timeout?: string,
    isRefusing = false,
    mostHeaderListBytes = Number.POSITIVE_INFINITY,
  ) {
    t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
    this.terms.isRefusingCalls = isRefusing;
    const { method, path, contentType } = { ...GRPC, ...request };
    const timeouts = {
      deadlineMs: undefined,
      maxDeadlineMs: undefined,
      idleMs: undefined,
      ...request.timeouts,
    };
    const snapshot = {
      epoch: 1,
      plans: NO_POLICIES,
      tracing: TRACING,
      routes: compileRoutes([routeConfig({ match: { path: '/a.*' }, timeouts })]),
      upstreams: new Map([['voice', this.upstream.asUpstream]]),
      limits,
    };
    const list = HeaderList.of([':method', method], [':path', path], ['content-type', contentType]);
    if (timeout !== undefined) list.add('grpc-timeout', timeout);
    const peer = { listener: 'l', client: 'c:1', clientAddress: 'c', tls: '', trusted: false };
    const requestIds = new RequestIds();
    const context = {
      snapshot,
      observers: new Observers([{ onFinish: (record) => this.onRecord(record) }], (error) =>
        this.faults.push(error),
      ),
      deadlines: this.deadlines,
      tokenLines: new TokenLines(this.deadlines),
      requestIds,
      callFields: new CallFields(requestIds),
      replayBuffer: new ReplayBuffer(65_536),
      terms: this.terms,
      decisions: 0,
      accounts: new ClientAccounts(),
      onViolation() {},
      onFault: (error: unknown) => this.faults.push(error),
    };
    const account = context.accounts.open('c');
    const home = {
      mostHeaderListBytes,
      responseBegan() {},
      accountFor: () => account,
      exchangeFinished: () => this.homecomings++,
    };
    const kind = new CallKind(list, peer, snapshot);
    this.exchange = new Exchange(context, home, this.client.stream, new RequestHead(list, kind));
    this.exchange.trace = TRACING.begin(kind, list);
    this.exchange.start(true);
  }

  /** What the upstream says on the stream of the attempt. */
  get attempt(): RecordedStream {
    return this.connection.streams[0];
  }

  finishes(endedBy: string, grpcStatus: string, token = ''): void {
    const [record] = this.records;
    assert.deepEqual([this.records.length, this.homecomings], [1, 1]);
    assert.deepEqual([record.endedBy, record.grpcStatus], [endedBy, grpcStatus]);
    assert.ok(record.reason.startsWith(token), record.reason);
    assert.equal(this.deadlines.size, 0);
    assert.equal(this.connection.released, this.connection.streams.length);
  }
}
