// The observer that writes calls down for the exporter, with a clock of the test's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallTracing } from '../../src/calls/call-tracing.ts';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { TraceIds } from '../../src/calls/trace-ids.ts';
import type { TraceConfig } from '../../src/config/trace-config.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Span } from '../../src/tracing/span.ts';
import { readSpans } from '../../src/tracing/span-lines.ts';
import { Tracing } from '../../src/tracing/tracing.ts';
import { standIn } from '../support/stand-in.ts';

const CONFIG: TraceConfig = {
  exporter: { protocol: 'http', url: 'http://127.0.0.1:4318/v1/traces' },
  headers: new Map(),
  share: 1,
  parents: 'trusted',
  onError: true,
  formats: { w3c: true, grpcTraceBin: false },
  intervalMs: 60_000,
  service: 'framegate',
};
const KIND = { trusted: false, isGrpc: true, isMethodNamed: false, httpMethod: 'POST' };
const SUBJECT = standIn<ExchangeSubject>({
  listener: 'public',
  client: '192.0.2.1:1234',
  tls: 'TLSv1.3',
  authority: 'a.test',
  method: '/a.B/C',
  route: 'all',
  upstream: 'voice',
  kept: [],
});
const NOTHING = { requestBytes: 0, responseBytes: 0, requestMessages: 0, responseMessages: 0 };

class Scene {
  nowMs = 1_000_000;
  readonly exported: Span[] = [];
  limited = 0;
  readonly tracing = new Tracing({ now: () => this.nowMs });

  constructor() {
    this.tracing.deliverTo(({ lines, count, limited }, taken) => {
      const spans = count === 0 ? [] : readSpans(lines);
      assert.equal(spans.length, count);
      this.exported.push(...spans);
      this.limited += limited;
      taken();
    });
  }

  async use(config: TraceConfig | undefined): Promise<void> {
    await this.tracing.prepare(config).commit();
  }

  start(share = 1) {
    const { formats, parents } = CONFIG;
    const trace = new CallTracing({ formats, parents, share }, new TraceIds()).begin(KIND, new HeaderList());
    const exchange = { subject: SUBJECT, number: 1, requestId: 1, trace, traffic: { ...NOTHING } };
    this.tracing.onStart(exchange);
    return exchange;
  }

  finish({ trace }: ReturnType<Scene['start']>, grpcStatus = 'OK'): void {
    // As the exchange does.
    trace.watch?.close();
    this.tracing.onFinish(
      standIn<ExchangeRecord>({
        ...NOTHING,
        subject: SUBJECT,
        trace,
        grpcStatus,
        httpStatus: 200,
        startedAtEpochMs: 1_800_000_000_000.25,
        durationMs: 1.5,
        attempts: 1,
        endedBy: 'upstream',
        reason: '',
        endpoint: '',
      }),
    );
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.tracing.wheel.advance();
  }
}

test('a reload turns traces on and off in two steps, and what is left is sent', async () => {
  const scene = new Scene();
  const change = scene.tracing.prepare(CONFIG);
  assert.equal(scene.tracing.isOn, false, 'not before the commit');
  await change.commit();
  assert.equal(scene.tracing.isOn, true);
  scene.finish(scene.start());
  await scene.use(undefined);
  assert.equal(scene.tracing.isOn, false);
  scene.tracing.close();
  assert.equal(scene.exported.length, 1);
  const discarded = scene.tracing.prepare(CONFIG);
  await discarded.discard();
  assert.equal(scene.tracing.isOn, false);
});

test('a long stream: its opening once it has proved long, then what each interval has carried, until it ends', async () => {
  const scene = new Scene();
  await scene.use(CONFIG);
  const stream = scene.start();
  scene.pass(9000);
  assert.equal(scene.tracing.wheel.size, 1);
  scene.pass(2000);
  stream.traffic.requestMessages = 5;
  scene.pass(50_000);
  stream.traffic.requestMessages = 7;
  stream.traffic.responseBytes = 100;
  scene.pass(60_000);
  scene.finish(stream);
  assert.equal(scene.tracing.wheel.size, 0, 'no timer is left');
  scene.pass(600_000);
  scene.tracing.close();
  assert.deepEqual(
    scene.exported.map(({ name, attributes }) => [
      name,
      attributes['framegate.request.messages'],
      attributes['framegate.request.messages_so_far'],
    ]),
    [
      ['open', undefined, undefined],
      ['interval', 5, 5],
      ['interval', 2, 7],
      ['a.B/C', 0, undefined],
    ],
  );
  const [open, first, second, call] = scene.exported;
  assert.equal(open.startEpochMs, open.endEpochMs);
  assert.deepEqual([first.startEpochMs, second.startEpochMs], [open.startEpochMs, first.endEpochMs]);
  for (const report of [open, first, second])
    assert.deepEqual([report.traceId, report.parentId], [call.traceId, call.spanId]);
});

test('a call that is short, or not sampled, or with interval: off, sends no reports', async () => {
  const scene = new Scene();
  await scene.use(CONFIG);
  scene.finish(scene.start());
  scene.start(0);
  await scene.use({ ...CONFIG, intervalMs: undefined });
  scene.start();
  assert.equal(scene.tracing.wheel.size, 0);
});

test('reports stop where traces are turned off', async () => {
  const scene = new Scene();
  await scene.use(CONFIG);
  scene.start();
  await scene.use(undefined);
  scene.pass(600_000);
  assert.equal(scene.tracing.wheel.size, 0);
  assert.equal(scene.exported.length, 0);
});

test('failed calls that are not sampled are exported up to a number in a second, and counted beyond it', async () => {
  const scene = new Scene();
  await scene.use({ ...CONFIG, share: 0 });
  for (let call = 0; call < 150; call++) scene.finish(scene.start(0), 'UNAVAILABLE');
  scene.nowMs += 1000;
  scene.finish(scene.start(0), 'INTERNAL');
  scene.finish(scene.start(0), 'NOT_FOUND');
  scene.tracing.close();
  assert.equal(scene.exported.length, 101);
  assert.equal(scene.limited, 50);
});

test('with onError: false a failed call that is not sampled is not exported', async () => {
  const scene = new Scene();
  await scene.use({ ...CONFIG, onError: false });
  scene.finish(scene.start(0), 'UNAVAILABLE');
  scene.tracing.close();
  assert.equal(scene.exported.length, 0);
});
