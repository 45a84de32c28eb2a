// grpc-js on every kind of port.

import assert from 'node:assert/strict';
import { status } from '../../../../src/demo/grpc.ts';
import type { SayReply } from '../../../../src/demo/voice-messages.ts';
import type { TestVoiceClient, UnaryOutcome } from '../../../support/voice-client.ts';
import type { ProvenRow } from '../port-row.ts';
import type { RowBench } from '../row-bench.ts';

const SECURE = 'grpc-js `createSsl()`';
const INSECURE = 'grpc-js `createInsecure()`';
const deadlineMs = 15_000;

async function withClient(
  client: TestVoiceClient,
  work: (client: TestVoiceClient) => Promise<void>,
): Promise<void> {
  try {
    await work(client);
  } finally {
    client.close();
  }
}

function say(bench: RowBench, kind: 'secure' | 'insecure', check: (outcome: UnaryOutcome<SayReply>) => void) {
  return withClient(bench.grpcJs(kind), async (client) => {
    check(await client.say({ text: 'hello' }, { deadlineMs }));
  });
}

function served({ code, details, reply }: UnaryOutcome<SayReply>): void {
  assert.equal(code, status.OK, details);
  assert.equal(reply?.text, 'You said: hello');
}

function unavailable(words: RegExp): (outcome: UnaryOutcome<SayReply>) => void {
  return ({ code, details }) => {
    assert.equal(code, status.UNAVAILABLE, details);
    assert.match(details, words);
  };
}

async function streams(bench: RowBench, kind: 'secure' | 'insecure'): Promise<void> {
  await withClient(bench.grpcJs(kind), async (client) => {
    const stream = client.streamAudio({ deadlineMs });
    for (const sequence of [1, 2, 3]) {
      stream.send({ sequence, audio: Buffer.alloc(640), returnAudio: true });
      assert.equal((await stream.next())?.sequence, sequence);
    }
    stream.finish();
    assert.equal((await stream.outcome).code, status.OK);
  });
}

export const grpcJsRows: readonly ProvenRow[] = [
  {
    client: SECURE,
    port: 'tls',
    answer: 'served, streams both ways',
    needs: [],
    run: (bench) => streams(bench, 'secure'),
  },
  {
    client: INSECURE,
    port: 'tls',
    answer: '`UNAVAILABLE`: Port … speaks TLS … Use credentials.createSsl()',
    token: 'plaintext_on_tls_port',
    needs: [],
    run: (bench) =>
      say(
        bench,
        'insecure',
        unavailable(
          /speaks TLS and this client connected without it\. Use credentials\.createSsl\(\), not credentials\.createInsecure\(\)/,
        ),
      ),
  },
  {
    client: INSECURE,
    port: 'plaintext',
    answer: 'served, streams both ways',
    needs: [],
    run: (bench) => streams(bench, 'insecure'),
  },
  {
    client: SECURE,
    port: 'plaintext',
    answer: "`UNAVAILABLE` with Node's TLS error",
    token: 'tls_on_plaintext_port',
    needs: [],
    run: (bench) => say(bench, 'secure', unavailable(/alert protocol version|ALERT_PROTOCOL_VERSION/)),
  },
  {
    client: INSECURE,
    port: 'tls-accept',
    answer: 'served',
    needs: [],
    run: (bench) => say(bench, 'insecure', served),
  },
  {
    client: INSECURE,
    port: 'tls-close',
    answer: '`UNAVAILABLE`: the connection is closed without a word',
    token: 'plaintext_on_tls_port',
    needs: [],
    run: (bench) => say(bench, 'insecure', unavailable(/^(?!.*speaks TLS)/)),
  },
];
