// Descriptors and messages that are small and mean very much work.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Descriptors } from '../../src/decoding/descriptors.ts';
import { makeWhole, type NamingFile } from '../../src/decoding/full-names.ts';
import { lengthDelimited } from '../../src/decoding/wire-fields.ts';

interface Field {
  typeName: string;
  extendee: string;
}

function namingFile(scope: string, fields: readonly Field[]): NamingFile {
  const message = { name: 'T', field: fields, extension: [], nestedType: [], enumType: [] };
  return {
    name: 'a',
    package: scope,
    dependency: [],
    messageType: [message],
    enumType: [],
    extension: [],
    service: [],
  };
}

function fieldsOf(count: number, nameOf: (index: number) => string): Field[] {
  return Array.from({ length: count }, (_, index) => ({ typeName: nameOf(index), extendee: '' }));
}

test('a package of very many or very long names is refused', () => {
  for (const [scope, why] of [
    [Array(4000).fill('p').join('.'), /characters|nested/],
    [Array(65).fill('p').join('.'), /nested more than 64 deep/],
    ['p'.repeat(5000), /more than 4096 characters/],
  ] as const)
    assert.throws(() => makeWhole([namingFile(scope, [])], []), why);
});

test('very many fields with the same relative type are looked up once', () => {
  const scope = Array(60).fill('p'.repeat(60)).join('.');
  // Without a memory these would be 60,000 times 61 names of up to 3,600 characters.
  const file = namingFile(
    scope,
    fieldsOf(60_000, () => 'Q'),
  );
  makeWhole([file], []);
  assert.equal(file.messageType[0]?.field.at(-1)?.typeName, '.Q');
});

test('very many fields with different relative types are refused', () => {
  const scope = Array(60).fill('p'.repeat(60)).join('.');
  const file = namingFile(
    scope,
    fieldsOf(60_000, (index) => `Q${index}`),
  );
  assert.throws(() => makeWhole([file], []), /too many long names/);
});

const DESCRIPTORS = Descriptors.ofFiles([
  Buffer.concat([
    lengthDelimited(1, Buffer.from('a.proto')),
    lengthDelimited(2, Buffer.from('a')),
    lengthDelimited(3, Buffer.from('google/protobuf/any.proto')),
    lengthDelimited(12, Buffer.from('proto3')),
    lengthDelimited(4, messageType()),
    lengthDelimited(6, service()),
  ]),
]);

/** @param type its number, and its name if it is a message */
function field(number: number, label: number, [type, typeName]: readonly [number, string]): Buffer {
  const parts = [
    lengthDelimited(1, Buffer.from(`f${number}`)),
    Buffer.from([3 * 8, number, 4 * 8, label, 5 * 8, type]),
    ...(typeName === '' ? [] : [lengthDelimited(6, Buffer.from(typeName))]),
  ];
  return lengthDelimited(2, Buffer.concat(parts));
}

/** message T { repeated T t = 1; repeated int32 numbers = 2; google.protobuf.Any any = 3; repeated double doubles = 4; } */
function messageType(): Buffer {
  return Buffer.concat([
    lengthDelimited(1, Buffer.from('T')),
    field(1, 3, [11, '.a.T']),
    field(2, 3, [5, '']),
    field(3, 1, [11, '.google.protobuf.Any']),
    field(4, 3, [1, '']),
  ]);
}

function service(): Buffer {
  const method = [lengthDelimited(1, Buffer.from('M')), lengthDelimited(2, Buffer.from('.a.T'))];
  const whole = Buffer.concat([...method, lengthDelimited(3, Buffer.from('.a.T'))]);
  return Buffer.concat([lengthDelimited(1, Buffer.from('S')), lengthDelimited(2, whole)]);
}

function decode(bytes: Buffer): unknown {
  const type = DESCRIPTORS.typeOf('a.S', 'M', 'request');
  assert.ok(type !== undefined);
  return DESCRIPTORS.decode(type, bytes);
}

const EMPTY_ONES = Buffer.alloc(120_000, Buffer.from([10, 0]));

for (const [name, bytes] of [
  ['in a row', EMPTY_ONES],
  ['in another message', lengthDelimited(1, EMPTY_ONES)],
  [
    'in an Any',
    lengthDelimited(
      3,
      Buffer.concat([lengthDelimited(1, Buffer.from('x/a.T')), lengthDelimited(2, EMPTY_ONES)]),
    ),
  ],
  ['that are packed numbers', lengthDelimited(2, Buffer.alloc(60_000, 1))],
  ['that are packed doubles', lengthDelimited(4, Buffer.alloc(8 * 60_000, 1))],
] as const)
  test(`a message with very many values ${name} is refused before it is decoded`, () => {
    assert.throws(() => decode(bytes), /more than 50000 values/);
  });

test('messages with fewer values are decoded', () => {
  const bytes = Buffer.concat([lengthDelimited(1, Buffer.alloc(0)), lengthDelimited(2, Buffer.from([1, 2]))]);
  assert.deepEqual(decode(bytes), { f1: [{}], f2: [1, 2] });
  assert.ok(decode(lengthDelimited(4, Buffer.alloc(8 * 40_000, 1))));
});

test('messages that are nested very deep are refused', () => {
  let bytes: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 200; depth++) bytes = lengthDelimited(1, bytes);
  assert.throws(() => decode(bytes), /nested more than 100 deep/);
});

test('descriptors of very many fields are refused before they are decoded', () => {
  const fields = Buffer.alloc(1_200_000, Buffer.from([2 * 8 + 2, 0]));
  assert.throws(() => Descriptors.ofFiles([lengthDelimited(4, fields)]), /more than 500000 values/);
});
