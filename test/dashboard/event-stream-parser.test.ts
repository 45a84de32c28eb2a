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

/** Sends the same again and again, and never the end of a message. */
function goOn(next: string): () => void {
  return () => {
    const parser = new EventStreamParser();
    for (let count = 0; count < 100; count++) assert.deepEqual(parser.push(next), []);
  };
}

test('what goes on without an end is given up, whether it is one line or many', () => {
  const piece = 'x'.repeat(1024 * 1024);
  assert.throws(goOn(piece), /a line that does not end/);
  assert.throws(goOn(`data: ${piece}\n`), /a message that does not end/);
  assert.throws(goOn('data:\n'.repeat(200_000)), /a message that does not end/);
  const parser = new EventStreamParser();
  for (let count = 0; count < 100; count++)
    assert.equal(parser.push(`data: ${piece}\n\n`).length, 1, 'messages that end do not add up');
});
