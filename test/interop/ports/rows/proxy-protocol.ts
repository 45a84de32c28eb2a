// The PROXY protocol, sent by HAProxy and by curl: required of trusted peers, refused from all others. The listeners trust
// 127.1.0.0/16, which is where the clients of the rows call from.

import assert from 'node:assert/strict';
import type { Report } from '../../child-process.ts';
import type { CurlResult } from '../curl.ts';
import { withBalancer } from '../haproxy.ts';
import type { ProvenRow } from '../port-row.ts';
import { DEFAULT_HOST, type RowBench } from '../row-bench.ts';
import { PAGE } from '../web-server.ts';

/** HAProxy's own; within what is trusted. */
const BALANCER = '127.1.0.1';

type ProxiedPort = 'tls-proxied' | 'plaintext-proxied';

function schemeOf(port: string): 'http' | 'https' {
  return port.startsWith('tls') ? 'https' : 'http';
}

function balanced(name: string, version: 'send-proxy' | 'send-proxy-v2', port: ProxiedPort): ProvenRow {
  return {
    client: `curl behind HAProxy, ${name}`,
    port,
    answer: 'served; log and `x-forwarded-for` have the client',
    needs: ['curl', 'haproxy'],
    run: async (bench) => {
      const { executable } = bench.tool('haproxy');
      const { folder } = bench.ports.run;
      const options = { executable, folder, version, port: bench.port, source: BALANCER };
      await withBalancer(options, async (balancerPort) => {
        const url = `${schemeOf(port)}://localhost:${balancerPort}/headers`;
        const where = ['--resolve', `localhost:${balancerPort}:127.0.0.1`];
        await assertRealClient(bench, await bench.curl(url, ...where));
      });
    },
  };
}

async function assertRealClient(bench: RowBench, result: CurlResult): Promise<void> {
  assert.equal(result.status, 200, result.head + result.complaint);
  const headers: unknown = JSON.parse(result.body);
  assert.ok(typeof headers === 'object' && headers !== null && 'x-forwarded-for' in headers);
  assert.equal(headers['x-forwarded-for'], bench.source);
  await bench.finished('/headers');
}

function fromCurl(port: ProxiedPort): ProvenRow {
  return {
    client: '`curl --haproxy-protocol`',
    port,
    answer: 'served',
    needs: ['curl'],
    run: async (bench) => {
      const result = await bench.curl(bench.url(schemeOf(port)), '--haproxy-protocol');
      assert.equal(result.status, 200, result.head + result.complaint);
      assert.equal(result.body, PAGE);
    },
  };
}

function refused(
  client: string,
  port: ProvenRow['port'],
  token: NonNullable<ProvenRow['token']>,
  ...args: readonly string[]
): ProvenRow {
  return {
    client,
    port,
    answer: 'the connection is closed',
    token,
    needs: ['curl'],
    run: async (bench) => {
      const result = await bench.curl(bench.url(schemeOf(port)), ...args);
      assert.notEqual(result.code, 0);
      assert.equal(result.head + result.body, '');
    },
  };
}

function untrusted(): ProvenRow {
  return {
    client: '`curl --haproxy-protocol`, not trusted',
    port: 'plaintext-proxied',
    answer: 'the connection is closed',
    token: 'proxy_protocol_untrusted',
    needs: ['curl'],
    run: async (bench) => {
      bench.callFrom(DEFAULT_HOST);
      const result = await bench.curl(bench.url('http'), '--haproxy-protocol');
      assert.notEqual(result.code, 0);
      assert.equal(result.head + result.body, '');
    },
  };
}

/** grpcio cannot be told where to call from. */
function isCallOfGrpcio({ msg, listener, client }: Report): boolean {
  return (
    msg === 'exchange finished' && listener === 'tls-proxied' && String(client).startsWith(`${DEFAULT_HOST}:`)
  );
}

const grpcioBehindBalancer: ProvenRow = {
  client: 'grpcio `secure_channel` behind HAProxy, `send-proxy-v2`',
  port: 'tls-proxied',
  answer: 'served; log has the client',
  needs: ['grpcio', 'haproxy'],
  run: async (bench) => {
    const { executable } = bench.tool('haproxy');
    const { folder } = bench.ports.run;
    const version = 'send-proxy-v2';
    const options = { executable, folder, version, port: bench.port, source: BALANCER } as const;
    await withBalancer(options, async (balancerPort) => {
      const [call] = await bench.grpcio('grpcio', 'secure', { target: `127.0.0.1:${balancerPort}` });
      assert.equal(call?.code, 'OK', call?.details);
      await bench.ports.logged('the call', isCallOfGrpcio, bench.logPosition);
    });
  },
};

export const proxyProtocolRows: readonly ProvenRow[] = [
  balanced('`send-proxy` (v1)', 'send-proxy', 'tls-proxied'),
  balanced('`send-proxy-v2`', 'send-proxy-v2', 'tls-proxied'),
  balanced('`send-proxy` (v1)', 'send-proxy', 'plaintext-proxied'),
  balanced('`send-proxy-v2`', 'send-proxy-v2', 'plaintext-proxied'),
  grpcioBehindBalancer,
  fromCurl('tls-proxied'),
  fromCurl('plaintext-proxied'),
  refused('curl, no PROXY header', 'tls-proxied', 'proxy_protocol_missing'),
  refused('curl, no PROXY header', 'plaintext-proxied', 'proxy_protocol_missing'),
  untrusted(),
  refused('`curl --haproxy-protocol`', 'tls', 'proxy_protocol_not_enabled', '--haproxy-protocol'),
  refused('`curl --haproxy-protocol`', 'plaintext', 'proxy_protocol_not_enabled', '--haproxy-protocol'),
];
