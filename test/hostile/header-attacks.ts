// Section 1c: header fields that smuggle, confuse or claim. What is malformed is refused, nothing is dropped in silence; what
// a client may not say of itself does not reach the upstream.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import * as frames from '../support/frames.ts';
import type { Fields } from '../support/raw-frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock } from './attacker.ts';
import { streamViolations, type Violation } from './client-attacks.ts';
import type { Stage } from './stage.ts';

const { PROTOCOL_ERROR } = ErrorCode;

function refused(token: string, ...fields: readonly frames.Field[]): Violation {
  return { token, code: PROTOCOL_ERROR, bytes: (path) => frames.headers(1, grpcBlock(path, ...fields)) };
}

type Pseudo = Readonly<Record<':method' | ':scheme' | ':path' | ':authority', string | undefined>>;

/** A request with other pseudo-header fields; undefined leaves one out. */
function pseudo(token: string, others: Partial<Pseudo>, ...more: readonly frames.Field[]): Violation {
  return {
    token,
    code: PROTOCOL_ERROR,
    bytes: (path) => frames.headers(1, frames.block(...requestFields(path, others), ...more)),
  };
}

function requestFields(path: string, others: Partial<Pseudo>): readonly frames.Field[] {
  const usual: Pseudo = { ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'a.test' };
  return Object.entries({ ...usual, ...others }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
}

const smuggling = streamViolations(
  { id: '1c', name: 'Fields of another protocol, bytes that end lines', isShort: true },
  [
    refused('field_connection_specific', ['connection', 'close']),
    refused('field_connection_specific', ['connection', 'x-tenant']),
    refused('field_connection_specific', ['transfer-encoding', 'chunked']),
    refused('field_connection_specific', ['keep-alive', 'timeout=5']),
    refused('field_connection_specific', ['proxy-connection', 'keep-alive']),
    refused('field_connection_specific', ['upgrade', 'h2c']),
    refused('field_te', ['te', 'gzip']),
    refused('field_te', ['te', 'trailers, deflate']),
    refused('field_value_invalid', ['a', 'b\r\nx-tenant: other']),
    refused('field_value_invalid', ['a', 'b\nc']),
    refused('field_value_invalid', ['a', 'b\0c']),
    refused('field_value_invalid', ['a', 'b\x7f']),
    refused('field_value_invalid', ['a', '\x01']),
    refused('field_name_invalid', ['a b', 'c']),
    refused('field_name_invalid', ['a:b', 'c']),
    refused('field_name_invalid', ['a\r\nb', 'c']),
    refused('field_name_invalid', ['', 'c']),
    refused('field_name_invalid', ['X-Tenant', 'c']),
    refused('field_name_invalid', ['x-t\xe9nant', 'c']),
    refused('content_length_invalid', ['content-length', '+1']),
    refused('content_length_invalid', ['content-length', '-1']),
    refused('content_length_invalid', ['content-length', '1'], ['content-length', '2']),
    refused('content_length_invalid', ['content-length', '1, 2']),
  ],
);

const confusion = streamViolations(
  { id: '1c', name: 'Pseudo-header fields out of place, paths that mislead', isShort: true },
  [
    refused('pseudo_after_regular', [':path', '/other']),
    pseudo('pseudo_repeated', {}, [':path', '/other']),
    pseudo('pseudo_repeated', {}, [':authority', 'other.test']),
    pseudo('pseudo_unexpected', {}, [':status', '200']),
    pseudo('pseudo_unexpected', {}, [':tenant', 'x']),
    pseudo('request_protocol_unexpected', {}, [':protocol', 'websocket']),
    pseudo('request_protocol_invalid', { ':method': 'CONNECT' }, [':protocol', 'web socket']),
    pseudo('request_method_missing', { ':method': undefined }),
    pseudo('request_method_invalid', { ':method': 'GET /x HTTP/1.1' }),
    pseudo('field_value_invalid', { ':method': 'GET\r\n' }),
    pseudo('request_scheme_missing', { ':scheme': undefined }),
    pseudo('request_scheme_invalid', { ':scheme': 'http://evil/?' }),
    pseudo('request_path_missing', { ':path': undefined }),
    pseudo('request_path_missing', { ':path': '' }),
    // CVE-2026-33186: a path without its slash went past rules that were written with one.
    pseudo('request_path_invalid', { ':path': 'good.Service/Unary' }),
    pseudo('request_path_invalid', { ':path': 'http://a.test/good.Service/Unary' }),
    pseudo('request_path_invalid', { ':path': '/good.Service/Unary HTTP/1.1' }),
    pseudo('field_value_invalid', { ':path': '/good.Service/Unary\r\n' }),
    pseudo('request_path_invalid', { ':path': '/good.Service/Unary#x' }),
    pseudo('request_connect_pseudo', { ':method': 'CONNECT' }),
  ],
);

async function answered(
  stage: Stage,
  cases: readonly (readonly [string, readonly frames.Field[]])[],
): Promise<void> {
  const caller = await Attacker.open(stage);
  for (const [index, [status, fields]] of cases.entries()) {
    const streamId = 2 * index + 1;
    caller.send(frames.headers(streamId, frames.block(...fields), { endStream: true }));
    assert.equal(await caller.outcome(streamId), status, JSON.stringify(fields));
  }
  await caller.wantAlive();
  caller.leave();
}

function fieldOf([name, value]: readonly string[]): frames.Field {
  return [name, value];
}

const GRPC: readonly frames.Field[] = [['content-type', 'application/grpc']];

const statuses: Attack = {
  id: '1c',
  name: 'Calls that are answered here and reach no upstream',
  rule: 'no_route, timeout_malformed, connect_unsupported, authority_invalid, path_invalid',
  isShort: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    const call = (path: string, ...more: readonly frames.Field[]): readonly frames.Field[] => [
      ...requestFields(path, {}),
      ...GRPC,
      ...more,
    ];
    await answered(stage, [
      ['13', call(upstream.path, ['grpc-timeout', '123456789S'])],
      ['13', call(upstream.path, ['grpc-timeout', '5x'])],
      ['13', call(upstream.path, ['grpc-timeout', '-5S'])],
      ...['user:secret@a.test', 'a.test/other', 'a b', 'a"b', 'a?b', 'a\\b', 'a<b', 'a%2Fb', ''].map(
        (authority) =>
          ['13', [...requestFields(upstream.path, { ':authority': authority }), ...GRPC]] as const,
      ),
      ...[
        [],
        [['host', 'user@a.test']],
        [
          ['host', 'a'],
          ['host', 'b'],
        ],
      ].map(
        (hosts) =>
          [
            '13',
            [...requestFields(upstream.path, { ':authority': undefined }), ...GRPC, ...hosts.map(fieldOf)],
          ] as const,
      ),
      ['13', call(upstream.path, ['host', 'other.test'])],
      ['13', call(upstream.path, ['latin', 'caf\xe9'])],
      ['13', call(`${upstream.path}<`)],
      ['13', call(`${upstream.path}%`)],
      ['13', call(`${upstream.path}%00`)],
      ['13', call(`${upstream.path}\xff`)],
      ['12', [[':method', 'CONNECT'], [':authority', 'internal.test:22'], ...GRPC]],
      ['12', call(`/../${upstream.name}.S/M`)],
      ['12', call(`/%2e%2e/${upstream.name}.S/M`)],
      ['12', call(`//${upstream.name}.S/M`)],
      ['12', call(upstream.path.toUpperCase())],
    ]);
    assert.equal(upstream.requests.length, 0);
    return 'INTERNAL for timeouts, authorities and paths, UNIMPLEMENTED for the rest';
  },
};

