// What happens to clients and upstreams is said once a minute for each peer and token; faults of ours are always said.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { ConnectionError, StreamError } from '../../src/h2/errors.ts';
import { makeRefusal } from '../../src/listeners/refusal.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { EventMetrics } from '../../src/observability/event-metrics.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import { ProcessLog } from '../../src/plane/process-log.ts';
import type { Endpoint } from '../../src/upstreams/endpoint.ts';
import { standIn } from '../support/stand-in.ts';

interface Line {
  readonly level: string;
  readonly fields: LogFields;
  readonly message: string;
}

class Kept {
  readonly lines: Line[] = [];
  readonly ring = new DiagnosisRing();
  readonly metrics = new EventMetrics({ refusals: [], failures: [], faultLayers: [] });
  readonly log: ProcessLog;
  nowMs = 1_000_000;

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(performance, 'now', () => this.nowMs);
    const keep =
      (level: string) =>
      (fields: LogFields, message: string): void => {
        this.lines.push({ level, fields, message });
      };
    const logger = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
    this.log = new ProcessLog(standIn<Logger>(logger), this.ring, this.metrics);
  }

  takeLevels(): string[] {
    return this.lines.splice(0).map(({ level }) => level);
  }
}

const BAD_FRAME = new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'bad_frame', 'a bad frame');
const BAD_STREAM = new StreamError(1, ErrorCode.PROTOCOL_ERROR, 'bad_stream', 'a bad stream');
const CAUSE = new Error('ours');
const INTERNAL = new ConnectionError(ErrorCode.INTERNAL_ERROR, 'internal_error', 'internal error', {
  cause: CAUSE,
});
const ENDPOINT = standIn<Endpoint>({
  address: { kind: 'tcp', host: '192.0.2.9', port: 50_051, text: '192.0.2.9:50051' },
});
const OTHER = standIn<Endpoint>({ address: { kind: 'unix', path: '/run/s', text: 'unix:/run/s' } });
const REFUSED = { token: 'upstream_connection_refused', sentence: 'It refused.' };

test('a violation of a client is a warning with token and client', (t) => {
  const kept = new Kept(t);
  kept.log.violation('192.0.2.1:4000', BAD_FRAME);
  assert.equal(kept.lines[0].level, 'warn');
  assert.deepEqual(kept.lines[0].fields, { client: '192.0.2.1:4000', token: 'bad_frame' });
  assert.match(kept.lines[0].message, /a client broke a rule of HTTP\/2: a bad frame/);
});

test('the same of the same client, on whatever port, is said once a minute', (t) => {
  const kept = new Kept(t);
  for (let port = 4000; port < 4010; port++) kept.log.violation(`192.0.2.1:${port}`, BAD_FRAME);
  assert.equal(kept.takeLevels().length, 1);
  kept.nowMs += 59_999;
  kept.log.violation('192.0.2.1:5000', BAD_FRAME);
  assert.equal(kept.takeLevels().length, 0);
  kept.nowMs += 1;
  kept.log.violation('192.0.2.1:5000', BAD_FRAME);
  assert.equal(kept.takeLevels().length, 1);
});

test('another token and another client are news', (t) => {
  const kept = new Kept(t);
  kept.log.violation('192.0.2.1:4000', BAD_FRAME);
  kept.log.violation('192.0.2.1:4000', BAD_STREAM);
  kept.log.violation('192.0.2.2:4000', BAD_FRAME);
  kept.log.violation('[2001:db8::1]:4000', BAD_FRAME);
  kept.log.violation('[2001:db8::2]:4000', BAD_FRAME);
  assert.equal(kept.takeLevels().length, 5);
});

test('an internal error is logged as an error with its cause, every time', (t) => {
  const kept = new Kept(t);
  for (let time = 0; time < 3; time++) kept.log.violation('192.0.2.1:4000', INTERNAL);
  assert.deepEqual(kept.lines[0].fields, { client: '192.0.2.1:4000', err: CAUSE });
  assert.deepEqual(kept.takeLevels(), ['error', 'error', 'error']);
});

test('an internal error is always logged on connections to upstreams too, and is not called theirs', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  for (let time = 0; time < 3; time++) events.onViolation(ENDPOINT, INTERNAL);
  for (const { message } of kept.lines) assert.doesNotMatch(message, /an upstream broke a rule/);
  assert.deepEqual(kept.takeLevels(), ['error', 'error', 'error']);
});

