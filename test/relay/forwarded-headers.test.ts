// What goes upstream in place of what the client sent: a table of fields in and fields out.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import {
  type ForwardedClient,
  forwardedRequest,
  forwardedTrailers,
} from '../../src/relay/forwarded-headers.ts';

type Fields = readonly (readonly [name: string, value: string])[];

const STRANGER: ForwardedClient = { clientAddress: '192.0.2.1', tls: 'TLSv1.3', trusted: false };
const IN_THE_CLEAR: ForwardedClient = { ...STRANGER, tls: '' };
const TRUSTED: ForwardedClient = { ...STRANGER, trusted: true };

const PSEUDO: Fields = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':path', '/grpc/a.B/C'],
  [':authority', 'example.test'],
];

function forwarded(fields: Fields, client = STRANGER, isGrpc = true, authority = 'example.test'): string[] {
  const list = HeaderList.of(...PSEUDO, ...fields);
  const requestTarget = { scheme: 'http', path: '/a.B/C', authority, forwardedHost: authority } as const;
  const { names, values } = forwardedRequest(list, { peer: client, requestTarget, isGrpc });
  return names.map((name, index) => `${name}: ${values[index]}`);
}

/** Without those that are always there. */
function extra(fields: Fields, client = STRANGER, isGrpc = true): string[] {
  const usual = new Set(forwarded([], client, isGrpc));
  return forwarded(fields, client, isGrpc).filter((field) => !usual.has(field));
}

test('the pseudo-header fields come first: the path to send, and the scheme of the connection upstream', () => {
  assert.deepEqual(forwarded([['x-a', '1']]), [
    ':method: POST',
    ':scheme: http',
    ':path: /a.B/C',
    ':authority: example.test',
    'x-a: 1',
    'te: trailers',
    'x-forwarded-for: 192.0.2.1',
    'x-forwarded-proto: https',
    'x-forwarded-host: example.test',
  ]);
});

test('x-forwarded-proto is http for a plaintext client', () => {
  assert.ok(forwarded([], IN_THE_CLEAR).includes('x-forwarded-proto: http'));
});

test('a request without any authority gets none', () => {
  const fields = forwarded([], STRANGER, true, '');
  assert.deepEqual(
    fields.filter((field) => /authority|host/.test(field)),
    [],
  );
});

test('a field of HTTP/2 upgrades is not passed on', () => {
  assert.deepEqual(extra([['http2-settings', 'AAMAAABk']], TRUSTED), []);
});

test('host is not passed on beside :authority', () => {
  assert.deepEqual(extra([['host', 'other.test']]), []);
  assert.deepEqual(extra([['host', 'other.test']], TRUSTED), []);
});

/** Some of each family, and what SECURITY.md names. */
const CLAIMED_NAMES = [
  'x-forwarded',
  'x-forwarded-prefix',
  'x-forwarded-ssl',
  'x-forwarded-user',
  'x-original-url',
  'x-original-host',
  'x-original-forwarded-for',
  'x-rewrite-url',
  'x-envoy-external-address',
  'x-envoy-internal',
  'x-envoy-original-path',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'x-azure-clientip',
  'x-ssl-client-verify',
  'client-cert',
  'x-amzn-mtls-clientcert',
  'front-end-https',
];

describe('what a client claims of somebody behind it', () => {
  const claims: Fields = [
    ['x-forwarded-for', '203.0.113.7'],
    ['x-forwarded-proto', 'gopher'],
    ['x-forwarded-host', 'claimed.test'],
    ['x-forwarded-port', '1'],
    ['x-forwarded-client-cert', 'By=me'],
    ['x-real-ip', '203.0.113.7'],
    ['x-request-id', 'mine'],
    ['forwarded', 'for=203.0.113.7'],
    ...CLAIMED_NAMES.map((name) => [name, '203.0.113.7'] as const),
  ];

  for (const claim of claims) {
    test(`${claim[0]} of an untrusted client is replaced or left out`, () => {
      assert.deepEqual(extra([claim]), []);
      assert.deepEqual(extra([claim, claim]), []);
    });

    test(`${claim[0]} with underscores or dots is left out, trusted or not`, () => {
      const name = claim[0].replaceAll('-', '_');
      const mixed = claim[0].replace('-', '_');
      const last = claim[0].replace(/-(?=[^-]*$)/, '_');
      const dotted = claim[0].replaceAll('-', '.');
      for (const client of [STRANGER, TRUSTED]) {
        if (name !== claim[0]) assert.deepEqual(extra([[name, claim[1]]], client), []);
        if (last !== claim[0]) assert.deepEqual(extra([[last, claim[1]]], client), []);
        if (mixed !== claim[0]) assert.deepEqual(extra([[mixed, claim[1]]], client), []);
        if (dotted !== claim[0]) assert.deepEqual(extra([[dotted, claim[1]]], client), []);
      }
    });
  }

  test('of a trusted client all of them are kept, and its address is appended', () => {
    assert.deepEqual(extra(claims, TRUSTED), [
      'x-forwarded-port: 1',
      'x-forwarded-client-cert: By=me',
      'x-real-ip: 203.0.113.7',
      'x-request-id: mine',
      'forwarded: for=203.0.113.7',
      ...CLAIMED_NAMES.map((name) => `${name}: 203.0.113.7`),
      'x-forwarded-for: 203.0.113.7, 192.0.2.1',
      'x-forwarded-proto: gopher',
      'x-forwarded-host: claimed.test',
    ]);
  });

  test('several x-forwarded-for of a trusted client become one, in order', () => {
    const fields: Fields = [
      ['x-forwarded-for', 'a, b'],
      ['x-other', '1'],
      ['x-forwarded-for', 'c'],
    ];
    assert.ok(forwarded(fields, TRUSTED).includes('x-forwarded-for: a, b, c, 192.0.2.1'));
  });
});