const CLAIMS: readonly frames.Field[] = [
  ['te', 'trailers'],
  ['host', 'service.test'],
  ['x-forwarded-for', '10.0.0.1'],
  ['x-forwarded-proto', 'https'],
  ['x-forwarded-host', 'admin.test'],
  ['x-forwarded-port', '1'],
  ['x-forwarded-client-cert', 'Subject="CN=admin"'],
  ['x-real-ip', '10.0.0.1'],
  ['forwarded', 'for=10.0.0.1'],
  ['x-request-id', 'mine'],
  ['x_forwarded_for', '10.0.0.1'],
  ['x-forwarded_for', '10.0.0.1'],
  ['x_real_ip', '10.0.0.1'],
  ['x_request_id', 'mine'],
  ['x-forwarded-prefix', '/admin'],
  ['x-original-url', '/admin'],
  ['x-rewrite-url', '/admin'],
  ['x_original_url', '/admin'],
  ['true-client-ip', '10.0.0.1'],
  ['x-client-ip', '10.0.0.1'],
  ['cf-connecting-ip', '10.0.0.1'],
  ['x-envoy-external-address', '10.0.0.1'],
  ['x-envoy_original-path', '/admin'],
];

/** What passes, byte for byte. */
const METADATA: readonly frames.Field[] = [
  ['__proto__', 'polluted'],
  ['constructor', 'x'],
  ['x_tenant', 'blue'],
  ['latin', 'caf\xc3\xa9'],
  ['repeated', 'a'],
  ['repeated', 'b'],
];

