// The query of GET /api/events: what is understood, and that everything else is refused with a sentence.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEventQuery } from '../../src/admin/event-query.ts';

test('without parameters: all events, a thousand each second at most', () => {
  assert.deepEqual(readEventQuery(''), {
    kinds: ['start', 'attempt', 'end'],
    route: undefined,
    upstream: undefined,
    endpoint: undefined,
    method: undefined,
    client: undefined,
    identity: undefined,
    status: undefined,
    minDurationMs: undefined,
    failed: false,
    metadata: undefined,
    showMetadata: undefined,
    messageBytes: undefined,
    rate: 1000,
  });
});

test('every parameter is understood', () => {
  const texts = {
    route: 'a b',
    upstream: 'voice',
    endpoint: 'unix:/run/a',
    method: '/a.B/*',
    client: '10.0.0.0/8',
    identity: 'office:alice',
  };
  const numbers = { minDurationMs: '5', failed: 'true', rate: '10000', messageBytes: '65536' };
  const all = new URLSearchParams({ ...texts, kinds: 'end,message', status: 'UNAVAILABLE', ...numbers });
  all.set('showMetadata', 'X-Tenant,x-request-id');
  for (const metadata of ['x-tenant=acme', 'x-user=ü=*']) all.append('metadata', metadata);
  const search = all.toString();
  assert.deepEqual(readEventQuery(search), {
    ...texts,
    kinds: ['end', 'message'],
    status: 'UNAVAILABLE',
    minDurationMs: 5,
    failed: true,
    metadata: [
      { name: 'x-tenant', value: 'acme' },
      { name: 'x-user', value: 'Ã¼=*' },
    ],
    showMetadata: ['x-tenant', 'x-request-id'],
    messageBytes: 65_536,
    rate: 10_000,
  });
  for (const client of ['unix', '192.0.2.7', '192.0.2.7:80', '[::1]:7', '::1', '2001:db8:0:1::/64'])
    assert.notEqual(typeof readEventQuery(`client=${client}`), 'string', client);
  assert.notEqual(typeof readEventQuery('status=404'), 'string');
});

test('what is not understood is refused, and never a filter that leaves everything or nothing', () => {
  const refused: readonly (readonly [search: string, sentence: RegExp])[] = [
    ['kinds=', /^kinds must be one of start, attempt, message, end, not ""$/],
    ['kinds=start,begin', /^kinds must be one of/],
    ['kind=start', /^there is no parameter "kind"; there are: kinds, route/],
    ['route=a&route=b', /^the parameter route is there twice$/],
    ['route=', /^the parameter route is empty/],
    ['identity=a*b', /^identity may have a \* at its end only/],
    ['method=/a*b', /\* at its end only/],
    ['client=localhost', /^client must be an address, ADDRESS:PORT or a range/],
    ['client=10.0.0.0/33', /^client must be/],
    ['status=unavailable', /^status must be the name of a gRPC status such as UNAVAILABLE/],
    ['status=14', /^status must be/],
    ['metadata=x-tenant', /^metadata must be NAME=VALUE or NAME=BEGINNING\*/],
    ['metadata==a', /^"" is no name of metadata/],
    ['metadata=:path=a', /^":path" is no name of metadata/],
    ['metadata=a=b*c', /\* at the end of its value only/],
    [`metadata=a=${'b'.repeat(1025)}`, /^the value of metadata may have 1024 bytes, not 1025$/],
    ['metadata=a=b&'.repeat(9), /^metadata may be there 8 times, not 9 times$/],
    ['metadata=Authorization=Bearer%20a*', /^"Authorization" may hold a secret by its name/],
    ['metadata=x-api-key=*', /may hold a secret/],
    ['showMetadata=cookie', /may hold a secret/],
    ['showMetadata=x-token-of, x-a', /^"x-token-of" may hold a secret/],
    ['showMetadata=x-note-bin', /^"x-note-bin" is binary/],
    ['metadata=x-note-bin=*', /is binary/],
    ['showMetadata=x-tenant,', /^"" is no name of metadata/],
    ['showMetadata=', /^the parameter showMetadata is empty/],
    [`showMetadata=${'a,'.repeat(16)}a`, /^showMetadata may have 16 names, not 17$/],
    ['messageBytes=10', /^messageBytes needs events of messages/],
    ['kinds=message&messageBytes=0', /^messageBytes must be a whole number from 1 to 65536/],
    ['kinds=message&messageBytes=65537', /^messageBytes must be a whole number from 1 to 65536/],
    ['failed=yes', /^failed must be one of true, false/],
    ['minDurationMs=-1', /^minDurationMs must be a whole number/],
    ['rate=0', /^rate must be a whole number from 1 to 10000/],
    ['rate=10001', /^rate must be a whole number from 1 to 10000/],
  ];
  for (const [search, sentence] of refused) {
    const query = readEventQuery(search);
    assert.ok(typeof query === 'string' && sentence.test(query), `${search}: ${JSON.stringify(query)}`);
  }
});
