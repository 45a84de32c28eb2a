// A measurement by turns: in which order the processes are loaded, and which numbers it takes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turnOrder } from '../../bench/turns/turn-order.ts';
import { wholeNumber } from '../../bench/turns/whole-number.ts';

/** As many processes, of two contenders or more. */
const COUNTS = [2, 3, 4, 5, 6, 8];

function processes(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}

test('two contenders with two processes each begin by turns', () => {
  const orders = Array.from({ length: 8 }, (_, round) =>
    turnOrder(['A0', 'B0', 'A1', 'B1'], round).join(' '),
  );
  assert.deepEqual(orders, [
    'A0 B0 A1 B1',
    'B0 A0 B1 A1',
    'A1 B1 A0 B0',
    'B1 A1 B0 A0',
    'A0 B1 A1 B0',
    'B0 A1 B1 A0',
    'A1 B0 A0 B1',
    'B1 A0 B0 A1',
  ]);
});

test('each round has every process once, and each process begins as many rounds, once in each direction', () => {
  for (const count of COUNTS) {
    const all = processes(count);
    const rounds = Array.from({ length: 2 * count }, (_, round) => turnOrder(all, round));
    for (const order of rounds) assert.deepEqual(order.toSorted(), [...all]);
    const beginnings = Object.groupBy(rounds, ([first]) => first);
    for (const each of all) assert.equal(beginnings[each]?.length, 2, `${each} of ${count}`);
    const orders = new Set(rounds.map((order) => order.join()));
    assert.equal(orders.size, count === 2 ? 2 : 2 * count, `${count} processes`);
  }
});

test('within a round, each process follows either of its neighbours as often', () => {
  for (const count of COUNTS.filter((each) => each > 2)) {
    const follows = new Map<string, number>();
    for (let round = 0; round < 2 * count; round++) {
      const order = turnOrder(processes(count), round);
      for (let place = 1; place < count; place++) {
        const pair = `${order[place - 1]} before ${order[place]}`;
        follows.set(pair, (follows.get(pair) ?? 0) + 1);
      }
    }
    assert.equal(follows.size, 2 * count);
    assert.deepEqual([...new Set(follows.values())], [count - 1], `${count} processes`);
  }
});

test('the number of rounds is a whole number above 0, and nothing else is taken', () => {
  assert.equal(wholeNumber('rounds', '100'), 100);
  for (const text of ['x', '', ' ', '0', '-1', '1.5', '1e3', '0x10', 'Infinity', '9'.repeat(30)])
    assert.throws(
      () => wholeNumber('rounds', text),
      /--rounds wants a whole number above 0, and not "/,
      text,
    );
});
