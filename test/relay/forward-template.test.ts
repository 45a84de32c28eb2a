// Calls of one kind that share what they send: the service is sent what it would be sent of each call by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { literalFieldText } from '../../src/h2/hpack/literal-field.ts';
import { type ForwardingTerms, ForwardTemplate, forwardWhole } from '../../src/relay/forward-template.ts';
import { HeaderEdits } from '../../src/relay/header-edits.ts';
import { decodedBlock, receivedFields } from '../support/forwarded-fields.ts';

interface Field {
  readonly name: string;
  readonly value: string;
  /** As a literal that is not indexed, that may never be, or as text that entered a table. */
  readonly form: 'literal' | 'never' | 'text';
}

const PSEUDO: readonly Field[] = [
  { name: ':method', value: 'POST', form: 'text' },
  { name: ':path', value: '/a.B/C', form: 'text' },
  { name: ':authority', value: 'a.test', form: 'text' },
];

const TARGET = { scheme: 'http', path: '/C', authority: 'a.test', forwardedHost: 'a.test' } as const;

function forwarding(trusted = false, isGrpc = true, edits = new HeaderEdits()): ForwardingTerms {
  const peer = { clientAddress: '192.0.2.1', tls: '', trusted };
  return { peer, requestTarget: TARGET, isGrpc, edits };
}

/** One block for all, so that its literals are left in one text where the decoder leaves them. */
function listOf(fields: readonly Field[]): HeaderList {
  const list = new HeaderList();
  const literals = decodedBlock(
    Buffer.concat(
      fields
        .filter(({ form }) => form === 'literal')
        .map(({ name, value }) => Buffer.from(literalFieldText(name, value, false), 'latin1')),
    ),
  );
  let next = 0;
  for (const { name, value, form } of fields) {
    if (form === 'literal') list.addFrom(literals, next++);
    else list.add(name, value, form === 'never');
  }
  return list;
}

/** Values that were never seen, which the decoder leaves in their block. */
let values = 0;

const field: fc.Arbitrary<Field> = fc.record({
  name: fc.constantFrom(
    'traceparent',
    'x-a',
    'x-b',
    'te',
    'grpc-timeout',
    'x-request-id',
    'x-forwarded-for',
    'x_request_id',
    'user-agent',
    'x-edited',
  ),
  value: fc.oneof(
    fc.constantFrom('1', '2', 'trailers', 'v'.repeat(150)),
    fc.nat(1000).map((number) => `${number}-${++values}`),
  ),
  form: fc.constantFrom('literal', 'literal', 'text', 'never'),
});

