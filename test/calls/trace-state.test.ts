// A tracestate that can be read, and one that cannot (W3C Trace Context section 3.3.1).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TraceParentReader } from '../../src/calls/trace-parent.ts';
import { isTraceState } from '../../src/calls/trace-state.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';

const READ: readonly string[] = [
  'a=1',
  'a=1,b=2',
  'a=1 ,\tb=2',
  'a=1,,b=2,',
  'a=1,a=2',
  '0vendor=x',
  'fw529a3039@dt=FfAjzOlYDb_1i2vG',
  'a_-*/9= !~',
  `${'k'.repeat(256)}=v`,
  `k=${'v'.repeat(256)}`,
  Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(),
];

const UNREAD: readonly string[] = [
  '=,=;,,',
  '=',
  '=v',
  'k=',
  'k= ',
  'k',
  'k,a=1',
  'a=1,=,=;,,',
  'a=b=c',
  'K=v',
  '_k=v',
  'k y=v',
  'k=\u00e9',
  'k=\x7f',
  'k=a\tb',
  '\u00e2\u0080\u00ae=1',
  `${'k'.repeat(257)}=v`,
  `k=${'v'.repeat(257)}`,
  Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(),
];

for (const text of READ)
  test(`a list of members is passed on as it came: ${JSON.stringify(text).slice(0, 40)}`, () => {
    assert.ok(isTraceState(text));
  });

for (const text of UNREAD)
  test(`what is no list of members is dropped: ${JSON.stringify(text).slice(0, 40)}`, () => {
    assert.ok(!isTraceState(text));
  });

test('a trace goes on without a tracestate that cannot be read', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const stateOf = (state: string): string | undefined => {
    const list = HeaderList.of(['traceparent', traceparent], ['tracestate', state]);
    const parent = new TraceParentReader({ w3c: true, grpcTraceBin: false }).read(list);
    assert.equal(parent.isSampled, true);
    return parent.state;
  };
  assert.equal(stateOf('a=1'), 'a=1');
  assert.equal(stateOf('=,=;,,'), '');
});
