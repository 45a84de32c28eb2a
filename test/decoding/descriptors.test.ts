// Descriptors from files, and messages decoded by them.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import protobuf from 'protobufjs';
import { Descriptors } from '../../src/decoding/descriptors.ts';
import { descriptorSetOf } from '../../src/decoding/proto-files.ts';
import { lengthDelimited } from '../../src/decoding/wire-fields.ts';

const ORDERS = `
syntax = "proto3";
package shop.orders.v1;
import "google/protobuf/timestamp.proto";
import "money/money.proto";
service Orders { rpc Place(Order) returns (Order.Receipt); }
enum Kind { UNKNOWN = 0; URGENT = 1; }
message Order {
  message Line { string item_name = 1; money.Amount price = 2; }
  message Receipt { Line first = 1; }
  repeated Line lines = 1;
  map<string, Kind> kinds = 2;
  optional uint64 number = 3;
  google.protobuf.Timestamp at = 4;
  oneof who { string user = 5; bytes key = 6; }
}
`;
const MONEY = 'syntax = "proto3"; package money; message Amount { int64 cents = 1; double rate = 2; }';

function writeProto(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-proto-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'imports/money'), { recursive: true });
  writeFileSync(join(folder, 'orders.proto'), ORDERS);
  writeFileSync(join(folder, 'imports/money/money.proto'), MONEY);
  return folder;
}

function placeOrder(folder: string): Buffer {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    target.startsWith('money/') ? join(folder, 'imports', target) : target;
  const type = root.loadSync(join(folder, 'orders.proto')).lookupType('shop.orders.v1.Order');
  const order = {
    lines: [{ itemName: 'tea', price: { cents: 250, rate: 1.5 } }, {}],
    kinds: { a: 1, b: 77 },
    number: 0,
    at: { seconds: 1_750_000_000, nanos: 0 },
    key: Buffer.from([0, 255]),
  };
  return Buffer.from(type.encode(type.fromObject(order)).finish());
}

test('messages of .proto files are decoded, with imports, nested types, maps, enums and well-known types', (t) => {
  const folder = writeProto(t);
  const set = descriptorSetOf([join(folder, 'orders.proto')], [join(folder, 'imports')]);
  const descriptors = Descriptors.ofSets([set]);
  assert.deepEqual(descriptors.services, ['shop.orders.v1.Orders']);
  const type = descriptors.typeOf('shop.orders.v1.Orders', 'Place', 'request');
  assert.ok(type !== undefined);
  assert.deepEqual(descriptors.decode(type, placeOrder(folder)), {
    lines: [{ item_name: 'tea', price: { cents: '250', rate: 1.5 } }, {}],
    kinds: { a: 'URGENT', b: 77 },
    number: '0',
    at: '2025-06-15T15:06:40Z',
    key: 'AP8=',
  });
  const receipt = descriptors.typeOf('shop.orders.v1.Orders', 'Place', 'response');
  assert.equal(receipt?.typeName, 'shop.orders.v1.Order.Receipt');
  assert.equal(descriptors.typeOf('shop.orders.v1.Orders', 'Other', 'request'), undefined);
  assert.equal(descriptors.typeOf('other.Service', 'Place', 'request'), undefined);
});

test('a .proto file that is missing, wrong or imports what is missing is an error with its name', (t) => {
  const folder = writeProto(t);
  writeFileSync(join(folder, 'wrong.proto'), 'syntax = "proto3"; message A { string = 1; }');
  assert.throws(() => descriptorSetOf([join(folder, 'none.proto')], []), /none\.proto/);
  assert.throws(() => descriptorSetOf([join(folder, 'wrong.proto')], []), /wrong\.proto|illegal/);
  assert.throws(() => descriptorSetOf([join(folder, 'orders.proto')], []), /money\/money\.proto/);
});

/** A FileDescriptorProto. */
function file(name: string, imports: readonly string[], messages: readonly Buffer[] = []): Buffer {
  return Buffer.concat([
    lengthDelimited(1, Buffer.from(name)),
    ...imports.map((one) => lengthDelimited(3, Buffer.from(one))),
    ...messages.map((one) => lengthDelimited(4, one)),
  ]);
}

test('files are taken in any order, and files that miss or import each other are errors', () => {
  const chain = [file('a', ['b']), file('c', []), file('b', ['c', 'google/protobuf/empty.proto'])];
  assert.deepEqual(Descriptors.ofFiles(chain).services, []);
  assert.throws(() => Descriptors.ofFiles([file('a', ['b'])]), /the file b is missing, which a imports/);
  assert.throws(() => Descriptors.ofFiles([file('a', ['b']), file('b', ['a'])]), /imports itself/);
  assert.throws(() => Descriptors.ofFiles([file('a', ['a'])]), /imports itself/);
  const long = Array.from({ length: 300 }, (_, index) => file(`f${index}`, [`f${index + 1}`]));
  assert.throws(() => Descriptors.ofFiles([...long, file('f300', [])]), /import each other in a row/);
  assert.throws(() => Descriptors.ofFiles([Buffer.from('no descriptor')]));
  assert.throws(() => Descriptors.ofSets([Buffer.alloc(40, 0xff)]));
});

test('a small message whose JSON would be very long is refused before it is written', () => {
  const name = 'n'.repeat(60_000);
  const proto = `syntax = "proto3"; package a; service S { rpc M(L) returns (L); } message L { repeated L ${name} = 1; }`;
  const folder = mkdtempSync(join(tmpdir(), 'framegate-proto-'));
  try {
    writeFileSync(join(folder, 'a.proto'), proto);
    const descriptors = Descriptors.ofSets([descriptorSetOf([join(folder, 'a.proto')], [])]);
    const type = descriptors.typeOf('a.S', 'M', 'request');
    assert.ok(type !== undefined);
    let message: Buffer = Buffer.from([10, 0]);
    for (let depth = 0; depth < 50; depth++) message = lengthDelimited(1, message);
    assert.throws(() => descriptors.decode(type, message), /JSON is longer than/);
    assert.deepEqual(descriptors.decode(type, Buffer.from([10, 0])), { [name]: [{}] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
