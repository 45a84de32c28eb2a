// What is remembered of verified tokens, for how long and how much.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../../src/calls/caller.ts';
import { VerifiedTokens } from '../../src/identities/verified-tokens.ts';
import { standIn } from '../support/stand-in.ts';

const ALICE = standIn<Caller>({ subject: 'alice' });

test('a token is known until its time, by its exact text', () => {
  const tokens = new VerifiedTokens();
  tokens.keep('token', ALICE, 1000);
  assert.equal(tokens.find('token', 999), ALICE);
  assert.equal(tokens.find('token ', 999), undefined);
  assert.equal(tokens.find('token', 1000), undefined);
});

test('a token that is used stays known while others come and go, and their number is bounded', () => {
  const tokens = new VerifiedTokens(100, 1_000_000);
  tokens.keep('used', ALICE, 1000);
  for (let index = 0; index < 1000; index++) {
    tokens.keep(`token ${index}`, ALICE, 1000);
    assert.equal(tokens.find('used', 0), ALICE, `after ${index}`);
    assert.ok(tokens.size <= 200);
  }
  assert.equal(tokens.find('token 0', 0), undefined);
});

test('the characters of all tokens are bounded', () => {
  const tokens = new VerifiedTokens(100, 1000);
  for (let index = 0; index < 50; index++) tokens.keep(`${index}`.padEnd(300, 'x'), ALICE, 1000);
  assert.ok(tokens.size <= 6, String(tokens.size));
});

test('cleared tokens are known no more', () => {
  const tokens = new VerifiedTokens(1);
  tokens.keep('old', ALICE, 1000);
  tokens.keep('young', ALICE, 1000);
  tokens.clear();
  assert.deepEqual([tokens.find('old', 0), tokens.find('young', 0)], [undefined, undefined]);
});
