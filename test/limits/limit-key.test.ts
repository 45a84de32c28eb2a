import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ExchangeSubject } from '../../src/calls/exchange-record.ts';
import type { AdmittedCall } from '../../src/calls/policy.ts';
import type { LimitKeyPart } from '../../src/config/limits-config.ts';
import { compileKey } from '../../src/limits/limit-key.ts';
import { standIn } from '../support/stand-in.ts';

interface Who {
  readonly client?: string;
  readonly caller?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

function callOf({ client = '192.0.2.1', caller, fields = {} }: Who): AdmittedCall {
  return standIn<AdmittedCall>({
    subject: standIn<ExchangeSubject>({ clientKey: client }),
    callerKey: caller,
    header: (name) => fields[name],
  });
}

const client: LimitKeyPart = { kind: 'client' };
const identity: LimitKeyPart = { kind: 'identity' };
const tenant: LimitKeyPart = { kind: 'header', name: 'x-tenant' };
const room: LimitKeyPart = { kind: 'header', name: 'x-room' };

test('a key of one part is the text of that part, and without an identity the address of the client', () => {
  assert.equal(compileKey([client])(callOf({})), '192.0.2.1');
  assert.equal(compileKey([identity])(callOf({ caller: 'office\nalice' })), 'office\nalice');
  assert.equal(compileKey([identity])(callOf({})), '192.0.2.1');
  assert.equal(compileKey([tenant])(callOf({ fields: { 'x-tenant': 'blue' } })), 'blue');
  assert.equal(compileKey([{ kind: 'route' }])(callOf({})), '');
});

test('a call without the header fields that are the whole key is not counted, and beside another part it is', () => {
  const fields = { 'x-tenant': '', 'x-room': '' };
  assert.equal(compileKey([tenant])(callOf({})), undefined);
  assert.equal(compileKey([tenant])(callOf({ fields })), undefined);
  assert.equal(compileKey([tenant, room])(callOf({ fields })), undefined);
  assert.notEqual(compileKey([tenant, room])(callOf({ fields: { 'x-room': 'one' } })), undefined);
  const byRoute = compileKey([{ kind: 'route' }, tenant]);
  assert.equal(byRoute(callOf({})), byRoute(callOf({ client: '192.0.2.2' })));
  assert.notEqual(byRoute(callOf({})), undefined);
  const byClient = compileKey([client, tenant]);
  assert.notEqual(byClient(callOf({})), byClient(callOf({ client: '192.0.2.2' })));
});

test('a long text is replaced by one of bounded length that still tells it apart', () => {
  const keyOf = compileKey([tenant]);
  const one = keyOf(callOf({ fields: { 'x-tenant': `${'t'.repeat(10_000)}1` } }));
  const two = keyOf(callOf({ fields: { 'x-tenant': `${'t'.repeat(10_000)}2` } }));
  assert.ok(one !== undefined && one.length <= 128);
  assert.notEqual(one, two);
});

test('a long combination is replaced, too, and remembered', () => {
  const keyOf = compileKey([tenant, room]);
  const of = (end: string): string =>
    keyOf(callOf({ fields: { 'x-tenant': 't'.repeat(128), 'x-room': `${'r'.repeat(127)}${end}` } })) ?? '';
  assert.ok(of('1').length > 0 && of('1').length <= 128);
  assert.notEqual(of('1'), of('2'));
  assert.equal(of('1'), of('1'));
});

test('combinations that differ have different keys, and equal ones the same text, also after very many others', () => {
  const keyOf = compileKey([tenant, room]);
  const key = (first: string, second: string): string | undefined =>
    keyOf(callOf({ fields: { 'x-tenant': first, 'x-room': second } }));
  const seen = new Set([key('a', 'bc'), key('ab', 'c'), key('', 'abc'), key('abc', '')]);
  assert.equal(seen.size, 4);
  const before = key('blue', 'one');
  for (let other = 0; other < 40_000; other++) key(`tenant ${other % 200}`, `room ${other}`);
  assert.equal(key('blue', 'one'), before);
  const three = compileKey([client, tenant, room]);
  assert.notEqual(
    three(callOf({ fields: { 'x-tenant': 'a', 'x-room': 'b' } })),
    three(callOf({ fields: { 'x-tenant': 'b', 'x-room': 'a' } })),
  );
});

test('combinations take no more memory, however many clients make up', () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const keyOf = compileKey([client, tenant]);
  // Each is short enough to be remembered as it is.
  const make = (first: number, count: number): number => {
    for (let at = first; at < first + count; at++)
      keyOf(callOf({ fields: { 'x-tenant': `${at}`.padEnd(100, 'x') } }));
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = make(0, 50_000);
  const grownBytes = make(50_000, 200_000) - before;
  // Remembered, they would be 40 MB at least.
  assert.ok(grownBytes < 15_000_000, `${grownBytes} bytes`);
});
