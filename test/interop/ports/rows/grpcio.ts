// Python's grpcio on every kind of port, the newest and Debian's: what stands in code() and details() of its exception.

import assert from 'node:assert/strict';
import type { ProvenRow } from '../port-row.ts';
import type { CallReport, RowBench } from '../row-bench.ts';

type Grpcio = 'grpcio' | "Debian's grpcio";

interface GrpcioRow extends Omit<ProvenRow, 'needs' | 'run' | 'variant'> {
  readonly run: (bench: RowBench, tool: Grpcio) => Promise<void>;
}

const SECURE = 'grpcio `secure_channel`';
const INSECURE = 'grpcio `insecure_channel`';

const KEPT_CALLS = 4;
const SECONDS_BETWEEN_CALLS = 0.7;
const WAITING_SECONDS = 3;
/** grpcio's backoff begins with a second; without one there would be thousands in this time. */
const MOST_CONNECTIONS = 6;

function assertServed(calls: readonly CallReport[]): void {
  assert.ok(calls.length > 0, 'no call was made');
  for (const [index, call] of calls.entries()) {
    assert.deepEqual(call, { code: 'OK', details: '', text: `You said: call ${index + 1}` });
  }
}

function assertExplained(calls: readonly CallReport[], port: number): void {
  assert.ok(calls.length > 0, 'no call was made');
  for (const { code, details } of calls) {
    assert.equal(code, 'UNAVAILABLE', details);
    assert.match(details, new RegExp(`^Port ${port} speaks TLS`));
    assert.match(details, /Use grpc\.secure_channel\(\.\.\.\), not grpc\.insecure_channel\(\.\.\.\)/);
  }
}

async function connectionsOf(bench: RowBench, code: string, client: () => Promise<void>): Promise<number> {
  const count = async () => (await bench.ports.diagnoses()).counts[code] ?? 0;
  const before = await count();
  await client();
  return (await count()) - before;
}

async function keptChannel(bench: RowBench, tool: Grpcio): Promise<void> {
  const parameters = {
    calls: KEPT_CALLS,
    seconds_between_calls: SECONDS_BETWEEN_CALLS,
    wait_for_ready: true,
  };
  const connections = await connectionsOf(bench, 'FG1001', async () => {
    const calls = await bench.grpcio(tool, 'insecure', parameters);
    assert.equal(calls.length, KEPT_CALLS);
    assertExplained(calls, bench.port);
  });
  assert.ok(connections <= MOST_CONNECTIONS, `${connections} connections for ${KEPT_CALLS} calls`);
}

async function waitingChannel(bench: RowBench, tool: Grpcio): Promise<void> {
  const connections = await connectionsOf(bench, 'FG1003', async () => {
    const parameters = { wait_for_ready: true, timeout: WAITING_SECONDS };
    const [call] = await bench.grpcio(tool, 'secure', parameters);
    assert.equal(call?.code, 'DEADLINE_EXCEEDED', call?.details);
  });
  assert.ok(connections <= MOST_CONNECTIONS, `${connections} connections in ${WAITING_SECONDS} s`);
}

const rows: readonly GrpcioRow[] = [
  {
    client: SECURE,
    port: 'tls',
    answer: 'served',
    run: async (bench, tool) => assertServed(await bench.grpcio(tool, 'secure', { calls: 2 })),
  },
  {
    client: INSECURE,
    port: 'tls',
    answer: '`UNAVAILABLE`: Port … speaks TLS … Use grpc.secure_channel(...)',
    token: 'plaintext_on_tls_port',
    run: async (bench, tool) => assertExplained(await bench.grpcio(tool, 'insecure'), bench.port),
  },
  {
    client: `${INSECURE}, kept, \`wait_for_ready\``,
    port: 'tls',
    answer: 'the same for every call; it does not reconnect in a loop',
    token: 'plaintext_on_tls_port',
    run: keptChannel,
  },
  {
    client: `${SECURE} that does not trust the certificate`,
    port: 'tls',
    answer: "`UNAVAILABLE` with grpcio's TLS error",
    // It goes without an alert, so that there is nothing to tell it from a port check by.
    token: 'tls_handshake_abandoned',
    run: async (bench, tool) => {
      const [call] = await bench.grpcio(tool, 'secure', { ca: '' });
      assert.equal(call?.code, 'UNAVAILABLE', call?.details);
      assert.match(call.details, /certificate.verify.failed/i);
    },
  },
  {
    client: INSECURE,
    port: 'plaintext',
    answer: 'served',
    run: async (bench, tool) => assertServed(await bench.grpcio(tool, 'insecure', { calls: 2 })),
  },
  {
    client: SECURE,
    port: 'plaintext',
    answer: "`UNAVAILABLE` with grpcio's TLS error; SNI and ALPN in the log",
    token: 'tls_on_plaintext_port',
    run: async (bench, tool) => {
      const [call] = await bench.grpcio(tool, 'secure');
      assert.equal(call?.code, 'UNAVAILABLE', call?.details);
      assert.match(call.details, /alert.protocol.version/i);
      await bench.ports.logged(
        'SNI and ALPN',
        ({ code, detail }) => code === 'FG1003' && /^SNI localhost, ALPN .*\bh2\b/.test(String(detail)),
      );
    },
  },
  {
    client: `${SECURE}, \`wait_for_ready\``,
    port: 'plaintext',
    answer: '`DEADLINE_EXCEEDED`; it tries again with backoff',
    token: 'tls_on_plaintext_port',
    run: waitingChannel,
  },
  {
    client: INSECURE,
    port: 'tls-accept',
    answer: 'served',
    run: async (bench, tool) => assertServed(await bench.grpcio(tool, 'insecure', { calls: 2 })),
  },
  {
    client: SECURE,
    port: 'tls-accept',
    answer: 'served',
    run: async (bench, tool) => assertServed(await bench.grpcio(tool, 'secure')),
  },
  {
    client: INSECURE,
    port: 'tls-close',
    answer: '`UNAVAILABLE`: the connection is closed without a word',
    token: 'plaintext_on_tls_port',
    run: async (bench, tool) => {
      const [call] = await bench.grpcio(tool, 'insecure');
      assert.equal(call?.code, 'UNAVAILABLE', call?.details);
      assert.doesNotMatch(call.details, /speaks TLS/);
    },
  },
];

const variants = [
  { tool: 'grpcio', variant: 'newest' },
  { tool: "Debian's grpcio", variant: "Debian's" },
] as const;

export const grpcioRows: readonly ProvenRow[] = rows.flatMap((row) =>
  variants.map(({ tool, variant }) => ({
    ...row,
    variant,
    needs: [tool],
    run: (bench: RowBench) => row.run(bench, tool),
  })),
);
