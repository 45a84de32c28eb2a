// Server-sent events, taken apart wherever the network has cut them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStreamParser } from '../../dashboard/feed/event-stream-parser.ts';

function parse(...pieces: readonly string[]): readonly string[] {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

test('a message is whole with the empty line behind it, wherever the stream is cut', () => {
  const text = 'data: {"a":1}\n\ndata: {"b":"ä"}\n\n';
  for (let cut = 0; cut <= text.length; cut++)
    assert.deepEqual(parse(text.slice(0, cut), text.slice(cut)), ['{"a":1}', '{"b":"ä"}'], `cut at ${cut}`);
  assert.deepEqual(parse(...text.split('')), ['{"a":1}', '{"b":"ä"}']);
  assert.deepEqual(parse('data: {"a":1}\n'), []);
});

test('comments, other fields and empty messages are left out', () => {
  assert.deepEqual(parse(': still here\n\nevent: x\nid: 4\nretry: 1\n\ndata: 1\n\n\n\n'), ['1']);
});

test('lines may end as on other systems, and several lines of data are one message', () => {
  assert.deepEqual(parse('data: 1\r\ndata:2\r', '\n\r\n'), ['1\n2']);
});