test('refused clients are warned of once a minute, with the code; routine ones never', (t) => {
  const kept = new Kept(t);
  const refusal = makeRefusal('public', '192.0.2.1:4000', 'plaintext_on_tls_port', 'wrong version');
  kept.log.refused(refusal);
  kept.log.refused(refusal);
  assert.deepEqual(kept.lines, [
    {
      level: 'warn',
      fields: {
        listener: 'public',
        client: '192.0.2.1:4000',
        token: 'plaintext_on_tls_port',
        code: 'FG1001',
        detail: 'wrong version',
      },
      message: refusal.sentence,
    },
  ]);
  kept.takeLevels();
  const routine = makeRefusal('public', '192.0.2.1:4000', 'first_bytes_abandoned');
  kept.log.refused(routine);
  kept.log.refused(routine);
  assert.deepEqual(kept.takeLevels(), ['debug']);
});

test('every refusal is counted and kept, said or not', (t) => {
  const kept = new Kept(t);
  for (let port = 4000; port < 4003; port++)
    kept.log.refused(makeRefusal('public', `192.0.2.1:${port}`, 'plaintext_on_tls_port'));
  kept.log.refused(makeRefusal('public', '192.0.2.1:5000', 'first_bytes_abandoned'));
  assert.equal(kept.takeLevels().length, 2);
  const { counts, recent } = kept.ring.report();
  assert.deepEqual(counts, { FG1001: 3, FG1042: 1 });
  assert.deepEqual(
    recent.map(({ code, listener, client, count }) => [code, listener, client, count]),
    [
      ['FG1042', 'public', '192.0.2.1:5000', 1],
      ['FG1001', 'public', '192.0.2.1:4000', 3],
    ],
  );
});

test('every failure to reach an endpoint is counted and kept, said or not', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  for (let time = 0; time < 3; time++) events.onConnectFailed(ENDPOINT, REFUSED);
  events.onConnectFailed(OTHER, REFUSED);
  assert.equal(kept.lines[0].fields['code'], 'FG2001');
  const { counts, recent } = kept.ring.report();
  assert.deepEqual(counts, { FG2001: 4 });
  assert.deepEqual(
    recent.map(({ upstream, endpoint, sentence, count }) => [upstream, endpoint, sentence, count]),
    [
      ['voice', 'unix:/run/s', 'It refused.', 1],
      ['voice', '192.0.2.9:50051', 'It refused.', 3],
    ],
  );
});

test('a broken rule of HTTP/2 is no diagnosis', (t) => {
  const kept = new Kept(t);
  kept.log.violation('192.0.2.1:4000', BAD_FRAME);
  kept.log.upstreamEvents('voice').onViolation(ENDPOINT, BAD_FRAME);
  assert.deepEqual(kept.ring.report(), { counts: {}, recent: [], reasons: {} });
});

test('clients whose address has no port, or is unknown, are told apart', (t) => {
  const kept = new Kept(t);
  for (const client of ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', 'unix:', ''])
    kept.log.refused(makeRefusal('public', client, 'unknown_protocol'));
  assert.equal(kept.takeLevels().length, 6);
});

test('a detail without end is cut', (t) => {
  const kept = new Kept(t);
  kept.log.refused(makeRefusal('public', '192.0.2.1:4000', 'tls_handshake_failed', 'x'.repeat(10_000)));
  assert.equal(String(kept.lines[0].fields['detail']).length, 256);
});

test('what happens to connections upstream is logged with upstream and endpoint', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  events.onConnected(ENDPOINT);
  events.onRetired(ENDPOINT, 'GOAWAY: max_age', { ended: 0, repeated: 0 });
  events.onConnectFailed(ENDPOINT, REFUSED);
  events.onViolation(ENDPOINT, BAD_FRAME);
  assert.deepEqual(
    kept.lines.map(({ fields: { upstream, endpoint } }) => [upstream, endpoint]),
    Array.from({ length: 4 }, () => ['voice', '192.0.2.9:50051']),
  );
  assert.deepEqual(
    kept.lines.map(({ message }) => message),
    [
      'connected to the endpoint',
      'a connection to the endpoint takes no more calls: GOAWAY: max_age',
      'It refused.',
      `an upstream broke a rule of HTTP/2: ${BAD_FRAME.message}`,
    ],
  );
  assert.deepEqual(kept.takeLevels(), ['info', 'info', 'warn', 'warn']);
});

