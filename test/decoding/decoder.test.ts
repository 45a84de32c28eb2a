// The process that decodes: what is shown when it is slow, dies or answers nonsense, and that another one takes its place.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Peer, PeerEvents } from '../../src/decoding/asked-process.ts';
import { Decoder, decodeBy } from '../../src/decoding/decoder.ts';
import { type DecoderRequest, isDecoderRequest } from '../../src/decoding/decoder-messages.ts';
import { DecoderWork } from '../../src/decoding/decoder-work.ts';
import type { DescriptorFiles } from '../../src/decoding/descriptors.ts';
import type { SeenMessage } from '../../src/decoding/message-decoder.ts';
import { descriptorSetOf } from '../../src/decoding/proto-files.ts';
import { lengthDelimited } from '../../src/decoding/wire-fields.ts';
import { eventually } from '../support/eventually.ts';

const VOICE: DescriptorFiles = {
  areSets: true,
  files: [descriptorSetOf([join(import.meta.dirname, '../../proto/voice.proto')], [])],
};
const MESSAGE: SeenMessage = {
  path: '/voice.VoiceAssistant/Say',
  direction: 'request',
  upstream: 'voice',
  endpoint: '',
  bytes: lengthDelimited(1, Buffer.from('hello')),
  isTruncated: false,
  isCompressed: false,
  encoding: '',
};
const DECODED = { json: { text: 'hello' }, isPart: false };

type Behaviour = (request: DecoderRequest | 'start', events: PeerEvents) => unknown;

/** Processes that do their work in this one, unless `behaviour` returns something else for an answer; 'silence' is none. */
class Peers {
  /** What each process was asked, in order. */
  readonly asked: string[][] = [];
  ended = 0;
  behaviour: Behaviour = () => undefined;
  readonly #timers = new Set<() => void>();
  readonly decoder = new Decoder({
    start: (events) => this.#start(events),
    after: (_delayMs, call) => {
      this.#timers.add(call);
      return () => void this.#timers.delete(call);
    },
  });

