// The stream of load reports of one endpoint, to services on real sockets that behave in every way.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { FloodLimitsConfig } from '../../src/config/config.ts';
import type { OrcaConfig } from '../../src/config/upstream-config.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { EndpointAccess } from '../../src/health/endpoint-access.ts';
import { LoadStream, type LoadStreamParts } from '../../src/health/load-stream.ts';
import type { ReportResult } from '../../src/health/load-weight.ts';
import { eventually } from '../support/eventually.ts';
import { doubleField, loadReportOf, type ReportedLoad } from '../support/load-report.ts';
import { answerUnimplemented, LoadService, type LoadServiceOptions } from '../support/load-service.ts';
import { addressOf } from '../support/object-source.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { type RawRequest, startRawServer, startSocketServer } from '../support/raw-server.ts';

const CONFIG: OrcaConfig = {
  reportingMs: 1000,
  blackoutMs: 0,
  weightExpirationMs: 180_000,
  updateMs: 1000,
  errorUtilizationPenalty: 1,
};
const LOAD: ReportedLoad = { rps: 100, cpu: 0.5 };

class Watched {
  readonly stream: LoadStream;
  readonly results: ReportResult[] = [];
  readonly told: string[] = [];

  constructor(
    t: TestContext,
    address: string,
    floods: FloodLimitsConfig,
    parts: Partial<LoadStreamParts> = {},
  ) {
    this.stream = new LoadStream({
      target: new EndpointAccess({ name: 'voice', tls: undefined }, floods).targetOf(addressOf(address)),
      config: CONFIG,
      connectTimeoutMs: 5000,
      before: undefined,
      // Begins at once.
      random: () => 0,
      ...parts,
      events: {
        onReport: (_stream, result) => this.results.push(result),
        onRefused: (stream) => this.told.push(stream.state(performance.now()).why ?? 'no reason'),
        onReporting: () => this.told.push('reports'),
        onFault: (error) => assert.fail(String(error)),
      },
    });
    t.after(() => this.stream.close());
  }

  get weight(): number | undefined {
    return this.stream.state(performance.now()).weight;
  }

  get why(): string {
    return this.stream.state(performance.now()).why ?? '';
  }

  wantWhy(pattern: RegExp): Promise<true> {
    return eventually(`why is ${pattern}`, () => pattern.test(this.why));
  }
}

async function floodLimits(): Promise<FloodLimitsConfig> {
  return configOf(await proxyConfigText({})).limits.floods;
}

async function start(
  t: TestContext,
  options: LoadServiceOptions,
  parts: Partial<LoadStreamParts> = {},
): Promise<{ readonly service: LoadService; readonly watched: Watched }> {
  const service = await LoadService.start(t, options);
  return { service, watched: new Watched(t, service.address, await floodLimits(), parts) };
}

test('a server is asked once, in the words of gRPC, and its newest report counts', async (t) => {
  const { service, watched } = await start(t, { load: LOAD });
  await eventually('the first report counts', () => watched.weight === 200);
  const [request] = service.asked;
  assert.equal(request.field(':path'), '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics');
  assert.equal(request.field('content-type'), 'application/grpc');
  assert.equal(request.field('te'), 'trailers');
  assert.equal(request.field(':authority'), service.address);
  assert.deepEqual([...request.body], [0, 0, 0, 0, 4, 0x0a, 2, 0x08, 1]);
  service.report({ rps: 100, cpu: 0.25 });
  await eventually('the next report counts', () => watched.weight === 400);
  assert.deepEqual(watched.told, ['reports']);
  assert.equal(service.asked.length, 1);
});

test('a server without the service is told of once, and not asked again soon', async (t) => {
  const { service, watched } = await start(t, { answer: answerUnimplemented });
  await watched.wantWhy(/has no xds\.service\.orca\.v3\.OpenRcaService \(UNIMPLEMENTED\)/);
  assert.equal(watched.told.length, 1);
  await service.server.peers[0].wantClosed();
  assert.equal(service.server.peers.length, 1);
});

test('a server without gRPC is one without the service', async (t) => {
  const { watched } = await start(t, {
    answer: ({ peer, streamId }) => peer.sendHeaders(streamId, [[':status', '404']], true),
  });
  await watched.wantWhy(/UNIMPLEMENTED/);
});

