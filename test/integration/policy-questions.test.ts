// Calls that wait for the answer to a policy's question, through the whole proxy: what the client sends meanwhile, and all the ways
// in which such a call may end.

import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { type TestContext, test } from 'node:test';
import { AddedFields } from '../../src/calls/added-fields.ts';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { POLICY_KINDS } from '../../src/policies/policy-kinds.ts';
import { RawHttp1Client } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { webCall } from '../support/grpc-web-client.ts';
import { type PoliciedProxy, startPoliciedProxy } from '../support/policied-proxy.ts';
import { Asking, type OpenQuestion } from '../support/policies.ts';
import {
  configOf,
  type ProxySettings,
  proxyConfigText,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { grpcMessage, rawFrame } from '../support/raw-frames.ts';

const MIB = 1_048_576;

interface Waiting {
  readonly asking: Asking;
  readonly policied: PoliciedProxy;
}

async function startWaiting(t: TestContext, settings: Partial<ProxySettings> = {}): Promise<Waiting> {
  const asking = new Asking();
  return { asking, policied: await startPoliciedProxy(t, [() => asking, ...POLICY_KINDS], settings) };
}

function asked({ asking }: Waiting, index = 0): Promise<OpenQuestion> {
  return eventually(`question ${index} is asked`, () => asking.questions[index]);
}

/** The call is over for the proxy, and its question was given up so often. */
async function assertOver({ policied, asking }: Waiting, cancelled: number): Promise<void> {
  await eventually('no call runs', () => policied.proxy.plane.load.calls === 0);
  const [question] = asking.questions;
  assert.equal(question?.cancelled, cancelled);
  // Answers that come now change nothing.
  question?.admit();
  question?.refuse();
  assert.equal(policied.reached, 0);
  assert.equal((await policied.proxy.wantRecords(1)).length, 1);
}

test('a call waits for the answer, its deadline shrinks meanwhile, and the service gets what was added', async (t) => {
  const waiting = await startWaiting(t);
  const { proxy, grpc } = waiting.policied;
  const client = await proxy.rawClient('tls');
  const stream = client.call({ fields: [['grpc-timeout', '60S']], body: grpcMessage(Buffer.from('x')) });
  const question = await asked(waiting);
  assert.equal(grpc.requests.length, 0);
  question.call.addFields(new AddedFields([['x-asked', 'yes']]));
  const beganAt = performance.now();
  await eventually('some time has passed', () => performance.now() - beganAt >= 5);
  question.admit();
  const request = await grpc.wantRequest();
  assert.equal(request.field('x-asked'), 'yes');
  const [, left, unit] = /^(\d{1,8})([mu])$/.exec(request.field('grpc-timeout') ?? '') ?? [];
  const leftMs = Number(left) / (unit === 'u' ? 1000 : 1);
  assert.ok(leftMs > 0 && leftMs < 60_000, `${left}${unit} are left`);
  assert.equal((await client.outcome(stream)).grpcStatus, '0');
  assert.equal(question.cancelled, 0);
});

/** What was sent before has been read, and what it caused has been sent. */
async function roundTrip(client: RawClient): Promise<void> {
  const acknowledged = (): number =>
    client.frames.filter(({ type, flags }) => type === FrameType.PING && flags === Flag.ACK).length;
  const before = acknowledged();
  client.send(rawFrame(FrameType.PING, 0, 0, Buffer.alloc(8)));
  await eventually('the PING comes back', () => acknowledged() > before);
}

test('a client may send one window while it waits, and nothing of it is lost', async (t) => {
  const waiting = await startWaiting(t, { sections: { limits: { streamWindow: '65535' } } });
  const { proxy, grpc } = waiting.policied;
  const client = await proxy.rawClient('clear');
  const stream = client.call({ path: '/voice.VoiceAssistant/Transcribe', endStream: false });
  const question = await asked(waiting);
  client.pump(stream, MIB);
  await eventually('the window is full', () => client.pumped(stream) === 65_535);
  await roundTrip(client);
  await roundTrip(client);
  assert.equal(client.pumped(stream), 65_535, 'there is no credit for what nobody has taken');
  question.admit();
  const request = await grpc.wantRequest();
  await eventually('all of it arrives', () => request.body.length === MIB);
  client.sendData(stream, Buffer.alloc(0), true);
  assert.equal((await client.outcome(stream)).grpcStatus, '0');
});

test('a body of HTTP/1.1 waits with its request', async (t) => {
  const waiting = await startWaiting(t);
  const { proxy, web } = waiting.policied;
  const body = Buffer.alloc(300_000, 'x');
  const path = '/web/page';
  const answer = webCall('http1', proxy.port('tls'), { path, body, ca: proxy.caPem });
  const question = await asked(waiting);
  assert.equal(web.length, 0);
  question.admit();
  assert.equal((await answer).status, 200);
  assert.equal(web[0]?.body.length, body.length);
});

test('the deadline of a call that waits ends it', async (t) => {
  const waiting = await startWaiting(t);
  const { proxy } = waiting.policied;
  const client = await proxy.rawClient('tls');
  const { grpcStatus } = await client.outcome(client.call({ fields: [['grpc-timeout', '20m']] }));
  assert.equal(status[Number(grpcStatus)], 'DEADLINE_EXCEEDED');
  await assertOver(waiting, 1);
  assert.match((await proxy.record()).reason, /^deadline_exceeded: /);
});

test('a question that nobody answers in its time refuses the call, and the log has FG3027', async (t) => {
  const waiting = await startWaiting(t);
  waiting.asking.timeoutMs = 40;
  const { proxy } = waiting.policied;
  const { code, details } = await proxy.voiceClient('tls').say({});
  assert.equal(status[code], 'UNAVAILABLE');
  assert.match(details, /^This route's asking asks another service .* had no answer in 0\.04 s/);
  await assertOver(waiting, 1);
  assert.match((await proxy.record()).reason, /^policy_unanswered: /);
  const { recent } = await proxy.plane.diagnoses();
  assert.ok(JSON.stringify(recent).includes('FG3027'), JSON.stringify(recent));
  const page = await webCall('http1', proxy.port('clear'), { method: 'GET', path: '/web/page' });
  assert.equal(page.status, 503);
});

/** Makes a call that waits, and goes away. */
const LEAVERS: Readonly<Record<string, (waiting: Waiting) => Promise<void>>> = {
  'an HTTP/2 client that resets the stream': async (waiting) => {
    const client = await waiting.policied.proxy.rawClient('tls');
    const stream = client.call({ endStream: false, body: Buffer.alloc(100) });
    await asked(waiting);
    client.sendReset(stream, ErrorCode.CANCEL);
  },
  'an HTTP/2 client whose connection is gone': async (waiting) => {
    const client = await waiting.policied.proxy.rawClient('clear');
    client.call();
    await asked(waiting);
    client.destroy();
  },
  'an HTTP/2 client that breaks a rule': async (waiting) => {
    const client = await waiting.policied.proxy.rawClient('clear');
    const stream = client.call();
    await asked(waiting);
    client.sendData(stream, Buffer.alloc(1), true);
  },
  'a WebSocket over HTTP/1.1': async (waiting) => {
    const { proxy } = waiting.policied;
    const upgrade = { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    const headers = { connection: 'Upgrade', upgrade: 'websocket', ...upgrade };
    const request = httpRequest({ port: proxy.port('clear'), path: '/web/socket', headers, agent: false });
    request.on('error', () => undefined);
    request.end();
    await asked(waiting);
    request.destroy();
  },
  'a request over HTTP/1.1': async (waiting) => {
    const { proxy } = waiting.policied;
    const options = { port: proxy.port('clear'), path: '/web/page', method: 'POST', agent: false };
    const request = httpRequest(options);
    request.on('error', () => undefined);
    request.write('part of a body');
    await asked(waiting);
    request.destroy();
  },
  'gRPC-Web over HTTP/2': async (waiting) => {
    const client = await waiting.policied.proxy.rawClient('clear');
    client.call({ fields: [['content-type', 'application/grpc-web-text']], endStream: false });
    await asked(waiting);
    client.destroy();
  },
  'gRPC-Web over HTTP/1.1': async (waiting) => {
    const { proxy } = waiting.policied;
    const path = '/voice.VoiceAssistant/Say';
    const headers = { 'content-type': 'application/grpc-web' };
    const request = httpRequest({ port: proxy.port('clear'), path, method: 'POST', headers, agent: false });
    request.on('error', () => undefined);
    request.write(grpcMessage(Buffer.alloc(10)));
    await asked(waiting);
    request.destroy();
  },
};

for (const [who, leave] of Object.entries(LEAVERS)) {
  test(`a client that leaves while it waits takes its question along: ${who}`, async (t) => {
    const waiting = await startWaiting(t);
    await leave(waiting);
    await assertOver(waiting, 1);
    const { endedBy } = await waiting.policied.proxy.record();
    assert.equal(endedBy, who.includes('breaks') ? 'framegate' : 'downstream');
  });
}

/** Calls of each edge, until the answer. */
function callsOfBothEdges({ policied: { proxy } }: Waiting) {
  return {
    grpc: proxy.voiceClient('tls').say({}),
    page: webCall('http1', proxy.port('clear'), { method: 'GET', path: '/web/page' }),
  };
}

test('a drain waits for calls that wait, and serves them once they are admitted', async (t) => {
  const waiting = await startWaiting(t, { sections: { drain: { timeout: '60s' } } });
  const { proxy } = waiting.policied;
  const client = await proxy.rawClient('tls');
  const stream = client.call();
  const page = webCall('http1', proxy.port('clear'), { method: 'GET', path: '/web/page' });
  const questions = [await asked(waiting, 0), await asked(waiting, 1)];
  const drained = proxy.proxy.drain();
  await client.wantGoAway();
  for (const question of questions) question.admit();
  assert.equal((await client.outcome(stream)).grpcStatus, '0');
  assert.equal((await page).status, 200);
  await drained;
});

test('when the time of a drain is over, calls that wait are ended and their questions cancelled', async (t) => {
  const waiting = await startWaiting(t, { sections: { drain: { timeout: '0s' } } });
  const { grpc, page } = callsOfBothEdges(waiting);
  const questions = [await asked(waiting, 0), await asked(waiting, 1)];
  await waiting.policied.proxy.proxy.drain();
  assert.equal(status[(await grpc).code], 'UNAVAILABLE');
  assert.equal((await page).status, 503);
  for (const question of questions) {
    assert.equal(question.cancelled, 1);
    question.admit();
  }
  const records = await waiting.policied.proxy.wantRecords(2);
  assert.deepEqual(
    records.map(({ reason }) => reason.slice(0, 9)),
    ['draining:', 'draining:'],
  );
  assert.equal(waiting.policied.reached, 0);
});

test('a call that waits stays on the configuration it began with, and later ones are asked by the next', async (t) => {
  const waiting = await startWaiting(t);
  const { proxy, grpc, sections } = waiting.policied;
  const client = await proxy.rawClient('tls');
  const stream = client.call();
  const question = await asked(waiting);
  const other = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const voice = { endpoints: [other.address], connections: { connectTimeout: '3s' } };
  const upstreams = { ...Object(sections['upstreams']), voice };
  await proxy.proxy.apply(configOf(await proxyConfigText({ sections: { ...sections, upstreams } })));
  const later = client.call();
  (await asked(waiting, 1)).admit();
  assert.equal((await client.outcome(later)).grpcStatus, '0');
  assert.deepEqual([other.requests.length, grpc.requests.length], [1, 0]);
  question.admit();
  assert.equal((await client.outcome(stream)).grpcStatus, '0');
  assert.deepEqual([other.requests.length, grpc.requests.length], [1, 1]);
});

test('where memory is short nobody is asked about new calls, and those that wait go on', async (t) => {
  let usedMiB = 100;
  const waiting = await startWaiting(t, {
    usedBytes: () => usedMiB * MIB,
    sections: { limits: { memory: '1000MiB' } },
  });
  const { proxy } = waiting.policied;
  const { grpc, page } = callsOfBothEdges(waiting);
  const questions = [await asked(waiting, 0), await asked(waiting, 1)];
  usedMiB = 920;
  await eventually(
    'the proxy notices',
    async () => (await proxy.plane.report()).processes[0]?.memory.level === 2,
    60_000,
  );
  assert.equal(status[(await proxy.voiceClient('clear').say({})).code], 'RESOURCE_EXHAUSTED');
  assert.equal(waiting.asking.questions.length, 2);
  for (const question of questions) question.admit();
  assert.equal(status[(await grpc).code], 'OK');
  assert.equal((await page).status, 200);
});

test('a call that is sent once more has what policies added, and no policy is asked again', async (t) => {
  const asking = new Asking();
  asking.atOnce = (question) => {
    question.call.addFields(new AddedFields([['x-asked', 'once']]));
    question.admit();
  };
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      if (upstream.requests.length === 1) request.reset(ErrorCode.REFUSED_STREAM);
      else request.succeed();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address], policyKinds: [() => asking] });
  const client = await proxy.rawClient('clear');
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  assert.deepEqual(
    upstream.requests.map((request) => request.field('x-asked')),
    ['once', 'once'],
  );
  assert.equal(asking.questions.length, 1);
});

test('what policies add counts for the size that a service accepts', async (t) => {
  const asking = new Asking();
  asking.atOnce = (question) => {
    question.call.addFields(new AddedFields([['x-asked', 'y'.repeat(4000)]]));
    question.admit();
  };
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.MAX_HEADER_LIST_SIZE, 4096]],
    onRequest: (request) => request.succeed(),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address], policyKinds: [() => asking] });
  const client = await proxy.rawClient('clear');
  const { grpcStatus } = await client.outcome(client.call());
  assert.equal(status[Number(grpcStatus)], 'RESOURCE_EXHAUSTED');
  assert.match((await proxy.record()).reason, /^request_headers_above_upstream: /);
  assert.equal(upstream.requests.length, 0);
});

test('requests of one HTTP/1.1 connection are asked about one after the other', async (t) => {
  const waiting = await startWaiting(t);
  const { proxy, web } = waiting.policied;
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.write('GET /web/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /web/2 HTTP/1.1\r\nHost: a\r\n\r\n');
  (await asked(waiting, 0)).refuse();
  await client.receives('This route is closed.');
  assert.equal(web.length, 0);
  (await asked(waiting, 1)).admit();
  await client.receives('Page');
  assert.equal(web.length, 1);
});
