import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeProgress } from '../../src/plane/drain-progress.ts';

function running(method: string, durationMs: number) {
  return { subject: { method }, durationMs };
}

test('what a drain waits for is told by number, and by the oldest call', () => {
  const calls = [
    running('/a.B/Young', 900),
    running('/voice.VoiceAssistant/StreamAudio', 48_400),
    running('/a.B/Middle?secret=1', 5000),
  ];
  assert.equal(
    describeProgress(calls),
    'draining: 3 calls left, oldest 48 s, /voice.VoiceAssistant/StreamAudio',
  );
});

test('a query is left out, and one call is one call', () => {
  assert.equal(describeProgress([running('/page?secret=1', 10)]), 'draining: 1 call left, oldest 0 s, /page');
});
