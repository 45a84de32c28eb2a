// Policies through the whole proxy: no client gets past one by the protocol it speaks or the port it comes by.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { test } from 'node:test';
import type { Policy } from '../../src/calls/policy.ts';
import { status } from '../../src/demo/grpc.ts';
import { POLICY_KINDS } from '../../src/policies/policy-kinds.ts';
import { DOORS, type Door, unixPath } from '../support/doors.ts';
import { eventually } from '../support/eventually.ts';
import { type PoliciedProxy, startPoliciedProxy } from '../support/policied-proxy.ts';
import { Admitting, DecidingByRole, Responding, Shouting } from '../support/policies.ts';
import {
  CLIENTS_ANSWERED_HERE,
  overHttp1,
  overHttp2,
  PROTOCOL_CLIENTS,
  type ProtocolClient,
} from '../support/protocol-clients.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { RESPONSE_HEADERS } from '../support/raw-server.ts';
import { CLOSED, REFUSING_MOMENTS, refusingPolicy } from '../support/refusing-policy.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

/** grpc-js cannot say where its connections come from. */
const GRPC_JS_DOORS = ['tls', 'clear', 'tls-accept', 'unix'] as const;

function grpcJs({ proxy, folder }: PoliciedProxy, door: (typeof GRPC_JS_DOORS)[number]): TestVoiceClient {
  if (door === 'unix') return connectVoiceClient({ address: `unix:${unixPath(folder)}` });
  const trust = door === 'tls' ? { ca: proxy.caPem } : {};
  return connectVoiceClient({ address: `localhost:${proxy.port(door)}`, ...trust });
}

const pairs = (clients: readonly ProtocolClient[]): readonly (readonly [ProtocolClient, Door])[] =>
  DOORS.flatMap((door) => clients.map((client) => [client, door] as const));

function refusedStatus({ language }: ProtocolClient): string {
  return String(language === 'grpc' ? CLOSED.grpcStatus : CLOSED.httpStatus);
}

for (const moment of REFUSING_MOMENTS) {
  test(`a policy added by the recipe cannot be bypassed by choosing another protocol (${moment})`, async (t) => {
    const policied = await startPoliciedProxy(t, [refusingPolicy(moment), ...POLICY_KINDS]);
    const { proxy } = policied;
    let calls = 0;
    for (const [client, door] of pairs(PROTOCOL_CLIENTS)) {
      const who = `${client.name} at ${door.name}`;
      const answer = await policied.call(client, door);
      assert.equal(answer.status, refusedStatus(client), who);
      if (!client.name.startsWith('HEAD')) assert.equal(answer.text.trim(), CLOSED.message, who);
      calls++;
    }
    for (const door of GRPC_JS_DOORS) {
      const client = grpcJs(policied, door);
      const { code, details } = await client.say({});
      client.close();
      assert.deepEqual([code, details], [CLOSED.grpcStatus, CLOSED.message], `grpc-js at ${door}`);
      calls++;
    }
    const records = await proxy.wantRecords(calls);
    assert.equal(records.length, calls);
    for (const { reason, endpoint } of records) {
      assert.equal(reason, `${CLOSED.token}: ${CLOSED.message}`);
      assert.equal(endpoint, '');
    }
    // What the proxy answers itself reaches no service either; what is decided by the fields alone comes before those answers.
    for (const [client, door] of pairs(CLIENTS_ANSWERED_HERE)) {
      const isRefused = moment === 'decide' && client.name !== 'gRPC over HTTP/1.1';
      const { status: told } = await policied.call(client, door);
      assert.equal(told, isRefused ? refusedStatus(client) : client.served, `${client.name} at ${door.name}`);
    }
    assert.equal(policied.reached, 0, 'the services have seen nothing');
  });
}

test('every client of those is served where the policy has nothing to say', async (t) => {
  const kinds = [...REFUSING_MOMENTS.map(refusingPolicy), ...POLICY_KINDS];
  const policied = await startPoliciedProxy(t, kinds, {}, 'open');
  let calls = 0;
  for (const [client, door] of pairs(PROTOCOL_CLIENTS)) {
    const who = `${client.name} at ${door.name}`;
    const { status: told } = await policied.call(client, door);
    assert.equal(told, client.served, who);
    calls++;
    assert.equal(policied.reached, calls, who);
  }
  for (const door of GRPC_JS_DOORS) {
    const client = grpcJs(policied, door);
    const { code, details } = await client.say({});
    client.close();
    assert.equal(status[code], 'OK', details);
  }
  for (const [client, door] of pairs(CLIENTS_ANSWERED_HERE)) {
    const { status: told } = await policied.call(client, door);
    assert.equal(told, client.served, `${client.name} at ${door.name}`);
  }
});

test('each kind of client reaches its service with what policies add, and without what it claims itself', async (t) => {
  const [admitting, deciding] = [new Admitting(), new DecidingByRole()];
  const kinds = [() => deciding, () => admitting, ...POLICY_KINDS];
  const policied = await startPoliciedProxy(t, kinds);
  for (const [client, door] of pairs(PROTOCOL_CLIENTS)) {
    const who = `${client.name} at ${door.name}`;
    const { status: told } = await policied.call(client, door);
    assert.equal(told, client.served, who);
    const fields =
      client.service === 'web'
        ? policied.web.at(-1)?.headers
        : Object.fromEntries(policied.grpc.requests.at(-1)?.fields ?? []);
    assert.deepEqual(
      [fields?.['x-admitted'], fields?.['x-decided-role']],
      [String(admitting.asked), 'nobody'],
      who,
    );
  }
  const { proxy, grpc, web } = policied;
  const raw = await proxy.rawClient('tls');
  for (const value of ['me', 'me again']) {
    await raw.outcome(
      raw.call({
        fields: [
          ['x-admitted', value],
          ['x-admitted', 'twice'],
          ['x-role', 'friend'],
        ],
      }),
    );
    const names = grpc.requests.at(-1)?.fields.map(([name]) => name) ?? [];
    assert.deepEqual(names.filter((name) => name === 'x-admitted').length, 1);
    assert.equal(grpc.requests.at(-1)?.field('x-admitted'), String(admitting.asked));
    assert.equal(grpc.requests.at(-1)?.field('x-decided-role'), 'friend');
    assert.equal(names.includes('x-role'), false);
  }
  assert.equal(
    web.every(({ headers }) => headers['x-role'] === undefined),
    true,
  );
});