test('an endpoint that stays down, or breaks rules again and again, is warned of once a minute', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  for (let time = 0; time < 3; time++) {
    events.onConnectFailed(ENDPOINT, REFUSED);
    events.onViolation(ENDPOINT, BAD_STREAM);
  }
  assert.equal(kept.takeLevels().length, 2);
  events.onConnectFailed(OTHER, REFUSED);
  assert.equal(kept.takeLevels().length, 1);
  kept.nowMs += 60_000;
  events.onConnectFailed(ENDPOINT, REFUSED);
  assert.equal(kept.takeLevels().length, 1);
});

test('what it remembers is bounded, and the oldest is forgotten first', (t) => {
  const kept = new Kept(t);
  for (let host = 0; host < 5000; host++) kept.log.violation(`client-${host}:1`, BAD_FRAME);
  assert.equal(kept.takeLevels().length, 5000);
  kept.log.violation('client-4999:1', BAD_FRAME);
  kept.log.violation('client-1000:1', BAD_FRAME);
  assert.equal(kept.takeLevels().length, 0);
  kept.log.violation('client-0:1', BAD_FRAME);
  assert.equal(kept.takeLevels().length, 1);
});

test('calls that an endpoint loses within a second are one warning with their number, once a minute', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  const lose = (endpoint: Endpoint, ...calls: readonly number[]): void => {
    for (const count of calls)
      events.onRetired(endpoint, 'the connection was reset', { ended: count, repeated: 0 });
    t.mock.timers.tick(1000);
  };
  lose(ENDPOINT, 6, 3, 1);
  assert.deepEqual(kept.lines, [
    {
      level: 'warn',
      fields: { upstream: 'voice', endpoint: '192.0.2.9:50051', calls: 10, sentAgain: 0 },
      message: 'lost 10 calls: the connection was reset',
    },
  ]);
  lose(ENDPOINT, 1);
  lose(OTHER, 3);
  assert.deepEqual(kept.takeLevels(), ['warn', 'info', 'warn']);
  kept.nowMs += 60_000;
  lose(ENDPOINT, 1);
  assert.deepEqual(
    kept.lines.map(({ level, message }) => `${level} ${message}`),
    ['warn lost 1 call: the connection was reset'],
  );
});

test('lost calls that are sent again are counted with them', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  for (const [ended, repeated] of [
    [6, 3],
    [2, 0],
  ])
    events.onRetired(ENDPOINT, 'it reset it', { ended, repeated });
  events.onRetired(OTHER, 'it reset it', { ended: 1, repeated: 1 });
  t.mock.timers.tick(1000);
  assert.deepEqual(
    kept.lines.map(({ fields, message }) => `${String(fields['sentAgain'])}: ${message}`),
    [
      '3: lost 8 calls (3 of them are sent again): it reset it',
      '1: lost 1 call (it is sent again): it reset it',
    ],
  );
});

test('a line about a rebalance names the endpoints that have joined, five at most', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  events.onRebalance({ streams: 3, overMs: 60_000, joined: [ENDPOINT] });
  events.onRebalance({ streams: 3, overMs: 60_000, joined: Array.from({ length: 7 }, () => OTHER) });
  assert.deepEqual(
    kept.lines.map(({ fields }) => fields),
    [
      { upstream: 'voice', joined: ['192.0.2.9:50051'], streams: 3, overSeconds: 60 },
      {
        upstream: 'voice',
        joined: Array.from({ length: 5 }, () => 'unix:/run/s'),
        joinedInAll: 7,
        streams: 3,
        overSeconds: 60,
      },
    ],
  );
});

test('calls that were lost just before the end are told of before the log is closed', (t) => {
  const kept = new Kept(t);
  kept.log.upstreamEvents('voice').onRetired(ENDPOINT, 'the connection was reset', { ended: 2, repeated: 0 });
  kept.log.close();
  kept.log.close();
  assert.equal(kept.lines[0].message, 'lost 2 calls: the connection was reset');
  t.mock.timers.tick(1000);
  assert.equal(kept.lines.length, 1);
});

test('an endpoint that goes silent is one warning with its diagnosis, with calls and without', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  const silence = { token: 'upstream_silent', sentence: 'It is silent.' };
  events.onRetired(ENDPOINT, silence.sentence, { ended: 2, repeated: 0 }, silence);
  events.onRetired(ENDPOINT, silence.sentence, { ended: 1, repeated: 0 }, silence);
  events.onRetired(OTHER, silence.sentence, { ended: 0, repeated: 0 }, silence);
  t.mock.timers.tick(1000);
  const diagnosis = { token: 'upstream_silent', code: 'FG2014' };
  assert.deepEqual(
    kept.lines.map(({ level, fields, message }) => [level, message, fields]),
    [
      ['warn', 'It is silent.', { upstream: 'voice', endpoint: 'unix:/run/s', ...diagnosis }],
      [
        'warn',
        'lost 3 calls: It is silent.',
        { upstream: 'voice', endpoint: '192.0.2.9:50051', calls: 3, sentAgain: 0, ...diagnosis },
      ],
    ],
  );
  assert.equal(kept.ring.report().counts['FG2014'], 3);
});

