// What policies change in one call alone, beside what they have added to it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CallChanges } from '../../src/relay/call-changes.ts';
import { ResponseHead } from '../../src/relay/response-head.ts';

test('an edit of the request replaces what another policy has added', () => {
  const changes = new CallChanges();
  changes.added.add('x-user', 'by access');
  changes.added.add('x-tenant', 'blue');
  changes.request.set('x-user', 'by the authorizer');
  changes.request.remove('x-other');
  assert.deepEqual([changes.addedFields.names, changes.addedFields.values], [['x-tenant'], ['blue']]);
});

test('a response without edits stays the same object', () => {
  const head = new ResponseHead(HeaderList.of([':status', '200'], ['x-service', 'a']));
  assert.equal(new CallChanges().respond(head), head);
  const changes = new CallChanges();
  changes.response.set('x-service', 'b');
  assert.equal(changes.respond(head).fields.get('x-service'), 'b');
});
