// Events of messages without sockets: who gets which, metadata, and the bounds of what is kept and sent of their content.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageWatch } from '../../src/grpc/message-watch.ts';
import { ENDPOINT, recordOf, Scene, subjectOf } from '../support/event-scene.ts';
import { grpcMessage } from '../support/raw-frames.ts';

interface WatchedScene {
  readonly request: MessageWatch | undefined;
  readonly response: MessageWatch | undefined;
  readonly finish: () => void;
}

function beginWatched(scene: Scene, subject = subjectOf(), number = 1, identity?: string): WatchedScene {
  const exchange = {
    identity,
    subject,
    number,
    requestId: number,
    traffic: recordOf(subject),
    endpointAtWork: ENDPOINT,
  };
  const watches = scene.events.observer?.watchMessages?.(exchange);
  const finish = (): void => scene.events.observer?.onFinish?.(recordOf(subject, { number }));
  return { request: watches?.request, response: watches?.response, finish };
}

function receivedHeader(name: string): string | undefined {
  return name === 'x-tenant' ? 'acme' : undefined;
}

function carry(watch: MessageWatch | undefined, bytes: Buffer): void {
  watch?.consume(bytes, 0, bytes.length);
}

test('a subscriber to messages is told of each with direction, number and size, and of its bytes only if it asks', () => {
  const scene = new Scene();
  const sizes = scene.subscribe({ kinds: ['message'] });
  const bytes = scene.subscribe({ kinds: ['message'], messageBytes: 3 });
  const call = beginWatched(scene);
  carry(call.request, grpcMessage(Buffer.from('hello')));
  carry(call.response, grpcMessage(Buffer.from('ab')));
  const [request, response] = sizes.texts.map((text) => JSON.parse(text));
  assert.deepEqual(
    [
      request.event,
      request.direction,
      request.number,
      request.sizeBytes,
      request.compressed,
      request.endpoint,
    ],
    ['message', 'request', 1, 5, false, ENDPOINT],
  );
  assert.deepEqual([response.direction, response.number, response.sizeBytes], ['response', 1, 2]);
  assert.equal(request.bytes, undefined);
  const seen = bytes.texts.map((text) => JSON.parse(text));
  assert.deepEqual(
    seen.map((one) => [Buffer.from(one.bytes, 'base64').toString(), one.truncated]),
    [
      ['hel', true],
      ['ab', false],
    ],
  );
});

test('messages of calls that no subscriber wants are not followed, nor those of calls that began before', () => {
  const scene = new Scene();
  scene.subscribe({ kinds: ['message'], route: 'other' });
  scene.subscribe({ kinds: ['end'] });
  assert.equal(beginWatched(scene).request, undefined);
  const [early, late] = [beginWatched(scene, subjectOf(), 2), scene.subscribe({ kinds: ['message'] })];
  carry(early.request, grpcMessage(Buffer.from('a')));
  assert.deepEqual(late.kinds, []);
});

test('a filter about the end or another endpoint leaves no messages, and one by metadata those of its calls', () => {
  const scene = new Scene();
  const subscribers = [
    scene.subscribe({ kinds: ['message', 'end'], failed: true }),
    scene.subscribe({ kinds: ['message'], endpoint: '192.0.2.99:1' }),
    scene.subscribe({ kinds: ['message'], metadata: [{ name: 'x-tenant', value: 'ac*' }] }),
    scene.subscribe({ kinds: ['message'], metadata: [{ name: 'x-tenant', value: 'other' }] }),
    scene.subscribe({ kinds: ['message'], metadata: [{ name: 'x-user', value: '*' }] }),
  ];
  const call = beginWatched(scene, subjectOf({ receivedHeader }));
  carry(call.request, grpcMessage(Buffer.from('a')));
  call.finish();
  assert.deepEqual(
    subscribers.map(({ kinds }) => kinds.length),
    [0, 0, 1, 0, 0],
  );
});

test('a filter by identity leaves the messages of clients that have shown to be it, once they have', () => {
  const scene = new Scene();
  const named = scene.subscribe({ kinds: ['message'], identity: 'office' });
  const all = scene.subscribe({ kinds: ['message'] });
  for (const identity of [undefined, 'office:alice', 'officer:bob'])
    carry(beginWatched(scene, subjectOf(), 1, identity).request, grpcMessage(Buffer.from('a')));
  assert.deepEqual([named.kinds.length, all.kinds.length], [1, 3]);
  assert.equal(JSON.parse(named.texts[0] ?? '').identity, 'office:alice');
});

test('events show the metadata that was named, but nothing that looks like a secret', () => {
  const scene = new Scene();
  const values: Readonly<Record<string, string>> = {
    'x-tenant': 'acme',
    'x-note': 'Bearer abcdef',
    'x-other': 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
    'x-hidden': 'not asked for',
    'x-odd': '\x1b[2J',
  };
  const subject = subjectOf({ receivedHeader: (name) => values[name] });
  const showMetadata = ['x-tenant', 'x-note', 'x-other', 'x-odd', 'x-missing'];
  const subscriber = scene.subscribe({ showMetadata });
  scene.run(subject);
  assert.equal(subscriber.texts.length, 3);
  for (const text of subscriber.texts) {
    assert.equal(text.includes('\x1b'), false);
    assert.deepEqual(JSON.parse(text).metadata, {
      'x-tenant': 'acme',
      'x-note': '[redacted]',
      'x-other': '[redacted]',
      'x-odd': '\x1b[2J',
    });
  }
  assert.equal(scene.events.observer?.readsHeaders, true);
});