/** What ends a stream, and the reason that is told. The next stream is asked for by itself. */
const ENDS: readonly (readonly [name: string, end: (request: RawRequest) => void, why: RegExp])[] = [
  [
    'a status',
    (request) =>
      request.sendTrailers([
        ['grpc-status', '14'],
        ['grpc-message', 'busy'],
      ]),
    /UNAVAILABLE: busy/,
  ],
  ['a status that is good', (request) => request.sendTrailers(), /ended its load reports with OK/],
  ['a reset', (request) => request.reset(2), /reset the request \(INTERNAL_ERROR\)/],
  ['the end of the connection', ({ peer }) => peer.destroy(), /broke the connection off/],
  [
    'no grpc-status',
    ({ peer, streamId }) => peer.sendData(streamId, Buffer.alloc(0), true),
    /HTTP status 200/,
  ],
];

for (const [name, end, why] of ENDS) {
  test(`after ${name} the stream is opened again`, async (t) => {
    const { service, watched } = await start(t, { load: LOAD });
    await eventually('a report counts', () => watched.weight !== undefined);
    end(service.asked[0]);
    await watched.wantWhy(why);
    await eventually(
      'it is asked again, and reports',
      () => service.asked.length === 2 && watched.why === '',
    );
    // Only what a person must know is told: that it reports.
    assert.deepEqual(watched.told, ['reports']);
  });
}

const IMPOSSIBLE = Buffer.concat([loadReportOf(LOAD), doubleField(1, Number.NaN)]);

test('a report that cannot be true is left out, and the one before goes on', async (t) => {
  const { service, watched } = await start(t, { load: LOAD });
  await eventually('a report counts', () => watched.weight === 200);
  service.asked[0].sendMessage(IMPOSSIBLE);
  service.asked[0].sendMessage(IMPOSSIBLE);
  service.report({ rps: 1, cpu: Number.MIN_VALUE });
  await eventually('they have come', () => watched.results.length === 4);
  assert.equal(watched.weight, 200);
  assert.deepEqual(watched.results, ['used', 'refused', 'refused', 'refused']);
  assert.deepEqual(watched.told, [
    'reports',
    'sent a load report that cannot be true (cpu_utilization: NaN)',
  ]);
  service.report({ rps: 100, cpu: 1 });
  await eventually('the next good one counts', () => watched.weight === 100);
  assert.deepEqual([watched.told.at(-1), watched.why], ['reports', '']);
});

/** What is no load report, and ends the stream. */
const BREACHES: readonly (readonly [name: string, bytes: Buffer, why: RegExp])[] = [
  [
    'bytes that are no message of Protocol Buffers',
    grpcMessage(Buffer.from([0x09, 1, 2])),
    /no OrcaLoadReport/,
  ],
  ['a group', grpcMessage(Buffer.from([0x0b, 0x0c])), /no OrcaLoadReport/],
  ['a message that is too long', Buffer.from([0, 0, 1, 0, 1]), /a message of 65537 bytes/],
  ['a compressed message', Buffer.from([1, 0, 0, 0, 0]), /a compressed message/],
];

for (const [name, bytes, why] of BREACHES) {
  test(`a server that sends ${name} is left alone for a while`, async (t) => {
    const { service, watched } = await start(t, { load: LOAD });
    await eventually('a report counts', () => watched.weight === 200);
    const [{ peer, streamId }] = service.asked;
    peer.sendData(streamId, bytes);
    await watched.wantWhy(why);
    await peer.wantClosed();
    assert.equal(service.server.peers.length, 1);
    // What it has said before goes on until it expires.
    assert.equal(watched.weight, 200);
    assert.equal(watched.told.length, 2);
  });
}

test('a flood of reports ends the stream after a hundred, and the newest of them counts', async (t) => {
  const { service, watched } = await start(t, {
    answer: (request) => {
      request.sendHeaders();
      const report = grpcMessage(loadReportOf(LOAD));
      const many = Buffer.concat(Array.from({ length: 200 }, () => report));
      // A million within what a peer may send ahead, then as it allows more.
      for (let count = 0; count < 5000 && !request.peer.isClosed; count++)
        request.peer.sendData(request.streamId, many);
    },
  });
  await watched.wantWhy(/sent more than 20 load reports a second/);
  await service.server.peers[0].wantClosed();
  assert.ok(watched.results.length >= 100 && watched.results.length < 200, String(watched.results.length));
  assert.equal(watched.weight, 200);
  assert.equal(watched.told.length, 2);
});

