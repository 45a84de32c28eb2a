import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { TicketKeys } from '../../src/listeners/ticket-keys.ts';

const HOUR_MS = 3_600_000;

function rotating(context: TestContext): { readonly keys: TicketKeys; readonly told: Buffer[] } {
  context.mock.timers.enable({ apis: ['setInterval'] });
  const keys = new TicketKeys();
  const told: Buffer[] = [];
  keys.onChange((changed) => told.push(changed));
  keys.startRotation();
  context.after(() => keys.close());
  return { keys, told };
}

test('there are 48 bytes from the start, and others in every process', () => {
  const keys = new TicketKeys();
  assert.equal(keys.current.length, 48);
  assert.ok(!keys.current.equals(new TicketKeys().current));
  assert.equal(keys.current, keys.current);
});

test('they are replaced twice a day, and who wants to know is told', (context) => {
  const { keys, told } = rotating(context);
  const first = keys.current;
  context.mock.timers.tick(12 * HOUR_MS - 1);
  assert.equal(keys.current, first);
  context.mock.timers.tick(1);
  const second = keys.current;
  assert.ok(!second.equals(first));
  context.mock.timers.tick(12 * HOUR_MS);
  assert.ok(!keys.current.equals(second));
  assert.deepEqual(told, [second, keys.current]);
});

test('who uses the keys of another process replaces them no more', (context) => {
  const { keys, told } = rotating(context);
  const given = randomBytes(48);
  keys.use(given);
  assert.deepEqual(keys.current, given);
  assert.deepEqual(told, [given]);
  context.mock.timers.tick(48 * HOUR_MS);
  assert.deepEqual(keys.current, given);
});

test('what was given is copied, and may be overwritten', () => {
  const keys = new TicketKeys();
  const given = randomBytes(48);
  const before = Buffer.from(given);
  keys.use(given);
  given.fill(0);
  assert.deepEqual(keys.current, before);
});

test('keys of another size are refused, and those there stay', () => {
  const keys = new TicketKeys();
  const before = keys.current;
  for (const size of [0, 16, 47, 49, 80]) assert.throws(() => keys.use(Buffer.alloc(size)), RangeError);
  assert.equal(keys.current, before);
});

test('after close they stay as they are, and closing twice is well', (context) => {
  const { keys } = rotating(context);
  const before = keys.current;
  keys.close();
  keys.close();
  context.mock.timers.tick(48 * HOUR_MS);
  assert.equal(keys.current, before);
});

test('who has asked not to be told any more is not', () => {
  const keys = new TicketKeys();
  const told: Buffer[] = [];
  const forget = keys.onChange((changed) => told.push(changed));
  keys.use(randomBytes(48));
  forget();
  keys.use(randomBytes(48));
  assert.equal(told.length, 1);
});

test('printing the object shows no key', () => {
  const keys = new TicketKeys();
  const shown = `${inspect(keys, { depth: 9, showHidden: true })}${JSON.stringify(keys)}`;
  assert.ok(!shown.includes(keys.current.toString('hex').slice(0, 8)));
  assert.doesNotMatch(shown, /Buffer/);
});
