// The table of live streams: what a Map of them would say, whatever comes and goes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Stream, type StreamSender } from '../../src/h2/stream.ts';
import { StreamTable } from '../../src/h2/stream-table.ts';
import { NO_ROOM } from '../support/recorded-stream.ts';
import { RecordingOwner } from '../support/wire.ts';

const OWNER = new RecordingOwner([]);
const SENDER: StreamSender = {
  sendHeaders: () => false,
  sendData: () => 0,
  sendReset: () => false,
  credit: () => undefined,
  roomOf: () => NO_ROOM,
  roomBytesOf: () => 0,
};

function stream(id: number): Stream {
  return new Stream(id, OWNER, SENDER, 0, 0);
}

function idsOf(table: StreamTable): number[] {
  return table.values().map(({ id }) => id);
}

test('streams are found by their identifiers, and handed out the oldest first', () => {
  const table = new StreamTable();
  assert.deepEqual([table.size, table.get(1), idsOf(table)], [0, undefined, []]);
  const streams = [1, 3, 5, 33, 65, 2 ** 31 - 1].map(stream);
  for (const one of streams) table.add(one);
  for (const one of streams) assert.equal(table.get(one.id), one);
  assert.deepEqual([table.get(7), table.get(35)], [undefined, undefined]);
  assert.deepEqual(table.values(), streams);
});

test('a stream is removed once, and knows of no other afterwards', () => {
  const table = new StreamTable();
  // They share a slot.
  const streams = [1, 33, 65].map(stream);
  for (const one of streams) table.add(one);
  assert.equal(table.remove(streams[1]), true);
  assert.equal(table.remove(streams[1]), false);
  assert.equal(table.remove(stream(1)), false, 'another of the same identifier');
  assert.deepEqual([idsOf(table), table.size], [[1, 65], 2]);
  for (const one of streams) table.remove(one);
  assert.deepEqual(
    [table.size, ...streams.map(({ nextInTable }) => nextInTable)],
    [0, undefined, undefined, undefined],
  );
});

test('a cleared table is empty, and takes streams again', () => {
  const table = new StreamTable();
  const streams = Array.from({ length: 600 }, (_, index) => stream(2 * index + 1));
  for (const one of streams) table.add(one);
  table.clear();
  assert.deepEqual([table.size, table.get(1), idsOf(table)], [0, undefined, []]);
  for (const one of streams) table.add(one);
  for (const one of streams.slice(1)) table.remove(one);
  assert.deepEqual([idsOf(table), table.get(1)], [[1], streams[0]]);
});

test('it holds what a Map would hold', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(400), { maxLength: 800 }),
      fc.integer({ min: 1, max: 600 }),
      (picks, lead) => {
        const table = new StreamTable();
        const map = new Map<number, Stream>();
        let nextId = 1;
        for (const pick of picks) {
          // The more there are, the likelier one goes.
          const live = [...map.values()];
          if (pick * 2 < lead || live.length === 0) {
            const added = stream(nextId);
            nextId += 2 * (1 + (pick % 40));
            table.add(added);
            map.set(added.id, added);
          } else {
            const gone = live[pick % live.length];
            assert.equal(table.remove(gone), map.delete(gone.id));
          }
          assert.equal(table.size, map.size);
        }
        assert.deepEqual(table.values(), [...map.values()]);
        for (let id = 1; id < nextId; id += 2) assert.equal(table.get(id), map.get(id));
      },
    ),
  );
});