test('a report cut at every byte is read, or is none', async (t) => {
  const report = loadReportOf({ rps: 100, cpu: 0.5, application: 0.4, eps: 2 });
  for (let length = 0; length < report.length; length++) {
    const { service, watched } = await start(t, {
      answer: (request) => {
        request.sendHeaders();
        request.sendMessage(report.subarray(0, length));
      },
    });
    await eventually('it was read', () => watched.results.length > 0 || watched.told.length > 0);
    const isWhole = length % 9 === 0;
    assert.equal(watched.results.length > 0, isWhole, `${length} bytes`);
    assert.equal(/no OrcaLoadReport/.test(watched.why), !isWhole, `${length} bytes: ${watched.why}`);
    watched.stream.close();
    service.server.close();
  }
});

test('a report that comes byte by byte is one report', async (t) => {
  const { watched } = await start(t, {
    answer: (request) => {
      request.sendHeaders();
      for (const byte of grpcMessage(loadReportOf(LOAD)))
        request.peer.sendData(request.streamId, Buffer.from([byte]));
    },
  });
  await eventually('it counts', () => watched.weight === 200);
  assert.deepEqual(watched.results, ['used']);
});

test('a report in thousands of pieces ends the stream', async (t) => {
  const { service, watched } = await start(t, {
    answer: (request) => {
      request.sendHeaders();
      // Field 15, which nobody reads, of 60,000 bytes.
      const long = Buffer.concat([Buffer.from([0x7a, 0xe0, 0xd4, 0x03]), Buffer.alloc(60_000)]);
      for (const byte of grpcMessage(long)) request.peer.sendData(request.streamId, Buffer.from([byte]));
    },
  });
  await watched.wantWhy(/sent load reports in more than 200 pieces a second/);
  await service.server.peers[0].wantClosed();
  assert.deepEqual(watched.results, []);
});

test('a server that never answers is given up, and tried again', async (t) => {
  let connections = 0;
  const server = await startSocketServer(() => connections++);
  t.after(() => server.close());
  const watched = new Watched(t, server.address, await floodLimits(), { connectTimeoutMs: 50 });
  await watched.wantWhy(/gave no answer \(waiting for its HTTP\/2 SETTINGS\)/);
  await eventually('it is connected to again', () => connections > 1);
});

test('a server that cannot be reached is tried again', async (t) => {
  const service = await LoadService.start(t, { load: LOAD });
  const { port, address } = service.server;
  service.server.close();
  const watched = new Watched(t, address, await floodLimits());
  await watched.wantWhy(/refused the connection/);
  await LoadService.start(t, { load: LOAD, port });
  await eventually('it reports', () => watched.weight === 200);
});

test('with other settings the weight goes on, without a blackout at the new connection', async (t) => {
  const { service, watched } = await start(t, { load: LOAD });
  await eventually('it reports', () => watched.weight === 200);
  // No report of the new connection counts within this test.
  const config = { ...CONFIG, blackoutMs: 3_600_000 };
  const before = watched.stream;
  const next = new Watched(t, service.address, await floodLimits(), { config, before });
  const stranger = new Watched(t, service.address, await floodLimits(), { config });
  before.close();
  await eventually('both report', () => next.results.length === 1 && stranger.results.length === 1);
  const nowMs = performance.now();
  const rest = ({ stream }: Watched) => stream.state(nowMs).blackoutMs;
  assert.ok(rest(next) < rest(stranger), `${rest(next)} < ${rest(stranger)}`);
  assert.deepEqual([next.told, stranger.told], [[], ['reports']]);
});

test('a connection from which nothing comes is asked for a sign of life, and given up without one', async (t) => {
  let connections = 0;
  const silent = await startRawServer({ answersSettings: false, onConnection: () => connections++ });
  t.after(() => silent.close());
  const watched = new Watched(t, silent.address, await floodLimits(), { silenceMs: 20 });
  await watched.wantWhy(/gave no answer \(waiting for a sign of life\)/);
  await eventually('it is connected to again', () => connections > 1);
});

test('a server that gives its sign of life is not given up, however seldom it reports', async (t) => {
  const { service, watched } = await start(t, { load: LOAD }, { silenceMs: 500 });
  await eventually('it reports', () => watched.weight === 200);
  const [{ peer }] = service.asked;
  const asks = () =>
    peer.frames.filter(({ type, flags }) => type === FrameType.SETTINGS && flags === 0).length;
  await eventually('it was asked several times', () => asks() > 3);
  assert.deepEqual([service.asked.length, watched.why], [1, '']);
});