test('whatever calls have in common, the service is sent what it would be sent of each by itself', () => {
  const common = fc.array(field, { maxLength: 4 });
  const differing = fc.array(fc.array(field, { maxLength: 4 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(common, differing, fc.boolean(), fc.boolean(), (shared, calls, trusted, isGrpc) => {
      const edits = new HeaderEdits();
      edits.set('x-edited', 'by a policy');
      const rules = forwarding(trusted, isGrpc, edits);
      const template = new ForwardTemplate(rules);
      for (const own of calls) {
        const list = listOf([...PSEUDO, ...shared, ...own]);
        assert.deepEqual(receivedFields(template.forward(list)), receivedFields(forwardWhole(list, rules)));
      }
    }),
    { numRuns: 1000 },
  );
});

function traced(id: string, form: Field['form'], ...more: readonly Field[]): HeaderList {
  return listOf([
    ...PSEUDO,
    { name: 'user-agent', value: 'u', form: 'text' },
    { name: 'traceparent', value: id, form },
    ...more,
  ]);
}

for (const form of ['literal', 'text', 'never'] as const) {
  test(`calls that differ by their traceparent share the rest (${form})`, () => {
    const template = new ForwardTemplate(forwarding());
    const sent = ['a', 'b', 'c', 'd'].map((id) => template.forward(traced(id, form)));
    // A field that entered a table is told from the others by its second value.
    assert.equal(sent[3].fields, sent[2].fields);
    assert.equal(sent[2].fields, sent[1].fields);
    assert.ok(sent[3].fields.get('traceparent') === undefined && sent[3].apart.includes('traceparent'));
  });
}

function ownField(): Field {
  return { name: 'x-a', value: `own-${++values}`, form: 'literal' };
}

test('fields of one name keep their order, in common or not', () => {
  const rules = forwarding();
  const template = new ForwardTemplate(rules);
  const same: Field = { name: 'x-a', value: 'same', form: 'text' };
  for (const fields of [[same], [same], [ownField(), same], [same, ownField()], [ownField()], [same]]) {
    const list = listOf([...PSEUDO, ...fields]);
    assert.deepEqual(receivedFields(template.forward(list)), receivedFields(forwardWhole(list, rules)));
  }
});

test('what may never be indexed is kept in no block, even where it is the same in each call', () => {
  const rules = forwarding(true);
  const template = new ForwardTemplate(rules);
  for (const name of ['x-secret', 'x-forwarded-for']) {
    for (let call = 0; call < 4; call++) {
      const list = listOf([...PSEUDO, { name, value: '192.0.2.7', form: 'never' }]);
      assert.deepEqual(receivedFields(template.forward(list)), receivedFields(forwardWhole(list, rules)));
    }
  }
});

function timed(value: string): HeaderList {
  return traced('a', 'literal', { name: 'grpc-timeout', value, form: 'text' });
}

test('what only this hop needs, and differs in each call, does not keep calls apart', () => {
  const template = new ForwardTemplate(forwarding());
  const sent = ['1S', '999m', '998m'].map((value) => template.forward(timed(value)));
  assert.equal(new Set(sent.map(({ fields }) => fields)).size, 1);
  assert.ok(sent.every(({ apart }) => !apart.includes('grpc-timeout')));
});

test('names that a client chooses are not kept', (t) => {
  const template = new ForwardTemplate(forwarding());
  const kept = t.mock.method(Map.prototype, 'set');
  for (let call = 0; call < 300; call++) {
    const long: Field = { name: `x-${call}-`.padEnd(49, 'n'), value: '', form: 'never' };
    template.forward(listOf([...PSEUDO, long]));
  }
  const names = kept.mock.calls.flatMap(({ arguments: [name] }) => (typeof name === 'string' ? [name] : []));
  assert.ok(!names.some((name) => name.startsWith('x-')), names.join(' '));
});

test('credentials that change in each call are indexed by no hop', () => {
  const template = new ForwardTemplate(forwarding());
  const sent = ['a', 'b', 'c'].map((id) =>
    template.forward(traced('t', 'text', { name: 'authorization', value: `Bearer ${id}`, form: 'text' })),
  );
  assert.ok(sent[2].apart.includes('authorization'));
  const list = decodedBlock(Buffer.from(sent[2].apart, 'latin1'));
  assert.equal(list.isNeverIndexed(list.names.indexOf('authorization')), true);
});

test('a client whose fields are others in each call costs no template each time', (t) => {
  const template = new ForwardTemplate(forwarding());
  const decided = t.mock.method(HeaderList.prototype, 'addFrom');
  const counts = Array.from({ length: 30 }, (_, call) => {
    decided.mock.resetCalls();
    template.forward(listOf([...PSEUDO, { name: `x-${call}`, value: 'v', form: 'text' }]));
    return decided.mock.callCount();
  });
  assert.ok(counts[29] < counts[1], counts.join(' '));
});

test('a field that a policy adds beside one that differs from call to call stays behind it', () => {
  const edits = new HeaderEdits();
  edits.add('x-more', 'ours');
  const terms = forwarding(false, true, edits);
  const template = new ForwardTemplate(terms);
  for (const form of ['text', 'literal', 'never'] as const)
    for (const value of ['one', 'two', 'three', 'two']) {
      const list = listOf([
        ...PSEUDO,
        { name: 'x-more', value, form },
        { name: 'x-a', value: '1', form: 'text' },
      ]);
      const [got, wanted] = [template.forward(list), forwardWhole(list, terms)].map(receivedFields);
      assert.deepEqual(got, wanted, `${form} ${value}`);
    }
});
