// The process that asks services for descriptors: what is said when it dies, is late or answers nonsense, and how often it is started again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../src/config/address.ts';
import type { Peer, PeerEvents } from '../../src/decoding/asked-process.ts';
import type { DescriptorFiles } from '../../src/decoding/descriptors.ts';
import { readQuestion } from '../../src/decoding/reflection-messages.ts';
import type { ReflectionTarget } from '../../src/decoding/reflection-stream.ts';
import { ReflectionVisits, type VisitedService } from '../../src/decoding/reflection-visits.ts';
import { answerTo } from '../../src/decoding/reflection-work.ts';
import { eventually } from '../support/eventually.ts';

const FILES = [Buffer.from('one'), Buffer.from('two')];
const LISTED = { kind: 'listed', services: ['a.B'] };
const DESCRIBED = { kind: 'described', files: FILES };

/** @returns the answer, or nothing */
type Behaviour = (request: unknown, events: PeerEvents) => unknown;

const answersWell: Behaviour = (request) =>
  readQuestion(request)?.service === undefined ? LISTED : DESCRIBED;
const ends: Behaviour = (_request, events) => void setImmediate(() => events.onEnd('SIGABRT'));

/** Processes that answer what a test says. */
class Peers {
  started = 0;
  ended = 0;
  readonly asked: unknown[] = [];
  readonly #timers = new Set<() => void>();
  readonly #behaviour: Behaviour;
  readonly visits = new ReflectionVisits({
    start: (events) => this.#start(events),
    after: (_delayMs, call) => {
      this.#timers.add(call);
      return () => void this.#timers.delete(call);
    },
  });

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  get waits(): boolean {
    return this.#timers.size > 0;
  }