  /** Lets the time of everything that is waited for be over. */
  async timeIsOver(): Promise<void> {
    await eventually('somebody waits', () => this.#timers.size > 0);
    const due = [...this.#timers];
    this.#timers.clear();
    for (const call of due) call();
  }

  get waits(): boolean {
    return this.#timers.size > 0;
  }

  #start(events: PeerEvents): Peer {
    const work = new DecoderWork();
    const asked: string[] = [];
    this.asked.push(asked);
    const answer = (request: DecoderRequest | 'start'): void => {
      const other = this.behaviour(request, events);
      if (other === 'silence') return;
      setImmediate(() =>
        events.onAnswer(other ?? (request === 'start' ? { kind: 'ready' } : work.answer(request))),
      );
    };
    answer('start');
    return {
      send: (request) => {
        assert.ok(isDecoderRequest(request));
        asked.push(request.kind);
        answer(request);
      },
      end: () => void this.ended++,
    };
  }
}

test('descriptors are loaded once by each process, and messages decoded one after the other', async () => {
  const peers = new Peers();
  assert.equal(await peers.decoder.load(VOICE), undefined);
  const all = await Promise.all([1, 2, 3].map(() => peers.decoder.decode(MESSAGE, VOICE)));
  assert.deepEqual(all, [DECODED, DECODED, DECODED]);
  assert.deepEqual(peers.asked, [['load', 'decode', 'decode', 'decode']]);
  assert.equal(peers.waits, false);
});

test('a message that takes too long is given up, and another process decodes the next one', async () => {
  const peers = new Peers();
  await peers.decoder.load(VOICE);
  peers.behaviour = (request) => (request !== 'start' && request.kind === 'decode' ? 'silence' : undefined);
  const slow = peers.decoder.decode(MESSAGE, VOICE);
  await eventually('it is asked', () => peers.asked[0]?.includes('decode'));
  await peers.timeIsOver();
  assert.deepEqual(await slow, { why: 'it could not be decoded in time (2 s)' });
  assert.equal(peers.ended, 1);
  peers.behaviour = () => undefined;
  assert.deepEqual(await peers.decoder.decode(MESSAGE, VOICE), DECODED);
  assert.deepEqual(peers.asked, [
    ['load', 'decode'],
    ['load', 'decode'],
  ]);
});

test('a process that does not start, and descriptors that take too long, are given up', async () => {
  const peers = new Peers();
  peers.behaviour = () => 'silence';
  const first = peers.decoder.load(VOICE);
  await peers.timeIsOver();
  assert.equal(await first, 'it could not be decoded in time (30 s)');
  peers.behaviour = (request) => (request === 'start' ? undefined : 'silence');
  const second = peers.decoder.load(VOICE);
  await eventually('it is asked', () => peers.asked[1]?.includes('load'));
  await peers.timeIsOver();
  assert.equal(await second, 'it could not be decoded in time (5 s)');
});

test('a process that ends is replaced, and what it did is told', async () => {
  const peers = new Peers();
  peers.behaviour = (request, events) => {
    if (request === 'start' || request.kind === 'load') return undefined;
    setImmediate(() => events.onEnd('SIGABRT'));
    return 'silence';
  };
  assert.match(
    JSON.stringify(await peers.decoder.decode(MESSAGE, VOICE)),
    /the process for that has ended \(SIGABRT\), perhaps/,
  );
  peers.behaviour = () => undefined;
  assert.deepEqual(await peers.decoder.decode(MESSAGE, VOICE), DECODED);
  assert.equal(peers.asked.length, 2);
});

test('an answer that comes too late is not taken for that of another message', async () => {
  const peers = new Peers();
  const late: PeerEvents[] = [];
  await peers.decoder.load(VOICE);
  peers.behaviour = (request, events) => {
    if (request === 'start' || request.kind === 'load') return undefined;
    late.push(events);
    return 'silence';
  };
  const slow = peers.decoder.decode(MESSAGE, VOICE);
  await eventually('it is asked', () => late.length === 1);
  await peers.timeIsOver();
  await slow;
  const next = peers.decoder.decode(MESSAGE, VOICE);
  await eventually('the next is asked', () => late.length === 2);
  late[0]?.onAnswer({ kind: 'decoded', text: '"of the first"', isPart: false });
  late[0]?.onEnd('SIGKILL');
  late[1]?.onAnswer({ kind: 'decoded', text: '"of the second"', isPart: false });
  assert.deepEqual(await next, { json: 'of the second', isPart: false });
});

test('of a message whose bytes the proxy left out, the reason is told, and no service is asked', async () => {
  const peers = new Peers();
  const decode = decodeBy({ find: () => assert.fail('a service was asked') }, peers.decoder);
  const cut = { ...MESSAGE, bytes: Buffer.alloc(0), isTruncated: true };
  assert.deepEqual(await decode(cut), { why: 'the proxy left out its bytes' });
  for (const [leftOut, why] of [
    ['rate', /^the proxy left out its bytes: it sends a certain amount/],
    ['memory', /^the proxy left out its bytes: it came in pieces/],
  ] as const) {
    const decoded = await decode({ ...cut, leftOut });
    assert.match('why' in decoded ? decoded.why : '', why);
  }
});

const NO_ANSWERS: readonly unknown[] = [
  'nonsense',
  7,
  {},
  { kind: 'ready' },
  { kind: 'loaded' },
  { kind: 'decoded', text: '{', isPart: false },
  { kind: 'decoded', text: { length: 1 }, isPart: false },
  { kind: 'decoded', text: '1' },
  { kind: 'decoded', text: JSON.stringify('x'.repeat(8 * 1024 * 1024)), isPart: false },
  { kind: 'refused', why: 7 },
  { kind: 'refused', why: 'x'.repeat(1001) },
];

test('a process that answers with something else is ended, and another one decodes the next message', async () => {
  const peers = new Peers();
  for (const [index, nonsense] of NO_ANSWERS.entries()) {
    peers.behaviour = (request) => (request !== 'start' && request.kind === 'decode' ? nonsense : undefined);
    assert.deepEqual(await peers.decoder.decode(MESSAGE, VOICE), {
      why: 'it could not be decoded: the process for that has answered with something else',
    });
    assert.equal(peers.ended, index + 1);
  }
  peers.behaviour = (request) =>
    request !== 'start' && request.kind === 'load'
      ? { kind: 'decoded', text: '{}', isPart: false }
      : undefined;
  assert.match((await peers.decoder.load(VOICE)) ?? '', /answered with something else/);
  peers.behaviour = () => undefined;
  assert.deepEqual(await peers.decoder.decode(MESSAGE, VOICE), DECODED);
});

test('a process that answers although it was asked nothing is ended', async () => {
  const peers = new Peers();
  let first: PeerEvents | undefined;
  peers.behaviour = (_request, events) => {
    first ??= events;
  };
  assert.deepEqual(await peers.decoder.decode(MESSAGE, VOICE), DECODED);
  first?.onAnswer({ kind: 'decoded', text: '"of no message"', isPart: false });
  assert.equal(peers.ended, 1);
  assert.deepEqual(await peers.decoder.decode(MESSAGE, VOICE), DECODED);
  assert.equal(peers.asked.length, 2);
});

test('what a process quotes in its reasons is harmless', async () => {
  const peers = new Peers();
  peers.behaviour = (request) =>
    request === 'start' ? undefined : { kind: 'refused', why: 'no \u001b[2J\n\u202eof\u009b' };
  assert.equal(await peers.decoder.load(VOICE), String.raw`no \u{1b}[2J \u{202e}of\u{9b}`);
});

test('a source is told of descriptors that are refused, and messages of no method ask for nothing', async () => {
  const peers = new Peers();
  const refused: string[] = [];
  const decode = decodeBy(
    {
      find: () => Promise.resolve({ areSets: false, files: [Buffer.alloc(40, 0xff)] }),
      onRefused: (service, _message, why) => void refused.push(`${service}: ${why}`),
    },
    peers.decoder,
  );
  assert.match(JSON.stringify(await decode({ ...MESSAGE, path: '/' })), /names no method/);
  assert.equal(peers.asked.length, 0);
  assert.ok('why' in (await decode(MESSAGE)));
  assert.match(refused.join(), /^voice\.VoiceAssistant: ./);
});

test('a message of a method that is not known is decoded by newer descriptors, if there are any', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-decoder-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'older.proto');
  writeFileSync(
    file,
    'syntax = "proto3"; package voice; message Nothing {} service VoiceAssistant { rpc Other(Nothing) returns (Nothing); }',
  );
  const older: DescriptorFiles = { areSets: true, files: [descriptorSetOf([file], [])] };
  const peers = new Peers();
  let newer: DescriptorFiles | undefined;
  let renewals = 0;
  const decode = decodeBy(
    {
      find: () => Promise.resolve(older),
      renew: () => {
        renewals++;
        return Promise.resolve(newer);
      },
    },
    peers.decoder,
  );
  assert.match(JSON.stringify(await decode(MESSAGE)), /the descriptors have no method Say of voice/);
  newer = VOICE;
  assert.deepEqual(await decode(MESSAGE), DECODED);
  assert.equal(renewals, 2);
  const known = { ...MESSAGE, path: '/voice.VoiceAssistant/Other', bytes: Buffer.from([0xff]) };
  assert.ok('why' in (await decode(known)));
  assert.equal(renewals, 2, 'a message that cannot be decoded is no reason to ask');
});

test('a process keeps so many sets of descriptors, and is replaced for more', async () => {
  const peers = new Peers();
  for (let set = 0; set < 51; set++) assert.equal(await peers.decoder.load({ ...VOICE }), undefined);
  assert.deepEqual(
    peers.asked.map(({ length }) => length),
    [50, 1],
  );
});