test('te is sent to gRPC services always and to others where the client sent it', () => {
  const te: Fields = [['te', 'trailers']];
  const table: [fields: Fields, isGrpc: boolean, count: number][] = [
    [[], true, 1],
    [te, true, 1],
    [[], false, 0],
    [te, false, 1],
  ];
  for (const [fields, isGrpc, count] of table) {
    const found = forwarded(fields, STRANGER, isGrpc).filter((field) => field.startsWith('te:'));
    assert.equal(found.length, count);
    if (count > 0) assert.equal(found[0], 'te: trailers');
  }
});

test('grpc-timeout is left to the fields of the call, also where that is not gRPC', () => {
  assert.deepEqual(extra([['grpc-timeout', '1S']]), []);
  assert.deepEqual(extra([['grpc-timeout', '1S']], TRUSTED), []);
  assert.deepEqual(extra([['grpc-timeout', '1S']], STRANGER, false), []);
});

test('names that only look like a claim are passed on', () => {
  const fields: Fields = [
    ['x_custom', '2'],
    ['x-request-ids', '4'],
    ['grpc_timeout', '5'],
    ['x-originals', '6'],
    ['my-x-forwarded-for', '7'],
    ['x-remote-user', '8'],
    ['x-client-ips', '9'],
  ];
  assert.deepEqual(
    extra(fields),
    fields.map(([name, value]) => `${name}: ${value}`),
  );
});

test('a field that must not be indexed stays so', () => {
  const list = HeaderList.of(...PSEUDO);
  list.add('authorization', 'secret', true);
  list.add('x-plain', '1');
  const requestTarget = {
    scheme: 'http',
    path: '/a.B/C',
    authority: 'example.test',
    forwardedHost: 'example.test',
  } as const;
  const outgoing = forwardedRequest(list, { peer: STRANGER, requestTarget, isGrpc: true });
  assert.equal(outgoing.neverIndexed[outgoing.names.indexOf('authorization')], true);
  assert.equal(outgoing.neverIndexed[outgoing.names.indexOf('x-plain')], false);
});

test('every other field stays as it is, duplicates included, in order', () => {
  const name = fc.constantFrom('a', 'b-bin', 'cookie', 'user-agent', 'x_y', 'content-type', 'grpc-encoding');
  const field = fc.tuple(name, fc.string({ maxLength: 20 }));
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), fc.boolean(), (fields, trusted) => {
      const all = forwarded(fields, { ...STRANGER, trusted });
      assert.deepEqual(
        all.slice(4, 4 + fields.length),
        fields.map(([key, value]) => `${key}: ${value}`),
      );
      assert.equal(all.length, 4 + fields.length + 4);
    }),
    { numRuns: 100 },
  );
});

test('a trailer section is passed on as it is, without what only a header section may say', () => {
  const clean = HeaderList.of(['x-checksum', '7'], ['x-checksum', '8']);
  assert.equal(forwardedTrailers(clean), clean);
  const list = HeaderList.of(
    ['x-checksum', '7'],
    ['x-forwarded-for', '203.0.113.7'],
    ['x_real_ip', '203.0.113.7'],
    ['x-envoy-internal', 'true'],
    ['x_original_url', '/admin'],
    ['x-request-id', 'mine'],
    ['http2-settings', 'AAMAAABk'],
    ['content-length', '1'],
    ['grpc-timeout', '1S'],
    ['host', 'other.test'],
    ['te', 'trailers'],
    ['content_length', '1'],
    ['grpc.encoding', 'gzip'],
  );
  list.add('x-secret', 's', true);
  const { names, neverIndexed } = forwardedTrailers(list);
  assert.deepEqual(names, ['x-checksum', 'x-secret']);
  assert.deepEqual(neverIndexed, [false, true]);
});

test('what a trusted client says of certificates is left out if an open quote would swallow what the proxy adds', () => {
  for (const isOnlyInPlace of [false, true]) {
    const client = { ...TRUSTED, forwardedCertificate: { element: 'Hash=ours', isOnlyInPlace } };
    const sent = (value: string): string[] => extra([['x-forwarded-client-cert', value]], client);
    const kept = (value: string): string[] => [
      `x-forwarded-client-cert: ${isOnlyInPlace ? value : `${value},Hash=ours`}`,
    ];
    for (const open of ['Subject="CN=a', String.raw`Subject="CN=a\"`, 'By=x;Subject="a";URI="b'])
      assert.deepEqual(sent(open), [], open);
    assert.ok(
      forwarded([['x-forwarded-client-cert', 'Subject="a']], client).includes(
        'x-forwarded-client-cert: Hash=ours',
      ),
    );
    for (const whole of ['Subject="CN=a"', String.raw`Subject="CN=\"a\""`, 'By=x'])
      assert.deepEqual(sent(whole), kept(whole), whole);
  }
});
