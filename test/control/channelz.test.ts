// What channelz shows of upstreams and listeners: identifiers that stay, states, and sums.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeUpstream } from '../../src/cli/upstream-status.ts';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { Channelz } from '../../src/control/channelz.ts';
import { KnownStates } from '../../src/control/endpoint-states.ts';
import type { PlaneListener, UpstreamsQuery } from '../../src/plane/plane.ts';
import type { EndpointReport, NotUsed, UpstreamReport } from '../../src/plane/upstream-report.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

const config = configOf(await proxyConfigText({}));
const [listener] = config.listeners;
const namedEndpoint = endpointAt({ kind: 'tcp', host: 'a', port: 1, text: 'a:1' });

function endpoint(address: string, changes: Partial<EndpointReport> = {}): EndpointReport {
  return {
    address,
    processes: 2,
    usedBy: 2,
    activeCalls: 1,
    answered: 5,
    unanswered: 2,
    heldUp: 0,
    weight: 1,
    weightFrom: 'configuration',
    connections: { ready: 1, connecting: 0, draining: 0 },
    reasons: [],
    ...changes,
  };
}

function upstream(name: string, endpoints: readonly EndpointReport[]): UpstreamReport {
  return { name, processes: 2, panics: [], limits: {}, pending: 0, endpoints, leftOut: 0 };
}

function reason(by: NotUsed['by']): NotUsed {
  return { by, token: 'a_token', sentence: 'It is so.', processes: 1 };
}

function channelzOf(state: {
  upstreams: readonly UpstreamReport[];
  listeners?: readonly PlaneListener[];
}): Channelz {
  const plane = {
    get listeners() {
      return state.listeners ?? [];
    },
    upstreams: async ({ heldUp }: UpstreamsQuery) => {
      assert.equal(heldUp, false, 'channelz does not show it, and it costs a look at each call');
      return { upstreams: state.upstreams };
    },
    listenerCalls: async () => [{ listener: 'main', succeeded: 3, failed: 1 }],
    sockets: async () => ({ sockets: [], hasMore: false }),
  };
  return new Channelz(plane, () => config);
}

test('identifiers stay with what stays, and are not given again', async () => {
  const state = { upstreams: [upstream('a', [endpoint('a:1'), endpoint('a:2')]), upstream('b', [])] };
  const channelz = channelzOf(state);
  const idsOf = async () =>
    Object.fromEntries(
      (await channelz.channels()).flatMap(({ id, name, subchannels }) => [
        [name, id],
        ...subchannels.map((one) => [one.name, one.id] as const),
      ]),
    );
  const before = await idsOf();
  assert.equal(new Set(Object.values(before)).size, 4);
  state.upstreams = [upstream('b', [endpoint('a:1')]), upstream('a', [endpoint('a:2'), endpoint('a:3')])];
  const after = await idsOf();
  assert.deepEqual([after['a'], after['b'], after['a:2']], [before['a'], before['b'], before['a:2']]);
  assert.ok(!Object.values(before).includes(after['a:1']), 'an endpoint of another upstream is another');
  assert.ok(!Object.values(before).includes(after['a:3']));
  state.upstreams = [];
  await idsOf();
  state.upstreams = [upstream('a', [endpoint('a:2')])];
  assert.equal((await idsOf())['a:2'], before['a:2'], 'workers that do not answer cost the identifiers');
});

test('a channel has the best state of its subchannels, and the sum of their calls', async () => {
  const down = endpoint('a:2', { usedBy: 0, connections: {}, reasons: [reason('connecting')] });
  const [channel] = await channelzOf({ upstreams: [upstream('a', [down, endpoint('a:1')])] }).channels();
  assert.equal(channel.state, 'READY');
  assert.deepEqual(channel.calls, { started: 16, succeeded: 10, failed: 4 });
  assert.deepEqual(channel.subchannels[0].troubles, [{ sentence: 'It is so.', sinceEpochMs: undefined }]);
  const [none] = await channelzOf({ upstreams: [upstream('a', [down])] }).channels();
  assert.equal(none.state, 'TRANSIENT_FAILURE');
});

const states: readonly (readonly [string, Partial<EndpointReport>])[] = [
  ['READY', {}],
  ['READY', { connections: { busy: 0, idle: 1 } }],
  ['READY', { usedBy: 1, reasons: [reason('connecting')], unreachedSinceEpochMs: 5, heardAtEpochMs: 6 }],
  ['TRANSIENT_FAILURE', { usedBy: 1, reasons: [reason('connecting')], unreachedSinceEpochMs: 5 }],
  [
    'TRANSIENT_FAILURE',
    { usedBy: 1, reasons: [reason('connecting')], unreachedSinceEpochMs: 5, heardAtEpochMs: 4 },
  ],
  [
    'CONNECTING',
    {
      usedBy: 1,
      connections: { ready: 1, connecting: 1 },
      reasons: [reason('connecting')],
      unreachedSinceEpochMs: 5,
    },
  ],
  ['READY', { usedBy: 1, reasons: [reason('keepalive')] }],
  ['READY', { usedBy: 1, reasons: [reason('outliers')] }],
  ['TRANSIENT_FAILURE', { usedBy: 2, reasons: [reason('health')] }],
  ['TRANSIENT_FAILURE', { usedBy: 2, reasons: [reason('outliers')] }],
  ['TRANSIENT_FAILURE', { usedBy: 0, reasons: [reason('keepalive')] }],
  ['IDLE', { connections: { ready: 0 } }],
  ['IDLE', { usedBy: 0, connections: {}, reasons: [reason('priority')] }],
  ['READY', { usedBy: 0, reasons: [reason('zone')] }],
  ['CONNECTING', { connections: { connecting: 1 } }],
  ['TRANSIENT_FAILURE', { usedBy: 0, reasons: [reason('health')] }],
  ['TRANSIENT_FAILURE', { usedBy: 0, connections: {}, reasons: [reason('outliers')] }],
  ['SHUTDOWN', { usedBy: 0, reasons: [reason('drain')] }],
];
for (const [state, changes] of states) {
  test(`${JSON.stringify(changes)} is ${state}`, async () => {
    const [channel] = await channelzOf({ upstreams: [upstream('a', [endpoint('a:1', changes)])] }).channels();
    assert.equal(channel.subchannels[0].state, state);
  });
}

test('an endpoint with a connection is READY exactly where framegate status counts it as usable', () => {
  for (const [state, changes] of states) {
    const { ready = 0, idle = 0 } = changes.connections ?? { ready: 1 };
    if (ready + idle === 0 || state === 'SHUTDOWN') continue;
    const report = { upstreams: [upstream('a', [endpoint('a:1', changes)])] };
    const known = new KnownStates(report, { healthOf: () => new Map(), loadOf: () => undefined });
    const [head] = describeUpstream({ name: 'a', ...known.ofUpstream('a', [namedEndpoint]) });
    assert.ok(head.includes(`${state === 'READY' ? 1 : 0} of 1 endpoint usable`), JSON.stringify(changes));
  }
});

test('a listener is a server with its finished calls and the address that it listens on', async () => {
  const listeners = [
    { name: 'main', config: listener, address: '[::]:8443', port: 8443 },
    { name: 'local', config: listener, address: 'unix:/run/a', port: undefined },
  ];
  const [main, local] = await channelzOf({ upstreams: [], listeners }).servers();
  assert.deepEqual(main.calls, { started: 4, succeeded: 3, failed: 1 });
  assert.deepEqual(main.listening.end, { address: '::', port: 8443 });
  assert.deepEqual([local.calls.started, local.listening.end], [0, undefined]);
});
