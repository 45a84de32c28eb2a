// One try at one endpoint: its stream is given back once, however it ends, and nothing is told after that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { Attempt } from '../../src/relay/attempt.ts';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';
import { holdingFor, RecordedConnection, RecordingListener } from '../support/attempt-parts.ts';

const DATA = Buffer.from('..data.');
const RESPONSE = HeaderList.of([':status', '200']);

class Tried {
  readonly connection = new RecordedConnection();
  readonly listener = new RecordingListener();
  readonly ring: ReplayBuffer;
  readonly attempt: Attempt;

  constructor(ring = new ReplayBuffer(65_536)) {
    this.ring = ring;
    const { asEndpoint, asConnection } = this.connection;
    this.attempt = new Attempt(asEndpoint, asConnection, this.listener, ring, holdingFor());
  }

  sent(text: string): void {
    const bytes = Buffer.from(`.${text}.`);
    this.attempt.recordSent(bytes, 1, 1 + text.length);
  }

  get replayed(): string | undefined {
    const pieces = this.attempt.replay();
    return pieces === undefined ? undefined : Buffer.concat(pieces).toString();
  }

  get resets(): readonly string[] {
    return this.connection.streams[0].log;
  }
}

test('an attempt that is lost to a faster one is reset, is no failure, and is told nothing any more', () => {
  const { attempt, connection, listener } = new Tried();
  attempt.onResponse(RESPONSE, false);
  listener.takeLog();
  attempt.lose();
  attempt.release(ErrorCode.CANCEL);
  attempt.onData(DATA, 0, 1, true);
  const { lost, failed, givenUp, answered } = connection.counts;
  assert.deepEqual([lost, failed, givenUp, answered], [1, 0, 0, 0]);
  assert.deepEqual([connection.released, connection.streams[0].log], [1, ['reset CANCEL']]);
  assert.deepEqual(listener.log, []);
});

test('what comes back is told', () => {
  const { attempt, listener, connection } = new Tried();
  attempt.onResponse(RESPONSE, false);
  attempt.onData(DATA, 2, 6, false);
  attempt.onWritable();
  attempt.onData(DATA, 2, 2, true);
  attempt.onTrailers(HeaderList.of(['grpc-status', '0']));
  assert.deepEqual(listener.log, ['response 200', 'data "data"', 'writable', 'data "" end', 'trailers 0']);
  assert.equal(connection.released, 0);
});

test('release resets the stream and gives it back, once', () => {
  const { attempt, connection } = new Tried();
  attempt.release(ErrorCode.CANCEL);
  attempt.release(ErrorCode.NO_ERROR);
  assert.equal(connection.released, 1);
  assert.deepEqual(connection.streams[0].log, ['reset CANCEL']);
});

test('every end of the stream gives it back before it is told, and is the last that is told', () => {
  const ends: [end: (attempt: Attempt) => void, told: string][] = [
    [(attempt) => attempt.onReset(ErrorCode.REFUSED_STREAM, undefined), 'reset 7'],
    [(attempt) => attempt.onReset(ErrorCode.PROTOCOL_ERROR, 'bad_frame'), 'reset 1 bad_frame'],
    [(attempt) => attempt.onRefused(), 'refused'],
    [(attempt) => attempt.onConnectionLost('gone'), 'lost: upstream_connection_lost'],
  ];
  for (const [end, told] of ends) {
    const { attempt, connection, listener } = new Tried();
    let releasedWhenTold = 0;
    const note = (): void => {
      releasedWhenTold = connection.released;
    };
    listener.log.push = (...lines: string[]): number => {
      note();
      return Array.prototype.push.apply(listener.log, lines);
    };
    end(attempt);
    assert.deepEqual([...listener.log], [told]);
    assert.equal(releasedWhenTold, 1);
    for (const [again] of ends) again(attempt);
    attempt.onResponse(RESPONSE, true);
    attempt.onData(DATA, 0, 1, true);
    attempt.onTrailers(RESPONSE);
    attempt.onWritable();
    attempt.release(ErrorCode.CANCEL);
    assert.deepEqual([...listener.log], [told]);
    assert.equal(connection.released, 1);
  }
});

test('what was sent can be replayed, as long as nothing came back', () => {
  const tried = new Tried();
  assert.equal(tried.replayed, '');
  tried.sent('one ');
  tried.sent('');
  tried.sent('two');
  assert.equal(tried.replayed, 'one two');
  // Whoever was offered its response decides that there is no other attempt.
  tried.attempt.onResponse(HeaderList.of([':status', '200']), false);
  assert.equal(tried.replayed, 'one two');
  tried.attempt.isCommitted = true;
  tried.sent('three');
  assert.equal(tried.replayed, 'one two');
});

test('up to 8 KiB can be replayed, and a byte more cannot', () => {
  const tried = new Tried();
  for (let piece = 0; piece < 8; piece++) tried.sent('x'.repeat(1024));
  assert.equal(tried.replayed?.length, 8192);
  tried.sent('y');
  assert.equal(tried.replayed, undefined);
  tried.sent('z');
  assert.equal(tried.replayed, undefined);
});

test('what is to be forgotten, or was overwritten by others, cannot be replayed', () => {
  const forgotten = new Tried();
  forgotten.sent('x');
  forgotten.attempt.forgetReplay();
  assert.equal(forgotten.replayed, undefined);

  const ring = new ReplayBuffer(64);
  const overwritten = new Tried(ring);
  overwritten.sent('x');
  const other = new Tried(ring);
  for (let piece = 0; piece < 3; piece++) other.sent('y'.repeat(16));
  assert.equal(overwritten.replayed, undefined);
});

test('the stream is not reset a second time when the peer has ended it', () => {
  const tried = new Tried();
  tried.connection.streams[0].isReset = true;
  tried.attempt.onReset(ErrorCode.CANCEL, undefined);
  assert.deepEqual(tried.resets, []);
  assert.equal(tried.connection.released, 1);
});
