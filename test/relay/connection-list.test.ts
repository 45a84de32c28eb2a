import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionList } from '../../src/relay/connection-list.ts';

function made(count: number) {
  const list = new ConnectionList<{ readonly name: number; listPlace: number }>();
  const all = Array.from({ length: count }, (_, name) => ({ name, listPlace: -1 }));
  for (const connection of all) list.add(connection);
  return { list, all, names: () => list.values().map(({ name }) => name) };
}

describe('the connections of clients', () => {
  it('one that leaves is gone, and the others stay', () => {
    const { list, all, names } = made(4);
    list.remove(all[1]);
    assert.deepEqual(new Set(names()), new Set([0, 2, 3]));
    list.remove(all[3]);
    list.remove(all[0]);
    assert.deepEqual(names(), [2]);
    list.remove(all[2]);
    assert.equal(list.size, 0);
  });

  it('one that has left may leave again', () => {
    const { list, all, names } = made(2);
    list.remove(all[0]);
    list.remove(all[0]);
    assert.deepEqual(names(), [1]);
  });

  it('all are walked through though each leaves meanwhile', () => {
    const { list, all } = made(5);
    let walked = 0;
    for (const connection of list.values()) {
      list.remove(connection);
      walked++;
    }
    assert.equal(walked, all.length);
    assert.equal(list.size, 0);
  });
});
