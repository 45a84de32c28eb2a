import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf } from '../../../src/calls/failure.ts';
import { denied } from '../../../src/policies/authorize/authorize-failures.ts';

function reason(text: string): string {
  return reasonOf(denied({ kind: 'denied', httpStatus: 403, fields: [], body: Buffer.from(text) }, 'judge'));
}

test('what an authorizer says and what the log adds are two sentences', () => {
  assert.match(reason('no quota'), /^authorization_denied: no quota\. It was denied by upstream judge/);
  assert.match(reason('no quota!'), /: no quota! It was denied/);
  assert.match(reason(''), /[^.]\. It was denied/);
});