const claims: Attack = {
  id: '1c',
  name: 'Claims about the client: x-forwarded-*, forwarded, host, with hyphens and underscores',
  rule: 'listeners[].trustedClients',
  isShort: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    upstream.onRequest = (request) => request.succeed();
    const from = stage.newSource();
    const caller = await Attacker.open(stage, { from });
    caller.request(1, upstream.path, ...CLAIMS, ...METADATA);
    assert.equal(await caller.outcome(1), '0');
    const { fields } = upstream.requests[0];
    for (const [name, value] of METADATA) {
      assert.ok(
        fields.some((field) => field[0] === name && field[1] === value),
        `${name} was changed`,
      );
    }
    const claimed = fields.filter(([, value]) => /10\.0\.0\.1|mine|admin|other\.test/.test(value));
    assert.deepEqual(claimed, []);
    assert.deepEqual(valuesOf(fields, 'x-forwarded-for'), [from]);
    assert.deepEqual(valuesOf(fields, 'x-forwarded-proto'), ['http']);
    assert.deepEqual(valuesOf(fields, 'x-forwarded-host'), ['service.test']);
    assert.deepEqual(valuesOf(fields, 'te'), ['trailers']);
    assert.deepEqual(valuesOf(fields, 'host'), []);
    caller.leave();
    return 'replaced by what is known; all other fields byte for byte';
  },
};

function valuesOf(fields: Fields, name: string): readonly string[] {
  return fields.filter((field) => field[0] === name).map(([, value]) => value);
}

/** What we say about a failure holds no bytes of the attacker's that could be more than text. */
const reflection: Attack = {
  id: '1c',
  name: 'Reflection: 8 KiB of path and host in a status message',
  rule: 'at most 256 characters, percent-encoded',
  async mount(stage) {
    const caller = await Attacker.open(stage);
    const path = `/${'<script>"\xff%0d%0a'.repeat(500)}`;
    caller.send(
      frames.headers(
        1,
        frames.block(...requestFields(path, { ':authority': `${'a'.repeat(4000)}.test` }), ...GRPC),
      ),
    );
    assert.equal(await caller.outcome(1), '12');
    const answer = caller.peer?.frames.find(({ streamId }) => streamId === 1);
    const message = new Map(answer?.fields).get('grpc-message') ?? '';
    assert.match(message, /^[\x20-\x7e]+$/);
    assert.ok(message.length < 2048, `grpc-message of ${message.length} characters`);
    caller.leave();
    return `grpc-message of ${message.length} printable characters`;
  },
};

/** Trailers claim as little as header fields do. */
const trailers: Attack = {
  id: '1c',
  name: 'Claims in trailers',
  rule: 'listeners[].trustedClients',
  async mount(stage) {
    const upstream = stage.newUpstream();
    upstream.onRequestEnd = (request) => request.succeed();
    const caller = await Attacker.open(stage);
    caller.send(
      frames.headers(1, grpcBlock(upstream.path)),
      frames.headers(
        1,
        frames.block(
          ['x-forwarded-for', '10.0.0.1'],
          ['x_real_ip', '10.0.0.1'],
          ['content-length', '5'],
          ['host', 'other.test'],
          ['x-checksum', '7'],
        ),
        { endStream: true },
      ),
    );
    assert.equal(await caller.outcome(1), '0');
    const [peer] = upstream.peers;
    const blocks = peer.framesOf(1).filter(({ fields }) => fields.length > 0);
    assert.equal(blocks.length, 1);
    caller.leave();
    return 'the end of the request, and nothing more';
  },
};

export const headerAttacks: readonly Attack[] = [
  smuggling,
  confusion,
  statuses,
  claims,
  trailers,
  reflection,
];
