import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointUpdate } from '../../src/config/endpoint-update.ts';
import { EndpointFeed } from '../../src/workers/endpoint-feed.ts';

function begin(): { readonly feed: EndpointFeed; readonly sent: string[]; readonly leave: () => void } {
  const sent: string[] = [];
  const under: (() => void)[] = [];
  const feed = new EndpointFeed(({ upstream, version }, done) => {
    sent.push(`${upstream} ${version}`);
    under.push(done);
  });
  return { feed, sent, leave: () => under.shift()?.() };
}

function update(upstream: string, version: number): EndpointUpdate {
  return { upstream, version, endpoints: [] };
}

test('to a worker that does not read, one message is under way, and the last of each upstream waits', () => {
  const { feed, sent, leave } = begin();
  for (let version = 1; version <= 1000; version++) {
    feed.tell(update('voice', version));
    feed.tell(update('chat', version));
  }
  assert.deepEqual(sent, ['voice 1']);
  for (let count = 0; count < 5; count++) leave();
  assert.deepEqual(sent, ['voice 1', 'chat 1000', 'voice 1000']);
  feed.tell(update('chat', 1001));
  assert.equal(sent.at(-1), 'chat 1001');
});

test('what waits is not told where the worker is told all of it otherwise', () => {
  const { feed, sent, leave } = begin();
  feed.tell(update('voice', 1));
  feed.tell(update('voice', 2));
  feed.clear();
  leave();
  assert.deepEqual(sent, ['voice 1']);
});
