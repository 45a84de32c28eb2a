// What an authorizer has answered, read from bytes: every kind of answer, and bytes that are none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as holds, property, uint8Array } from 'fast-check';
import { ProtobufWriter } from '../../../src/grpc/protobuf-writer.ts';
import { readCheckResponse } from '../../../src/policies/authorize/check-response.ts';

function statusOf(code: number): ProtobufWriter {
  return new ProtobufWriter().signed(1, code);
}

function option(name: string, value: string, append?: boolean, action = 0): ProtobufWriter {
  const header = new ProtobufWriter().text(1, name).text(2, value);
  const message = new ProtobufWriter().message(1, header).number(3, action);
  return append === undefined ? message : message.message(2, new ProtobufWriter().number(1, Number(append)));
}

function allowing(...options: readonly ProtobufWriter[]): Buffer {
  const ok = new ProtobufWriter();
  for (const one of options) ok.message(2, one);
  return new ProtobufWriter().message(1, statusOf(0)).message(3, ok).bytes;
}

function kindOf(message: ProtobufWriter | Buffer): string {
  const verdict = readCheckResponse(Buffer.isBuffer(message) ? message : message.bytes);
  return typeof verdict === 'string' ? 'none' : verdict.kind;
}

test('the status decides, and a denial or an error that comes with it cannot be overlooked', () => {
  const empty = new ProtobufWriter();
  const cases: readonly (readonly [string, ProtobufWriter, string])[] = [
    ['OK', new ProtobufWriter().message(1, statusOf(0)), 'allowed'],
    ['a permission without a status', new ProtobufWriter().message(3, empty), 'allowed'],
    ['a denial without a status', new ProtobufWriter().message(2, empty), 'denied'],
    ['a denial under OK', new ProtobufWriter().message(1, statusOf(0)).message(2, empty), 'denied'],
    ['a permission under a denial', new ProtobufWriter().message(1, statusOf(7)).message(3, empty), 'denied'],
    ['a negative status', new ProtobufWriter().message(1, statusOf(-1)), 'denied'],
    ['an error', new ProtobufWriter().message(1, statusOf(13)).message(5, empty), 'none'],
    ['nothing', empty, 'none'],
    ['metadata alone', new ProtobufWriter().message(4, empty), 'none'],
    ['a status that is a number', new ProtobufWriter().number(1, 1), 'none'],
  ];
  for (const [what, message, kind] of cases) assert.equal(kindOf(message), kind, what);
});

test('append and append_action say what is done with a field, and without them it is replaced', () => {
  const verdict = readCheckResponse(
    allowing(
      option('X-A', '1'),
      option('x-b', '2', true),
      option('x-c', '3', false, 1),
      option('x-d', '4', undefined, 1),
      option('x-e', '5', undefined, 2),
      option('x-f', '6', undefined, 3),
    ),
  );
  assert.ok(typeof verdict !== 'string' && verdict.kind === 'allowed');
  assert.deepEqual(
    verdict.requestFields.map(({ name, action }) => [name, action]),
    [
      ['x-a', 'set'],
      ['x-b', 'add'],
      ['x-c', 'set'],
      ['x-d', 'add-if-absent'],
      ['x-e', 'set'],
      ['x-f', 'set-if-present'],
    ],
  );
});

test('an answer with a part that is not understood is none', () => {
  assert.equal(kindOf(allowing(option('x-a', 'b', undefined, 4))), 'none');
  assert.equal(kindOf(allowing(option('', 'b'))), 'none');
  assert.equal(kindOf(allowing(...Array.from({ length: 129 }, () => option('x-a', 'b')))), 'none');
  assert.equal(kindOf(allowing(...Array.from({ length: 128 }, () => option('x-a', 'b')))), 'allowed');
  const whole = allowing(option('x-a', 'b'));
  for (let end = 3; end < whole.length; end++)
    assert.equal(kindOf(whole.subarray(0, end)), 'none', `${end} bytes`);
});

test('whatever the bytes are, nothing is thrown, and what cannot be read allows nothing', () => {
  holds(
    property(uint8Array({ maxLength: 64 }), (bytes) => {
      const verdict = readCheckResponse(Buffer.from(bytes));
      // Only a message whose first field is a status or a permission may allow.
      if (typeof verdict !== 'string' && verdict.kind === 'allowed')
        assert.ok(bytes.includes(0x0a) || bytes.includes(0x1a));
    }),
    { numRuns: 5000 },
  );
});