test('a filter never fits a value that is not shown, so that nobody can guess it letter by letter', () => {
  const scene = new Scene();
  const values: Readonly<Record<string, string>> = { 'x-access': 'Bearer abc', 'x-two': 'foo, Bearer abc' };
  const subject = subjectOf({ receivedHeader: (name) => values[name] });
  const filters = [
    ['x-access', 'Bearer a*'],
    ['x-access', 'Bearer abc'],
    ['x-access', '*'],
    ['x-two', 'foo*'],
  ] as const;
  const subscribers = filters.map(([name, value]) => scene.subscribe({ metadata: [{ name, value }] }));
  const shown = scene.subscribe({ kinds: ['end'], showMetadata: ['x-access', 'x-two'] });
  scene.run(subject);
  assert.deepEqual(
    subscribers.flatMap(({ texts }) => texts),
    [],
  );
  assert.deepEqual(JSON.parse(shown.texts[0] ?? '').metadata, {
    'x-access': '[redacted]',
    'x-two': '[redacted]',
  });
});

test('the query of a call is neither shown nor compared', () => {
  const scene = new Scene();
  const shown = scene.subscribe({});
  const guessing = scene.subscribe({ method: '/w?token=a*' });
  const whole = scene.subscribe({ kinds: ['end'], method: '/w' });
  scene.run(subjectOf({ method: '/w?token=abc' }));
  assert.deepEqual(
    shown.texts.map((text) => JSON.parse(text).method),
    ['/w', '/w', '/w'],
  );
  assert.deepEqual([guessing.texts.length, whole.texts.length], [0, 1]);
});

test('unfinished messages keep 8 MiB at most together, and nothing once their calls or the subscriber are gone', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe({ kinds: ['message'], messageBytes: 65_536, rate: 10_000 });
  const begun = Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), Buffer.alloc(65_535)]);
  const last = Buffer.alloc(1);
  const begin = (): readonly WatchedScene[] =>
    Array.from({ length: 200 }, (_, index) => {
      const call = beginWatched(scene, subjectOf(), index);
      carry(call.request, begun);
      return call;
    });
  for (const call of begin()) call.finish();
  const calls = begin();
  for (const { request } of calls) carry(request, last);
  const shown = subscriber.texts.map((text) => Buffer.from(JSON.parse(text).bytes, 'base64').length);
  // The queue of the subscriber is full before the bytes that may be kept are.
  assert.equal(shown.length + subscriber.dropped, 200);
  assert.equal(shown[0], 65_536);
  const others = begin();
  subscriber.close();
  const again = scene.subscribe({ kinds: ['message'], messageBytes: 65_536 });
  for (const { request } of others) carry(request, last);
  // What was kept for the subscriber that has gone is not shown to another one.
  assert.ok(again.texts.every((text) => JSON.parse(text).bytes === ''));
  assert.ok(again.texts.every((text) => JSON.parse(text).leftOut === 'memory'));
  const next = beginWatched(scene, subjectOf(), 1000);
  carry(next.request, begun);
  carry(next.request, last);
  assert.equal(Buffer.from(JSON.parse(again.texts.at(-1) ?? '').bytes, 'base64').length, 65_536);
});

test('a subscriber gets 4 MiB of content a second at most, and messages above that without their bytes', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe({ kinds: ['message'], messageBytes: 65_536, rate: 10_000 });
  const call = beginWatched(scene);
  const whole = grpcMessage(Buffer.alloc(65_536));
  const shown = (): number =>
    subscriber.texts.reduce((sum, text) => sum + JSON.parse(text).bytes.length * 0.75, 0);
  for (let sent = 0; sent < 100; sent++) {
    carry(call.request, whole);
    scene.events.flush();
  }
  assert.equal(subscriber.texts.length, 100);
  const [first, last] = [subscriber.texts[0] ?? '', subscriber.texts.at(-1) ?? ''].map((text) =>
    JSON.parse(text),
  );
  assert.deepEqual([first.leftOut, last.leftOut], [undefined, 'rate']);
  assert.ok(shown() <= 4 * 1024 * 1024 + 200);
  const before = shown();
  scene.nowMs += 500;
  for (let sent = 0; sent < 100; sent++) {
    carry(call.request, whole);
    scene.events.flush();
  }
  assert.ok(shown() - before > 1.9 * 1024 * 1024 && shown() - before <= 2 * 1024 * 1024 + 200);
});

test('messages of calls of one kind from a trusted peer are told of by the client of each', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe({ kinds: ['message'], client: '192.0.2.1' });
  const kept: unknown[] = [];
  for (const [index, clientAddress] of ['192.0.2.2', '192.0.2.1', '192.0.2.2'].entries()) {
    const call = beginWatched(scene, subjectOf({ clientKey: '', clientAddress, kept }), index);
    assert.equal(call.request !== undefined, clientAddress === '192.0.2.1');
    carry(call.request, grpcMessage(Buffer.from('hello')));
    call.finish();
  }
  assert.equal(subscriber.texts.length, 1);
});