test('trailers bring nothing back that policies have taken from the header fields', async (t) => {
  const policied = await startPoliciedProxy(t, [() => new DecidingByRole(), () => new Admitting()]);
  const { proxy, web } = policied;
  const session = connectHttp2(`http://localhost:${proxy.port('clear')}`);
  t.after(() => session.destroy());
  for (const trailers of [
    { 'x-admitted': 'me', 'x-role': 'admin', 'x-decided-role': 'admin', 'x-checksum': '7' },
    { 'x-admitted': 'me' },
  ]) {
    const stream = session.request(
      { ':method': 'POST', ':path': '/web/page' },
      { endStream: false, waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end('body');
    const [head] = await once(stream, 'response');
    stream.resume();
    assert.equal(head[':status'], 200);
    await once(stream, 'close');
  }
  assert.deepEqual(
    web.map((visit) => ({ ...visit.trailers })),
    [{ 'x-checksum': '7' }, {}],
  );
  assert.deepEqual(
    web.map(({ body }) => body),
    ['body', 'body'],
  );
});

test("each kind of client sees a response as the policies want it, the proxy's own ones included", async (t) => {
  const policied = await startPoliciedProxy(
    t,
    [() => new Responding(), refusingPolicy('ask at once'), ...POLICY_KINDS],
    {},
    'open',
  );
  for (const [client, door] of pairs(PROTOCOL_CLIENTS)) {
    const { headers } = await policied.call(client, door);
    assert.deepEqual(
      [headers['x-proxy'], headers['x-service']],
      ['here', undefined],
      `${client.name} at ${door.name}`,
    );
  }
  const closed = await startPoliciedProxy(t, [
    () => new Responding(),
    refusingPolicy('ask at once'),
    ...POLICY_KINDS,
  ]);
  for (const [client, door] of pairs(PROTOCOL_CLIENTS)) {
    const { status: told, headers } = await closed.call(client, door);
    assert.equal(told, refusedStatus(client));
    assert.equal(headers['x-proxy'], 'here', `${client.name} at ${door.name}`);
  }
});

test('the trailers of a response bring nothing back that policies have taken from its head', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      request.sendHeaders([...RESPONSE_HEADERS, ['x-service', 'head']]);
      request.sendTrailers([
        ['x-service', 'trailer'],
        ['x_service', 'trailer'],
        ['x-other', 'stays'],
        ['grpc-status', '0'],
      ]);
    },
  });
  const policyKinds = [() => new Responding(), ...POLICY_KINDS];
  const proxy = await startProxy(t, { endpoints: [upstream.address], policyKinds });
  const client = await proxy.rawClient('clear');
  const { trailers } = await client.outcome(client.call());
  assert.deepEqual(trailers, [
    ['x-other', 'stays'],
    ['grpc-status', '0'],
  ]);
});

const THROWN = new Error('thrown by a policy');

function thrower(): never {
  throw THROWN;
}

for (const moment of ['decide', 'ask', 'respond', 'translate'] as const) {
  test(`a policy that throws refuses the call of each client and is reported (${moment})`, async (t) => {
    const bad: Policy = { key: 'bad', [moment]: thrower };
    const policied = await startPoliciedProxy(t, [() => bad, ...POLICY_KINDS]);
    const { proxy } = policied;
    let calls = 0;
    for (const [client, door] of pairs(PROTOCOL_CLIENTS)) {
      const who = `${client.name} at ${door.name}`;
      const { status: told } = await policied.call(client, door);
      // Without its translation there is no saying it in the language of gRPC-Web.
      const isGrpc = client.language === 'grpc' && !(moment === 'translate' && client.name.includes('Web'));
      assert.equal(told, isGrpc ? '13' : '502', who);
      calls++;
    }
    const records = await proxy.wantRecords(calls);
    assert.ok(records.every(({ reason }) => reason.startsWith('internal_error: ')));
    await proxy.line((line) => JSON.stringify(line).includes(THROWN.message));
    // A response has been there before anybody could look at it.
    if (moment !== 'respond') assert.equal(policied.reached, 0);
  });
}

const LOUD = { service: 'web', language: 'http', served: '200' } as const;
const SHOUTING_CLIENTS = [
  overHttp2('POST over HTTP/2', LOUD, { ':method': 'POST', ':path': '/shout/x' }, Buffer.from('Hello')),
  overHttp1('POST over HTTP/1.1', LOUD, 'POST /shout/x HTTP/1.1', {}, Buffer.from('Hello')),
];

test('a policy with a protocol of its own translates both ways, over either version of HTTP', async (t) => {
  const policied = await startPoliciedProxy(t, [() => new Shouting()]);
  for (const [client, door] of pairs(SHOUTING_CLIENTS)) {
    const { status: told, text } = await policied.call(client, door);
    assert.deepEqual([told, text], ['200', 'page'], `${client.name} at ${door.name}`);
    assert.equal(policied.web.at(-1)?.body, 'HELLO');
  }
  await eventually('nothing is left', () => policied.proxy.plane.load.calls === 0);
});