test('an endpoint that gets too many PINGs is told of with what its service can be given', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  events.onTooManyPings(ENDPOINT, 40_000);
  events.onTooManyPings(ENDPOINT, 80_000);
  assert.deepEqual(
    kept.lines.map(({ level, fields }) => [level, fields['afterMs']]),
    [['warn', 40_000]],
  );
  assert.match(
    kept.lines[0].message,
    /grpc\.http2\.min_ping_interval_without_data_ms.*MinTime.*permitKeepAliveTime/,
  );
});

test('an endpoint that comes and goes all the time is said to be taken out once a minute', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  const [one, other] = [ENDPOINT, OTHER].map(({ address }) => standIn<Endpoint>({ address, activeCalls: 3 }));
  for (let turn = 0; turn < 10; turn++) events.onLeft(one);
  events.onLeft(other);
  assert.deepEqual(
    kept.lines.map(({ fields }) => fields['endpoint']),
    ['192.0.2.9:50051', 'unix:/run/s'],
  );
  assert.equal(kept.lines[0].fields['calls'], 3);
  kept.nowMs += 60_000;
  events.onLeft(one);
  assert.equal(kept.lines.length, 3);
});

test('of an endpoint whose connections come and go, twenty lines in a minute are logged, and how many are left out', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  const flap = (endpoint: Endpoint, times: number): void => {
    for (let time = 0; time < times; time++) {
      events.onConnected(endpoint);
      events.onRetired(endpoint, 'it closed the connection', { ended: 0, repeated: 0 });
    }
  };
  flap(ENDPOINT, 500);
  assert.equal(kept.lines.length, 2 * 20);
  flap(OTHER, 1);
  assert.equal(kept.lines.length, 2 * 20 + 2, 'another endpoint has lines of its own');
  assert.ok(kept.lines.every(({ fields }) => !('leftOut' in fields)));
  kept.takeLevels();
  kept.nowMs += 60_000;
  flap(ENDPOINT, 2);
  assert.deepEqual(
    kept.lines.map(({ fields }) => fields['leftOut']),
    [480, 480, undefined, undefined],
  );
});

test('of connections that break under calls again and again, twenty lines in a minute are logged besides the warning', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  for (let time = 0; time < 500; time++) {
    events.onRetired(ENDPOINT, 'the connection was reset', { ended: 1, repeated: 0 });
    t.mock.timers.tick(1000);
  }
  assert.deepEqual(kept.takeLevels(), ['warn', ...Array.from({ length: 20 }, () => 'info')]);
});

test('an endpoint that does not answer is a warning with what becomes of its calls', (t) => {
  const kept = new Kept(t);
  const doubt = { silentMs: 21_040, askedMs: 1000, endsInMs: 19_000 };
  kept.log
    .upstreamEvents('voice')
    .onDoubt(standIn<Endpoint>({ address: ENDPOINT.address, activeCalls: 5, doubt }));
  const [{ level, fields, message }] = kept.lines;
  assert.deepEqual([level, fields], ['warn', { upstream: 'voice', endpoint: '192.0.2.9:50051', calls: 5 }]);
  assert.equal(
    message,
    'the endpoint does not answer: 192.0.2.9:50051 has sent nothing for 21 s, and has not answered the keepalive of 1 s ago: it gets no new calls until it does, and without an answer those that it has end in 19 s',
  );
});

test('of an endpoint that stops answering again and again there is one warning a minute', (t) => {
  const kept = new Kept(t);
  const doubt = { silentMs: 21_040, askedMs: 1000, endsInMs: 19_000 };
  const doubted = ({ address }: Endpoint): void =>
    kept.log.upstreamEvents('voice').onDoubt(standIn<Endpoint>({ address, activeCalls: 5, doubt }));
  for (let time = 0; time < 500; time++) doubted(ENDPOINT);
  assert.deepEqual(kept.takeLevels(), ['warn', ...Array.from({ length: 19 }, () => 'info')]);
  doubted(OTHER);
  assert.deepEqual(kept.takeLevels(), ['warn'], 'another endpoint has a warning of its own');
  kept.nowMs += 60_000;
  doubted(ENDPOINT);
  doubted(ENDPOINT);
  assert.deepEqual(kept.takeLevels(), ['warn', 'info']);
});

