// What policies change in one call alone, beside what they have added to it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CallChanges } from '../../src/relay/call-changes.ts';
import type { RequestHead } from '../../src/relay/request-head.ts';
import { ResponseHead } from '../../src/relay/response-head.ts';
import { standIn } from '../support/stand-in.ts';

test('an edit of the request replaces what another policy has added', () => {
  const changes = new CallChanges();
  changes.add(HeaderList.of(['x-user', 'by access']));
  changes.add(HeaderList.of(['x-tenant', 'blue']));
  changes.request.set('x-user', 'by the authorizer');
  changes.request.remove('x-other');
  assert.deepEqual([changes.addedFields.names, changes.addedFields.values], [['x-tenant'], ['blue']]);
});

test('fields that calls share are not changed where another policy adds more of them', () => {
  const [shared, more] = [HeaderList.of(['x-user', 'alice']), HeaderList.of(['x-tenant', 'blue'])];
  const changes = new CallChanges();
  changes.add(shared);
  assert.equal(changes.addedFields, shared);
  changes.add(more);
  changes.add(more);
  assert.equal(shown(changes.addedFields), 'x-user=alice x-tenant=blue x-tenant=blue');
  assert.deepEqual([shown(shared), shown(more)], ['x-user=alice', 'x-tenant=blue']);
});

test('a response without edits stays the same object', () => {
  const head = new ResponseHead(HeaderList.of([':status', '200'], ['x-service', 'a']));
  assert.equal(new CallChanges().respond(head), head);
  const changes = new CallChanges();
  changes.response.set('x-service', 'b');
  assert.equal(changes.respond(head).fields.get('x-service'), 'b');
});

const CLIENTS = HeaderList.of([':method', 'POST'], ['x-plain', 'a']);

function shown(list: HeaderList): string {
  return list.names.map((name, index) => `${name}=${list.valueAt(index)}`).join(' ');
}

test('conditions of edits see what another policy has added', () => {
  const outcomes = {
    addIfAbsent: [undefined, 'x-user=alice'],
    setIfPresent: [':method=POST x-plain=a x-user=bob', ''],
    set: [':method=POST x-plain=a x-user=bob', ''],
    add: [':method=POST x-plain=a x-user=bob', 'x-user=alice'],
  } as const;
  for (const how of ['addIfAbsent', 'setIfPresent', 'set', 'add'] as const) {
    const changes = new CallChanges();
    changes.add(HeaderList.of(['x-user', 'alice']));
    changes.request[how]('x-user', 'bob');
    let sent: string | undefined;
    const subject = standIn<RequestHead>({
      forwardedBy: (edits) => {
        const fields = edits.applyTo(CLIENTS);
        sent = shown(fields);
        return { fields, apart: '', sizeBytes: fields.sizeBytes };
      },
    });
    changes.forwarded(subject);
    assert.deepEqual([sent, shown(changes.addedFields)], outcomes[how], how);
  }
});

function edited(edit: (changes: CallChanges['request']) => void): string {
  const { request } = new CallChanges();
  edit(request);
  return shown(request.applyTo(CLIENTS));
}

test('conditions see what stands after the edits without conditions', () => {
  assert.equal(
    edited((request) => {
      request.set('x-user', 'one');
      request.addIfAbsent('x-user', 'two');
    }),
    ':method=POST x-plain=a x-user=one',
  );
  assert.equal(
    edited((request) => {
      request.addIfAbsent('x-plain', 'new');
      request.remove('x-plain');
    }),
    ':method=POST x-plain=new',
  );
  assert.equal(
    edited((request) => {
      request.remove('x-plain');
      request.setIfPresent('x-plain', 'new');
    }),
    ':method=POST',
  );
});
