// The tokens of broken rules are labels of a metric: however bytes are arranged, they are words that stand in the code,
// and never anything of what a peer has sent.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runSession } from '../fuzz/sessions.ts';

const h2 = join(import.meta.dirname, '../../src/h2');
const FIRST_SEED = 40_000;
const SESSIONS = 600;

/** Every word with underscores that is written out in the sources of the engine. */
function wordsOfTheEngine(): ReadonlySet<string> {
  const files = readdirSync(h2, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const texts = files.map((file) => readFileSync(join(h2, file), 'utf8'));
  return new Set(
    texts.flatMap((text) => Array.from(text.matchAll(/'([a-z0-9]+(?:_[a-z0-9]+)+)'/g), ([, word]) => word)),
  );
}

test('tokens of broken rules are from a fixed set', () => {
  const words = wordsOfTheEngine();
  const seen = new Set<string>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SESSIONS; seed++) {
    for (const token of runSession(seed).violations) seen.add(token);
  }
  assert.deepEqual(
    [...seen].filter((token) => !words.has(token)),
    [],
  );
  assert.ok(seen.size > 20, `only ${seen.size} rules were broken`);
});