test('calls that a limit refuses are one warning a minute for each limit of an upstream, with their number', (t) => {
  const kept = new Kept(t);
  const { onLimit } = kept.log.upstreamEvents('voice');
  for (let count = 0; count < 639; count++) onLimit('streams', 4);
  onLimit('retries', 20);
  kept.log.upstreamEvents('other').onLimit('pending', 1024);
  assert.deepEqual(kept.takeLevels(), [], 'the number is told when it is known');
  t.mock.timers.tick(1000);
  assert.deepEqual(
    kept.lines.splice(0).map(({ level, message }) => `${level} ${message}`),
    [
      'warn 639 calls to upstream voice were refused, since it runs 4 already (limits.streams)',
      'warn 1 call to upstream voice was not sent again, since 20 are in a further attempt already (limits.retries)',
      'warn 1 call to upstream other was refused, since 1024 wait for it already (limits.pending)',
    ],
  );
  onLimit('streams', 4);
  onLimit('streams', 4);
  t.mock.timers.tick(59_000);
  assert.deepEqual(kept.takeLevels(), []);
  t.mock.timers.tick(1000);
  assert.deepEqual(kept.lines.splice(0)[0].fields, { upstream: 'voice', limit: 'limits.streams', calls: 2 });
  onLimit('streams', 4);
  kept.log.close();
  assert.deepEqual(kept.takeLevels(), ['warn'], 'what is left is told in the end');
  t.mock.timers.tick(120_000);
  assert.deepEqual(kept.takeLevels(), []);
});

test('an endpoint that fails and still gets calls is a warning once a minute', (t) => {
  const kept = new Kept(t);
  for (let count = 0; count < 3; count++) kept.log.spared('voice', 'a:1', 'a:1 failed; it is the last.');
  assert.deepEqual(
    kept.lines.map(({ level, message }) => `${level} ${message}`),
    ['warn the endpoint fails, and still gets calls: a:1 failed; it is the last.'],
  );
});

test('endpoints that are new all the time get two hundred lines a minute, and the next one counts those left out', (t) => {
  const kept = new Kept(t);
  const events = kept.log.upstreamEvents('voice');
  const leave = (index: number): void =>
    events.onLeft(
      standIn<Endpoint>({ address: { kind: 'tcp', host: 'h', port: index, text: `h:${index}` } }),
    );
  for (let index = 1; index <= 1000; index++) {
    leave(index);
    kept.log.upstreamFailed('voice', `h:${index}`, { token: 'connect_refused', sentence: 'Refused.' });
  }
  assert.equal(kept.takeLevels().length, 400);
  kept.nowMs += 60_000;
  leave(1001);
  assert.equal(kept.lines[0].fields['leftOutOfUpstream'], 800);
});

test('calls that pass without an answer are a diagnosis each time, and a warning once a minute', (t) => {
  const kept = new Kept(t);
  const silence = { policy: 'authorize', upstream: 'judge', tookMs: 1 } as const;
  const tokenOfSilence = 'authorizer_unavailable';
  for (const why of ['it was late', 'a:1 refused the connection: is the service running there?'])
    kept.log.unanswered({ ...silence, result: 'passed', why, tokenOfSilence });
  // Each of these has a record, which is the diagnosis.
  kept.log.unanswered({
    ...silence,
    upstream: 'other',
    result: 'failed',
    why: 'it was late',
    tokenOfSilence,
  });
  assert.deepEqual(
    kept.lines.map(({ message, fields }) => [message, fields['code']]),
    [
      ['calls pass without an answer: it was late', 'FG3045'],
      ['calls are refused without an answer: it was late', 'FG3045'],
    ],
  );
  const [found, ...rest] = kept.ring.report().recent;
  assert.deepEqual(rest, []);
  assert.deepEqual(
    [found.count, found.upstream, found.sentence],
    [2, 'judge', 'Calls pass without an answer: a:1 refused the connection: is the service running there?'],
  );
  kept.log.unanswered({
    ...silence,
    upstream: 'third',
    result: 'passed',
    why: 'is it there?',
    tokenOfSilence,
  });
  const { sentence } = kept.ring.report().recent[0];
  assert.equal(sentence, 'Calls pass without an answer: is it there?');
});
