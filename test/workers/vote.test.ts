import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Vote } from '../../src/workers/vote.ts';

test('there is a result when all have said yes', async () => {
  const vote = new Vote<string, string>(['a', 'b']);
  vote.yes('b');
  assert.deepEqual(vote.missing, ['a']);
  vote.yes('a');
  assert.deepEqual(await vote.result, { inFavour: ['b', 'a'], objections: [] });
});

test('every objection is in the result, as all are waited for', async () => {
  const vote = new Vote<string, string>(['a', 'b', 'c']);
  vote.no('a', 'no certificate');
  vote.yes('b');
  vote.no('c', 'no port');
  assert.deepEqual(await vote.result, { inFavour: ['b'], objections: ['no certificate', 'no port'] });
});

test('who is gone is not waited for, and its yes counts no more', async () => {
  const vote = new Vote<string, string>(['a', 'b', 'c']);
  vote.yes('a');
  vote.gone('a');
  vote.gone('b');
  vote.yes('c');
  assert.deepEqual(await vote.result, { inFavour: ['c'], objections: [] });
});

test('without voters, or when all are gone, nobody is in favour', async () => {
  assert.deepEqual(await new Vote<string, string>([]).result, { inFavour: [], objections: [] });
  const vote = new Vote<string, string>(['a']);
  vote.gone('a');
  assert.deepEqual(await vote.result, { inFavour: [], objections: [] });
});

test('who is not asked has no say, and nobody has two', async () => {
  const vote = new Vote<string, string>(['a', 'b']);
  vote.no('stranger', 'never');
  vote.yes('a');
  vote.no('a', 'changed my mind');
  vote.yes('b');
  assert.deepEqual(await vote.result, { inFavour: ['a', 'b'], objections: [] });
});

test('whatever the order of yes, no and dying, there is a result once nobody is missing', async () => {
  const event = fc.record({ voter: fc.nat(3), says: fc.constantFrom('yes', 'no', 'gone') });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 20 }), async (events) => {
      const vote = new Vote<number, string>([0, 1, 2, 3]);
      for (const { voter, says } of events) {
        if (says === 'yes') vote.yes(voter);
        else if (says === 'no') vote.no(voter, 'no');
        else vote.gone(voter);
      }
      const isOver = vote.missing.length === 0;
      const pending = Symbol('pending');
      const result = await Promise.race([vote.result, Promise.resolve(pending)]);
      assert.equal(result !== pending, isOver);
    }),
  );
});
