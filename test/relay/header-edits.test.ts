// What policies change of header sections, and what they may not change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { HeaderEdits } from '../../src/relay/header-edits.ts';

const LIST = HeaderList.of([':path', '/'], ['a', '1'], ['b', '2'], ['a', '3'], ['c', '4']);

function fieldsOf(list: HeaderList): string {
  return list.names.map((name, index) => `${name}=${list.valueAt(index)}`).join(' ');
}

test('without an edit the list stays the same object', () => {
  const edits = new HeaderEdits();
  assert.equal(edits.isEmpty, true);
  assert.equal(edits.applyTo(LIST), LIST);
  assert.equal(edits.applyToTrailers(LIST), LIST);
});

test('a field is set in place of all fields of its name, and removed with all of them', () => {
  const edits = new HeaderEdits();
  edits.set('a', 'new');
  edits.remove('c');
  edits.remove('missing');
  assert.equal(edits.isEmpty, false);
  assert.equal(fieldsOf(edits.applyTo(LIST)), ':path=/ b=2 a=new');
  assert.equal(fieldsOf(LIST), ':path=/ a=1 b=2 a=3 c=4', 'the list itself is not changed');
});

test('the last edit of a name counts', () => {
  const edits = new HeaderEdits();
  edits.set('a', 'x');
  edits.remove('a');
  edits.remove('b');
  edits.set('b', 'y');
  assert.equal(fieldsOf(edits.applyTo(LIST)), ':path=/ c=4 b=y');
});

test('trailers bring nothing back that was edited, and get nothing that was set', () => {
  const edits = new HeaderEdits();
  edits.set('a', 'new');
  edits.remove('b');
  assert.equal(fieldsOf(edits.applyToTrailers(HeaderList.of(['b', '2'], ['d', '5'], ['a', '6']))), 'd=5');
  const others = HeaderList.of(['d', '5']);
  assert.equal(edits.applyToTrailers(others), others);
});

test('pseudo-header fields and what is no name are not to be edited', () => {
  for (const name of [':path', ':authority', ':status', '', 'X-Upper', 'a b', 'a\r\nb', 'ü']) {
    assert.throws(() => new HeaderEdits().set(name, '1'), /no name of a header field/, name);
    assert.throws(() => new HeaderEdits().remove(name), /no name of a header field/, name);
  }
});

test('fields that frame a message or belong to one hop may be taken away, and not set', () => {
  for (const name of [
    'content-length',
    'transfer-encoding',
    'connection',
    'host',
    'te',
    'trailer',
    'expect',
    'x-request-id',
    'content_length',
    'transfer.encoding',
  ]) {
    assert.throws(() => new HeaderEdits().set(name, '1'), /the proxy writes it itself/, name);
    new HeaderEdits().remove(name);
  }
});

test('a name is edited by either spelling, since services may not tell them apart', () => {
  const edits = new HeaderEdits();
  edits.set('x-user-id', 'nobody');
  edits.remove('x_tenant');
  const list = HeaderList.of(
    ['x_user_id', 'root'],
    ['x-user-id', 'root'],
    ['x-tenant', 'a'],
    ['x_other', 'b'],
  );
  const edited = edits.applyTo(list);
  assert.deepEqual(
    [edited.names, edited.values],
    [
      ['x_other', 'x-user-id'],
      ['b', 'nobody'],
    ],
  );
  assert.deepEqual(edits.applyToTrailers(list).names, ['x_other']);
  assert.deepEqual(
    ['x_user-id', 'x_tenant', 'x-other'].map((name) => edits.concerns(name)),
    [true, true, false],
  );
});

test('the status of a gRPC response is neither set nor taken away', () => {
  assert.throws(() => new HeaderEdits().set('grpc-status', '0'), /may not set grpc-status/);
  assert.throws(() => new HeaderEdits().remove('grpc-status'), /may not take grpc-status away/);
  // An edit concerns all spellings of a name.
  assert.throws(() => new HeaderEdits().set('grpc_status', '0'), /may not set grpc_status/);
  assert.throws(() => new HeaderEdits().remove('grpc.status'), /may not take grpc-status away/);
});

test('a value holds what a field may hold: no line ends, no characters that become some, no white space around it', () => {
  for (const value of ['a\nb', 'a\rb', 'a\0b', '\u010a', 'a\u010d\u010ab', '\u{1f600}', ' a', 'a ', '\ta']) {
    const edits = new HeaderEdits();
    assert.throws(() => edits.set('a', value), /what no field may hold/, JSON.stringify(value));
    assert.equal(edits.isEmpty, true, 'nothing is left of it');
  }
  // A byte that is no UTF-8: some services end their connection over it, with the calls of other clients.
  assert.throws(() => new HeaderEdits().set('a', '\xfc'), /what no field may hold/);
  const utf8 = Buffer.from('ü').toString('latin1');
  for (const value of ['', 'a b\tc', utf8]) {
    const edits = new HeaderEdits();
    edits.set('a', value);
    assert.equal(edits.applyTo(HeaderList.of()).get('a'), value);
  }
});

test('edits with a condition look at the section that they are applied to', () => {
  const edits = new HeaderEdits();
  edits.setIfPresent('x-there', 'new');
  edits.addIfAbsent('x-absent', 'added');
  assert.equal(edits.isEmpty, false);
  const withFields = edits.applyTo(HeaderList.of(['x-there', '1'], ['x-there', '2'], ['x-absent', 'own']));
  assert.deepEqual(
    [withFields.names, withFields.values],
    [
      ['x-absent', 'x-there'],
      ['own', 'new'],
    ],
  );
  const without = edits.applyTo(HeaderList.of(['x-other', '1']));
  assert.deepEqual(
    [without.names, without.values],
    [
      ['x-other', 'x-absent'],
      ['1', 'added'],
    ],
  );
});

test('a name that fields are only added for is concerned, and what the client sent of it stays before them', () => {
  const edits = new HeaderEdits();
  edits.add('x-more', 'ours');
  assert.deepEqual([edits.concerns('x-more'), edits.concerns('x-other')], [true, false]);
  const edited = edits.applyTo(HeaderList.of(['x-more', 'theirs'], ['x-other', '1']));
  assert.deepEqual(edited.values, ['theirs', '1', 'ours']);
});
