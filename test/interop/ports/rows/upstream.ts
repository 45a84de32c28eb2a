// Clients that do it right, and upstreams that speak something else than the configuration says: what the client is told.

import assert from 'node:assert/strict';
import { status } from '../../../../src/demo/grpc.ts';
import { metadataOf } from '../../../support/voice-client.ts';
import { type ChosenUpstreamName, UPSTREAM_HEADER, type UpstreamPorts } from '../configuration.ts';
import type { ProvenRow } from '../port-row.ts';
import type { RowBench } from '../row-bench.ts';
import { PAGE } from '../web-server.ts';

const deadlineMs = 15_000;

interface WrongUpstreamRow {
  readonly upstream: ChosenUpstreamName;
  /** In the table. */
  readonly towards: string;
  readonly endpoint: keyof UpstreamPorts;
  readonly says: string;
  readonly token: NonNullable<ProvenRow['token']>;
}

/** What a gRPC client is told; `…` stands for the address of the endpoint. */
const wrong: readonly WrongUpstreamRow[] = [
  {
    upstream: 'nobody-as-h2c',
    towards: 'a port where nobody listens',
    endpoint: 'nobody',
    says: '… refused the connection',
    token: 'upstream_connection_refused',
  },
  {
    upstream: 'silent-as-h2c',
    towards: 'a server that says nothing',
    endpoint: 'silent',
    says: '… accepted the connection but sent no SETTINGS in 1 s',
    token: 'upstream_no_settings',
  },
  {
    upstream: 'website-as-h2c',
    towards: 'a web server, as h2c',
    endpoint: 'web',
    says: '… answered HTTP/1.1',
    token: 'upstream_not_http2_http1',
  },
  {
    upstream: 'tls-as-h2c',
    towards: 'a service with TLS, as h2c',
    endpoint: 'tls',
    // Node, OpenSSL and grpcio all close the connection without an alert here.
    says: '… accepted the connection and broke it off',
    token: 'upstream_connection_reset',
  },
  {
    upstream: 'plaintext-as-h2',
    towards: 'a service without TLS, as h2',
    endpoint: 'voice',
    says: '… does not speak TLS',
    token: 'upstream_not_tls',
  },
  {
    upstream: 'website-as-h2',
    towards: 'a web server with TLS, as h2',
    endpoint: 'webOverTls',
    says: '… speaks TLS but did not choose "h2" by ALPN',
    token: 'upstream_no_h2_alpn',
  },
  {
    upstream: 'untrusted-as-h2',
    towards: 'a certificate nobody vouches for',
    endpoint: 'tls',
    says: 'The certificate of … is not trusted',
    token: 'upstream_certificate_not_trusted',
  },
];

async function grpcJs(bench: RowBench, { upstream, endpoint, says }: WrongUpstreamRow): Promise<void> {
  const { code, details } = await callThrough(bench, upstream);
  assert.equal(code, status.UNAVAILABLE, details);
  const sentence = says.replace('…', `127.0.0.1:${bench.ports.upstreamPorts[endpoint]}`);
  assert.ok(details.startsWith(sentence), `${details} (wanted ${sentence})`);
}

async function callThrough(bench: RowBench, upstream: ChosenUpstreamName) {
  const client = bench.grpcJs('secure');
  try {
    const metadata = metadataOf([UPSTREAM_HEADER, upstream]);
    return await client.say({ text: 'hello' }, { deadlineMs, metadata });
  } finally {
    client.close();
  }
}

function choose(upstream: ChosenUpstreamName): readonly string[] {
  return ['--header', `${UPSTREAM_HEADER}: ${upstream}`];
}

function webRow(
  upstream: ChosenUpstreamName,
  towards: string,
  wanted: { readonly status: number; readonly text: RegExp; readonly answer: string },
  token?: NonNullable<ProvenRow['token']>,
): ProvenRow {
  return {
    client: '`curl https://`',
    port: 'tls',
    towards,
    answer: wanted.answer,
    needs: ['curl'],
    ...(token === undefined ? {} : { token }),
    run: async (bench) => {
      const result = await bench.curl(bench.url('https'), ...choose(upstream));
      assert.equal(result.status, wanted.status, result.head + result.complaint);
      assert.match(result.body, wanted.text);
    },
  };
}

export const upstreamRows: readonly ProvenRow[] = [
  {
    client: 'grpc-js',
    port: 'tls',
    towards: 'a service with TLS, as h2',
    answer: 'served',
    needs: [],
    run: async (bench) => {
      const { code, details, reply } = await callThrough(bench, 'service-with-tls');
      assert.equal(code, status.OK, details);
      assert.equal(reply?.text, 'You said: hello');
    },
  },
  ...wrong.map(
    (row): ProvenRow => ({
      client: 'grpc-js',
      port: 'tls',
      towards: row.towards,
      answer: `\`UNAVAILABLE\`: ${row.says}`,
      token: row.token,
      needs: [],
      run: (bench) => grpcJs(bench, row),
    }),
  ),
  {
    client: 'grpcio',
    port: 'tls',
    towards: 'a web server, as h2c',
    answer: '`UNAVAILABLE`: … answered HTTP/1.1',
    token: 'upstream_not_http2_http1',
    needs: ['grpcio'],
    run: async (bench) => {
      const metadata = [[UPSTREAM_HEADER, 'website-as-h2c']];
      const [call] = await bench.grpcio('grpcio', 'secure', { metadata });
      assert.equal(call?.code, 'UNAVAILABLE', call?.details);
      assert.match(call.details, /^127\.0\.0\.1:\d+ answered HTTP\/1\.1/);
    },
  },
  webRow('website-with-tls', 'a web server with TLS, as http1', {
    status: 200,
    text: new RegExp(PAGE.trim().replaceAll('.', '\\.')),
    answer: 'served',
  }),
  webRow(
    'nobody-as-http1',
    'a port where nobody listens, as http1',
    { status: 503, text: /refused the connection/, answer: '503: … refused the connection' },
    'upstream_connection_refused',
  ),
  webRow(
    'service-as-http1',
    'a gRPC service, as http1',
    {
      status: 502,
      text: /answered something other than HTTP\/1\.1; a gRPC service needs protocol: h2c/,
      answer: '502: … answered something other than HTTP/1.1',
    },
    'upstream_not_http1',
  ),
];
