// Who is told of exchanges: each of what it asked for, in the order they were given, and whatever another of them throws.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { ObserverSlot, Observers, type StartedExchange } from '../../src/calls/observers.ts';
import { EdgeUnderTest, RawHttp1Client, startService } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { http2Answer } from '../support/http2-answer.ts';
import { RecordingObserver } from '../support/recording-observer.ts';
import { standIn } from '../support/stand-in.ts';

const FAULT = new Error('a fault of ours');
const SUBJECT = standIn<ExchangeSubject>({ method: '/a' });
const TRAFFIC = { requestBytes: 0, responseBytes: 0, requestMessages: 0, responseMessages: 0 };
const STARTED: StartedExchange = { subject: SUBJECT, number: 1, requestId: 1, traffic: TRAFFIC };
const RECORD = standIn<ExchangeRecord>({
  subject: SUBJECT,
  httpStatus: 200,
  endedBy: 'upstream',
  attempts: 1,
});

function isDate(value: unknown): value is Date {
  return value instanceof Date;
}

test('each observer is told of what it asked for, in the order they were given', () => {
  const log: string[] = [];
  const observers = new Observers(
    [
      { onFinish: () => log.push('first: finish') },
      { onStart: () => log.push('second: start'), onFinish: () => log.push('second: finish') },
      { onAttempt: ({ number }) => log.push(`third: attempt ${number}`) },
    ],
    (error) => assert.fail(String(error)),
  );
  observers.started(STARTED);
  assert.equal(observers.wantAttempts, true);
  observers.attempted({ exchange: STARTED, endpoint: 'a:1', number: 2 });
  observers.finished(RECORD);
  assert.deepEqual(log, ['second: start', 'third: attempt 2', 'first: finish', 'second: finish']);
});

test('what an observer throws is reported, and the others are told all the same', () => {
  const faults: unknown[] = [];
  const throws = (): never => {
    throw FAULT;
  };
  const recording = new RecordingObserver();
  const saboteur = { onStart: throws, onAttempt: throws, onFinish: throws };
  const observers = new Observers([saboteur, recording], (error) => faults.push(error));
  observers.started(STARTED);
  observers.attempted({ exchange: STARTED, endpoint: 'a:1', number: 1 });
  observers.finished(RECORD);
  assert.deepEqual(faults, [FAULT, FAULT, FAULT]);
  assert.equal(recording.log.length, 3);
});

test('what observers keep with a kind of call is theirs, whoever keeps first', () => {
  const [first, second] = [new ObserverSlot(isDate), new ObserverSlot(isDate)];
  const subject = standIn<ExchangeSubject>({ kept: [] });
  assert.deepEqual([first.of(subject), second.of(subject)], [undefined, undefined]);
  const [one, other] = [new Date(1), new Date(2)];
  second.keep(subject, other);
  first.keep(subject, one);
  assert.deepEqual([first.of(subject), second.of(subject)], [one, other]);
});

test('an observer as the recipe adds one sees calls over both versions of HTTP, and not the start of refused ones', async (t) => {
  // The endpoint that is not there is not tried a second time, however long this takes.
  t.mock.method(performance, 'now', () => 1_000_000);
  const service = await startService(t, (_request, response) => response.end('served'));
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [{ kind: 'tcp', host: '127.0.0.1', port: 1, text: '127.0.0.1:1' }, service.address],
    routes: [{ match: { path: '/a' } }],
  });
  const observer = new RecordingObserver();
  edge.relay.observe([observer]);
  const nextCall = async (): Promise<string[]> => {
    await eventually('it is told of the end', () => observer.log.at(-1)?.startsWith('finish'));
    return observer.log.splice(0);
  };
  await new RawHttp1Client(t, edge.port).send('GET /a HTTP/1.1', 'Host: a', '').receives('served');
  const there = service.address.text;
  assert.deepEqual(await nextCall(), [
    'start /a number',
    'attempt 1 of /a at 127.0.0.1:1',
    `attempt 2 of /a at ${there}`,
    'finish /a 200 by upstream after 2',
  ]);
  await http2Answer(edge.h2(t).request({ ':path': '/a', ':authority': 'a' }));
  assert.deepEqual(await nextCall(), [
    'start /a number',
    `attempt 1 of /a at ${there}`,
    'finish /a 200 by upstream after 1',
  ]);
  await new RawHttp1Client(t, edge.port).send('GET /b HTTP/1.1', 'Host: a', '').receives('404');
  assert.deepEqual(await nextCall(), ['finish /b 404 by framegate after 0']);
});
