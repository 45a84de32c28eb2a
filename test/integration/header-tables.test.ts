// Header blocks are compressed against tables that change with every call, and the proxy keeps encoded blocks. Whatever
// comes in which order on whichever connection, every call must carry its own fields.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Metadata, status } from '../../src/demo/grpc.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { Fields } from '../support/raw-frames.ts';
import { settingsFrame } from '../support/raw-frames.ts';
import { metadataOf } from '../support/voice-client.ts';

/** Repeatable, and as mixed as is needed here. */
function pseudoRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

/** Values by name; those of one name joined, as HTTP has it. */
function joined(fields: Fields): ReadonlyMap<string, string> {
  const names = new Set(fields.map(([name]) => name));
  return new Map(
    [...names].map((name) => {
      const values = fields.filter((field) => field[0] === name).map(([, value]) => value);
      return [name, values.join(', ')] as const;
    }),
  );
}

function echoesOf(metadata: Metadata | undefined): ReadonlyMap<string, string> {
  const names = Object.keys(metadata?.getMap() ?? {}).filter((name) => name.startsWith('x-echo-'));
  return new Map(names.map((name) => [name, metadata?.get(name).join(', ') ?? ''] as const));
}

test('600 calls of three clients with mixed metadata each get their own back', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const callMany = async (seed: number): Promise<void> => {
    const client = proxy.voiceClient(seed % 2 === 0 ? 'tls' : 'clear');
    const random = pseudoRandom(seed);
    for (let call = 0; call < 200; call++) {
      const sent = Array.from({ length: random(5) }, () => {
        const value = random(3) === 0 ? `unique-${seed}-${call}` : 'v'.repeat(1 + random(40) * random(20));
        return [`x-echo-${random(12)}`, value] as const;
      });
      const outcome = await client.say({ text: `${seed}/${call}` }, { metadata: metadataOf(...sent) });
      assert.equal(status[outcome.code], 'OK', outcome.details);
      assert.equal(outcome.reply?.text, `You said: ${seed}/${call}`);
      for (const received of [outcome.initialMetadata, outcome.trailingMetadata]) {
        assert.deepEqual(echoesOf(received), joined(sent));
      }
    }
  };
  await Promise.all([1, 2, 3].map(callMany));
});

test('an upstream that changes its table size at any moment still reads every call', async (t) => {
  const sizes = [0, 4096, 64, 100, 0, 65_536, 1, 4096];
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      // Not with every call: a flood of SETTINGS is an error.
      const change = upstream.requests.length / 6;
      if (Number.isInteger(change)) {
        request.peer.send(settingsFrame([[SettingId.HEADER_TABLE_SIZE, sizes[change % sizes.length]]]));
      }
      request.sendTrailers([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '0'],
        ['x-path', request.field(':path') ?? ''],
        ['x-tenant', request.field('x-tenant') ?? ''],
      ]);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  for (let call = 0; call < 100; call++) {
    const fields: Fields = [['x-tenant', `tenant-${call % 3}`]];
    const path = `/a.B/${call % 4}`;
    const answer = new Map(await client.wantHeaders(client.call({ path, fields })));
    assert.equal(answer.get('x-path'), path);
    assert.equal(answer.get('x-tenant'), `tenant-${call % 3}`);
  }
});

test('header fields larger than one frame pass both ways', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      const large: Fields = [['x-large', request.field('x-large') ?? '']];
      request.sendHeaders([[':status', '200'], ['content-type', 'application/grpc'], ...large]);
      request.sendTrailers([['grpc-status', '0'], ...large]);
    },
  });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { limits: { headerListSize: '128KiB' } },
  });
  const client = await proxy.rawClient('tls');
  for (const size of [16_000, 16_383, 32_768, 33_000, 100_000]) {
    const large = Buffer.alloc(size, '<{large}>').toString();
    const outcome = await client.outcome(client.call({ fields: [['x-large', large]] }));
    assert.equal(new Map(outcome.headers).get('x-large'), large);
    assert.equal(new Map(outcome.trailers).get('x-large'), large);
  }
});

test('a field that must never be indexed reaches the service', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  for (let call = 0; call < 5; call++) {
    await client.outcome(client.call({ fields: [['authorization', `Bearer ${call}`]] }));
    assert.equal(upstream.requests[call].field('authorization'), `Bearer ${call}`);
  }
});
