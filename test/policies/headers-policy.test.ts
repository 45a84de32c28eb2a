import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkField } from '../../src/calls/editable-field.ts';
import { parseEditedName, parseHeaderTemplate, templateText } from '../../src/config/header-template.ts';
import { isFault } from '../../src/config/problem.ts';
import type { HeaderTemplate, RouteConfig } from '../../src/config/route-config.ts';
import { headersPolicy } from '../../src/policies/headers-policy.ts';

const NOTHING = {
  set: new Map<string, HeaderTemplate>(),
  add: new Map<string, HeaderTemplate>(),
  remove: [],
};
const ROUTE: RouteConfig = {
  name: 'r',
  match: { path: '/*', host: undefined, headers: new Map(), listener: undefined },
  stripPrefix: undefined,
  upstream: 'voice',
  grpcWeb: undefined,
};

function templateOf(text: string): HeaderTemplate {
  const template = parseHeaderTemplate(text);
  assert.ok(!isFault(template));
  return template;
}

test('a section that changes nothing costs its calls nothing', () => {
  const policy = headersPolicy({
    ...ROUTE,
    headers: { request: NOTHING, response: NOTHING, trailers: NOTHING },
  });
  assert.deepEqual(Object.keys(policy ?? {}), ['key', 'reads']);
  assert.equal(headersPolicy(ROUTE), undefined);
});

test('calls are told apart by the header fields that values name, and by no others', () => {
  const request = { ...NOTHING, set: new Map([['x-a', templateOf('${header.X-Tenant} ${path}')]]) };
  const policy = headersPolicy({ ...ROUTE, headers: { request, response: NOTHING, trailers: NOTHING } });
  assert.deepEqual(policy?.reads, ['x-tenant']);
});

for (const text of ['plain', '${host}', 'a ${header.x-b} c', '$${host} costs $5', 'a}b{c', '$${', ''])
  test(`a value is shown as it was written: ${text}`, () => {
    assert.equal(templateText(templateOf(text)), text);
  });

test('what no policy may set, no configuration may name', () => {
  const names = [
    'connection',
    'content-length',
    'expect',
    'grpc-status',
    'grpc-timeout',
    'host',
    'http2-settings',
  ];
  names.push(
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'x-request-id',
  );
  for (const name of names) {
    assert.throws(() => checkField(name, 'a'), name);
    assert.ok(isFault(parseEditedName(name)), name);
  }
});