  timeIsOver(): void {
    for (const call of this.#timers) call();
  }

  list(target: ReflectionTarget): Promise<ReadonlySet<string> | string> {
    return this.visits.visit(target, (service) => service.list()).catch(reasonOf);
  }

  describe(target: ReflectionTarget): Promise<DescriptorFiles | string> {
    return this.visits.visit(target, (service) => service.describe('a.B')).catch(reasonOf);
  }

  #start(events: PeerEvents): Peer {
    this.started++;
    setImmediate(() => events.onAnswer({ kind: 'ready' }));
    return {
      send: (request) => {
        this.asked.push(request);
        const answer = this.#behaviour(request, events);
        if (answer !== undefined) setImmediate(() => events.onAnswer(answer));
      },
      end: () => void this.ended++,
    };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function targetAt(text: string, isTls = false): ReflectionTarget {
  const address = parseAddress(text, 'connect');
  assert.ok(!('message' in address));
  return { address, isTls };
}

const TARGET = targetAt('127.0.0.1:50051');

const askTwice = async (service: VisitedService): Promise<readonly unknown[]> => [
  await service.list(),
  await service.describe('a.B'),
];

test('each visit has one process for all its questions, which is ended with the visit', async () => {
  const peers = new Peers(answersWell);
  const target = targetAt('[::1]:443', true);
  const found = await peers.visits.visit(target, askTwice);
  assert.deepEqual(found, [new Set(['a.B']), { areSets: false, files: FILES }]);
  assert.deepEqual([peers.started, peers.ended, peers.waits], [1, 1, false]);
  assert.deepEqual(peers.asked, [
    { kind: 'list', address: '[::1]:443', isTls: true },
    { kind: 'describe', address: '[::1]:443', isTls: true, service: 'a.B' },
  ]);
  assert.deepEqual(
    peers.asked.map((question) => readQuestion(question)),
    [
      { target, service: undefined },
      { target, service: 'a.B' },
    ],
  );
  await peers.visits.visit(target, () => Promise.resolve());
  assert.equal(peers.started, 1, 'a visit without a question needs no process');
});

test('services are visited one after the other', async () => {
  const peers = new Peers(answersWell);
  let most = 0;
  const visits = [1, 2, 3].map(() =>
    peers.visits.visit(TARGET, async (service) => {
      await service.list();
      most = Math.max(most, peers.started - peers.ended);
    }),
  );
  await Promise.all(visits);
  assert.deepEqual([peers.started, peers.ended, most], [3, 3, 1]);
});

test('a service that ends the process is named with the signal, and asked three times at most', async () => {
  const peers = new Peers((request, events) =>
    readQuestion(request)?.target.address.text === TARGET.address.text
      ? ends(request, events)
      : answersWell(request, events),
  );
  const reason =
    '127.0.0.1:50051 cannot be asked for descriptors: the process that asked it has ended (SIGABRT), perhaps for want of memory';
  for (const question of [peers.list(TARGET), peers.describe(TARGET), peers.list(TARGET)])
    assert.equal(await question, reason);
  assert.equal(
    await peers.list(TARGET),
    '127.0.0.1:50051 is not asked for descriptors any more, since it cost 3 processes that asked it',
  );
  assert.equal(peers.started, 3);
  assert.deepEqual(await peers.list(targetAt('127.0.0.1:50052')), new Set(['a.B']));
});

test('services with ever new addresses end a bounded number of processes', async () => {
  const peers = new Peers(ends);
  for (let port = 1; port <= 20; port++) await peers.list(targetAt(`127.0.0.1:${port}`));
  assert.equal(
    await peers.list(targetAt('127.0.0.1:21')),
    'no service is asked for descriptors any more, since that cost 20 processes',
  );
  assert.equal(peers.started, 20);
});

test('a process that does not answer is ended when the time is over', async () => {
  const peers = new Peers(() => undefined);
  const late = peers.list(TARGET);
  await eventually('it is asked', () => peers.asked.length === 1);
  peers.timeIsOver();
  assert.equal(
    await late,
    '127.0.0.1:50051 cannot be asked for descriptors: the process that asked it did not answer within 15 s',
  );
  assert.equal(peers.ended, 1);
});

const NO_ANSWERS: readonly (readonly [name: string, answer: unknown])[] = [
  ['a text', 'nonsense'],
  ['nothing of a kind', {}],
  ['the beginning once more', { kind: 'ready' }],
  ['more services than one may have', { kind: 'listed', services: Array(1001).fill('a.B') }],
  ['a service with a very long name', { kind: 'listed', services: ['x'.repeat(501)] }],
  ['services that are no texts', { kind: 'listed', services: [{ length: 1 }] }],
  ['a list with holes', { kind: 'listed', services: Array(3) }],
  ['a list that is none', { kind: 'listed', services: { length: 0 } }],
  ['more files than one may have', { kind: 'described', files: Array(1001).fill(FILES[0]) }],
  ['more bytes than one may have', { kind: 'described', files: Array(17).fill(Buffer.alloc(1024 * 1024)) }],
  ['files that are no bytes', { kind: 'described', files: ['text'] }],
  ['a reason that is none', { kind: 'refused', why: ['text'] }],
  ['a very long reason', { kind: 'refused', why: 'x'.repeat(1001) }],
];

for (const [name, answer] of NO_ANSWERS)
  test(`a process that answers with ${name} is ended`, async () => {
    const peers = new Peers(() => answer);
    const reason =
      '127.0.0.1:50051 cannot be asked for descriptors: the process that asked it has answered with something else';
    const isListed = JSON.stringify(answer).includes('listed');
    assert.equal(await (isListed ? peers.list(TARGET) : peers.describe(TARGET)), reason);
    assert.equal(peers.ended, 1);
  });

test('a list is no answer to the question for files, nor files to the one for a list', async () => {
  const peers = new Peers((request) => (readQuestion(request)?.service === undefined ? DESCRIBED : LISTED));
  assert.match(JSON.stringify(await peers.list(TARGET)), /answered with something else/);
  assert.match(JSON.stringify(await peers.describe(TARGET)), /answered with something else/);
});

test('what a service says of itself is harmless, and is no fault of the process', async () => {
  const peers = new Peers(() => ({ kind: 'refused', why: 'go away\u001b[2J\n\u202e' }));
  for (let index = 0; index < 10; index++)
    assert.equal(await peers.list(TARGET), String.raw`go away\u{1b}[2J \u{202e}`);
  assert.equal(peers.started, 10);
});

test('the process answers questions alone', async () => {
  const address = '127.0.0.1:1';
  for (const question of [
    undefined,
    'list',
    { kind: 'list' },
    { kind: 'list', address },
    { kind: 'list', address: 'nonsense', isTls: false },
    { kind: 'list', address: 7, isTls: false },
    { kind: 'describe', address, isTls: false },
    { kind: 'load', address, isTls: false },
  ])
    assert.equal(await answerTo(question), undefined);
});
