// Identifiers, live streams, and what is remembered of those that ended.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Stream, type StreamOwner, type StreamSender } from '../../src/h2/stream.ts';
import { Past, StreamRegistry } from '../../src/h2/stream-registry.ts';
import { StreamState } from '../../src/h2/stream-state.ts';
import { NO_ROOM } from '../support/recorded-stream.ts';
import { RecordingOwner } from '../support/wire.ts';

const OWNER: StreamOwner = new RecordingOwner([]);
const SENDER: StreamSender = {
  sendHeaders: () => false,
  sendData: () => 0,
  sendReset: () => false,
  credit: () => undefined,
  roomOf: () => NO_ROOM,
  roomBytesOf: () => 0,
};

function openLocal(registry: StreamRegistry, count: number): Stream[] {
  return Array.from({ length: count }, () => registry.addLocal(OWNER, SENDER, 1, 1));
}

test('a client opens odd identifiers, a server even ones', () => {
  assert.deepEqual(
    openLocal(new StreamRegistry(false), 3).map((stream) => stream.id),
    [1, 3, 5],
  );
  assert.deepEqual(
    openLocal(new StreamRegistry(true), 2).map((stream) => stream.id),
    [2, 4],
  );
});

test('whose an identifier is follows from its last bit', () => {
  assert.equal(new StreamRegistry(true).isPeerId(1), true);
  assert.equal(new StreamRegistry(true).isPeerId(2), false);
  assert.equal(new StreamRegistry(false).isPeerId(1), false);
  assert.equal(new StreamRegistry(false).isPeerId(2), true);
});

test('a stream of the peer raises the highest identifier seen', () => {
  const registry = new StreamRegistry(true);
  registry.addPeer(7, OWNER, SENDER, 1, 1);
  assert.equal(registry.lastPeerId, 7);
  assert.equal(registry.past(5), Past.FORGOTTEN);
  assert.equal(registry.past(9), Past.IDLE);
});

test('a removed stream is closed, and may be removed twice', () => {
  const registry = new StreamRegistry(false);
  const [stream] = openLocal(registry, 1);
  registry.remove(stream, false);
  registry.remove(stream, true);
  assert.equal(stream.state, StreamState.CLOSED);
  assert.equal(registry.size, 0);
  assert.equal(registry.get(1), undefined);
  assert.equal(registry.past(1), Past.CLOSED);
});

test('clear hands out every stream closed', () => {
  const registry = new StreamRegistry(false);
  const streams = openLocal(registry, 3);
  assert.deepEqual(registry.clear(), streams);
  assert.ok(streams.every((stream) => stream.state === StreamState.CLOSED));
  assert.equal(registry.size, 0);
  assert.deepEqual([...registry.values()], []);
});

test('identifiers are used up long before they end', () => {
  const registry = new StreamRegistry(false);
  assert.ok(registry.localIdsLeft > 500_000_000);
  openLocal(registry, 1);
  assert.equal(registry.localIdsLeft, (0x4000_0000 - 1) / 2);
});

test('a stream of a dead connection is over before it began', () => {
  const stream = Stream.closed(OWNER, SENDER);
  assert.equal(stream.state, StreamState.CLOSED);
});

describe('the past', () => {
  test('it tells a reset by us from another end', () => {
    const registry = new StreamRegistry(false);
    const [first, second] = openLocal(registry, 2);
    registry.remove(first, true);
    registry.remove(second, false);
    assert.equal(registry.past(1), Past.RESET_BY_US);
    assert.equal(registry.past(3), Past.CLOSED);
    assert.equal(registry.past(5), Past.IDLE);
  });

  test('as many resets by us are remembered as streams were live, whatever the number', () => {
    for (const count of [1, 63, 64, 65, 66, 127, 128, 129, 130, 257, 300, 1_025]) {
      const registry = new StreamRegistry(false);
      const streams = openLocal(registry, count);
      for (const stream of streams) registry.remove(stream, true);
      const forgotten = streams.filter((stream) => registry.past(stream.id) !== Past.RESET_BY_US);
      assert.equal(forgotten.length, 0, `${count} streams at once`);
    }
  });

  test('what was remembered stays when more room is made', () => {
    const registry = new StreamRegistry(false);
    const early = openLocal(registry, 60);
    for (const stream of early) registry.remove(stream, true);
    openLocal(registry, 65);
    assert.ok(early.every((stream) => registry.past(stream.id) === Past.RESET_BY_US));
  });

  test('memory is bounded: an end long ago is forgotten', () => {
    const registry = new StreamRegistry(false);
    for (let count = 0; count < 5_000; count++) registry.remove(openLocal(registry, 1)[0], true);
    assert.equal(registry.past(1), Past.FORGOTTEN);
    assert.equal(registry.past(9_999), Past.RESET_BY_US);
  });

  test('ordinary ends do not push out the memory of a reset by us', () => {
    const registry = new StreamRegistry(true);
    registry.remove(registry.addPeer(1, OWNER, SENDER, 1, 1), true);
    for (let id = 3; id < 203; id += 2) registry.remove(registry.addPeer(id, OWNER, SENDER, 1, 1), false);
    assert.equal(registry.past(1), Past.RESET_BY_US);
  });
});
