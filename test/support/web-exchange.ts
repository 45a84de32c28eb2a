// A gRPC-Web call without sockets: the client's stream, the translator, the exchange behind it, and the stream to the service.
// Both streams record what is sent on them.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ClientCall } from '../../src/calls/client-call.ts';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { Observers } from '../../src/calls/observers.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { encodeBase64 } from '../../src/grpc/grpc-web-base64.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { beginCall } from '../../src/relay/begin-call.ts';
import { CallFields } from '../../src/relay/call-fields.ts';
import { CallKind } from '../../src/relay/call-kind.ts';
import { ClientTerms } from '../../src/relay/client-terms.ts';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';
import { RequestHead } from '../../src/relay/request-head.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { ClientAccounts } from '../../src/upstreams/client-accounts.ts';
import { RecordedConnection, ScriptedUpstream } from './attempt-parts.ts';
import { LIMITS } from './local-settings.ts';
import { plansWithoutParts } from './plans-without-parts.ts';
import { RecordedStream } from './recorded-stream.ts';
import { routeConfig } from './route-config.ts';

const RESPONSE = HeaderList.of([':status', '200'], ['content-type', 'application/grpc']);

export class WebExchange {
  readonly client = new RecordedStream();
  readonly connection = new RecordedConnection('a:1');
  readonly translator: ClientCall;
  readonly records: ExchangeRecord[] = [];
  homecomings = 0;

  constructor(t: TestContext, contentType = 'application/grpc-web') {
    t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
    const routes = [routeConfig({ match: { path: '/a.*' }, grpcWeb: { origins: undefined } })];
    const snapshot = {
      epoch: 1,
      routes: compileRoutes(routes),
      plans: plansWithoutParts(routes, (error) => {
        throw error;
      }),
      upstreams: new Map([['voice', new ScriptedUpstream(this.connection).asUpstream]]),
      limits: {
        ...LIMITS,
        concurrentStreams: 1,
        headerFields: 99,
      },
    };
    const requestIds = new RequestIds();
    const context = {
      snapshot,
      observers: new Observers([{ onFinish: (record) => this.records.push(record) }], () => undefined),
      deadlines: new DeadlineWheel(() => 0),
      tokenLines: new TokenLines(new DeadlineWheel(() => 0)),
      requestIds,
      callFields: new CallFields(requestIds),
      replayBuffer: new ReplayBuffer(65_536),
      terms: new ClientTerms(),
      decisions: 0,
      accounts: new ClientAccounts(),
      onViolation() {},
      onFault() {},
    };
    const list = HeaderList.of([':method', 'POST'], [':path', '/a.B/C'], ['content-type', contentType]);
    const peer = { listener: 'l', client: 'c:1', clientAddress: 'c', tls: '', trusted: false };
    const head = new RequestHead(list, new CallKind(list, peer, snapshot));
    assert.ok(head.translation !== undefined);
    const account = context.accounts.open('c');
    const home = {
      mostHeaderListBytes: Number.POSITIVE_INFINITY,
      responseBegan() {},
      accountFor: () => account,
      exchangeFinished: () => {
        this.homecomings++;
      },
    };
    this.translator = beginCall(context, home, this.client.stream, head, list);
    this.client.stream.owner = this.translator;
    this.translator.start(false);
    this.attempt.takeLog();
  }

  /** The stream to the service. */
  get attempt(): RecordedStream {
    return this.connection.streams[0];
  }

  /** The client sends DATA. */
  sends(content: Buffer | string, endStream = false): void {
    const bytes = Buffer.from(content);
    this.translator.onData(bytes, 0, bytes.length, endStream);
  }

  /** The service sends response headers and DATA. */
  responds(...pieces: readonly Buffer[]): void {
    const { owner } = this.attempt.stream;
    owner.onResponse(RESPONSE, false);
    for (const piece of pieces) owner.onData(piece, 0, piece.length, false);
  }

  /** Lets the client accept this many bytes. */
  makesRoom(bytes: number): void {
    this.client.room = bytes;
    this.translator.onWritable();
  }

  /** @returns the content of all DATA sent to the client since the last call */
  takeContent(): string {
    return this.client
      .takeLog()
      .map((line) => /^data "([^]*)"/.exec(line)?.[1] ?? '')
      .join('');
  }

  finishesOnce(grpcStatus: string, token = ''): void {
    assert.equal(this.records.length, 1);
    assert.equal(this.homecomings, 1);
    assert.equal(this.records[0].grpcStatus, grpcStatus);
    assert.ok(this.records[0].reason.startsWith(token), this.records[0].reason);
  }
}

export function base64(content: Buffer | string): string {
  const bytes = Buffer.from(content.toString('latin1'), 'latin1');
  return encodeBase64(bytes, 0, bytes.length).toString('latin1');
}
