// The negative HTTP/2 tests of grpc/grpc against Framegate's upstream side: a server that resets, goes away, pings and pads, and
// before Framegate a client that asserts what doc/http2-interop-test-descriptions.md says: one with grpc-js, and grpc-go's own.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { credentials, Metadata, status } from '../../../../src/demo/grpc.ts';
import { eventually } from '../../../support/eventually.ts';
import type { ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { allTo, type Between, startBetween } from '../framegate-between.ts';
import type { GoTool } from '../go-tools.ts';
import {
  connectTestService,
  type Outcome,
  type PayloadReply,
  type TestServiceClient,
  unaryOutcome,
} from '../grpc/test-service.ts';
import { lastLines, runProgram } from '../program.ts';
import {
  type NegativeCase,
  type NegativeServer,
  negativeCases,
  responseBytes,
  startNegativeServer,
} from './negative-server.ts';

const requestBytes = 271_828;
const deadlineMs = 60_000;
const parallelCalls = 15;

type Reply = Outcome & { readonly reply: PayloadReply | undefined };

export const negativeSuite: ConformanceSuite = {
  name: 'negative HTTP/2 interop, upstream side, grpc-js',
  prints: 'failures',
  run: async (setup, report) => {
    for (const name of negativeCases) {
      await report.run(name, () =>
        withServer(name, setup, (server, between) => runNode(name, setup, server, between)),
      );
    }
  },
};

/**
 * Of the cases that it has, all but rst_during_data: there it asks for UNKNOWN where grpc-go itself makes INTERNAL of a stream
 * that ended before its trailers, without a proxy too.
 */
const goCases = ['goaway', 'rst_after_header', 'rst_after_data', 'ping', 'max_streams'] as const;
const goTimeoutMs = 60_000;

export function goNegativeSuite(tool: GoTool): ConformanceSuite {
  const title = 'negative HTTP/2 interop, upstream side, grpc-go';
  if ('missing' in tool) return { name: title, skipped: tool.missing };
  return {
    name: `${title} ${tool.version}`,
    prints: 'failures',
    run: async (setup, report) => {
      for (const name of goCases) {
        await report.run(name, () =>
          withServer(name, setup, (server, between) => runGo(tool.executable, name, server, between)),
        );
      }
    },
  };
}

/** Its client has no options for TLS. */
async function runGo(
  executable: string,
  name: NegativeCase,
  server: NegativeServer,
  between: Between,
): Promise<void> {
  const port = String(between.plaintextPort);
  const args = ['-server_host', '127.0.0.1', '-server_port', port, '-test_case', name];
  const ended = await runProgram(executable, { args, timeoutMs: goTimeoutMs });
  if (ended.ended !== 0) throw new Error(lastLines(ended));
  await serverChecks[name](server);
}

async function withServer(
  name: NegativeCase,
  setup: ConformanceSetup,
  work: (server: NegativeServer, between: Between) => Promise<void>,
): Promise<void> {
  const server = await startNegativeServer(name);
  try {
    const between = await startBetween(setup, { routes: allTo(server.port) });
    let problems: readonly string[] = [];
    try {
      await work(server, between);
    } finally {
      problems = await between.stop();
    }
    assert.deepEqual(problems, []);
  } finally {
    server.close();
  }
}

async function runNode(
  name: NegativeCase,
  setup: ConformanceSetup,
  server: NegativeServer,
  between: Between,
): Promise<void> {
  const trust = credentials.createSsl(readFileSync(setup.certificates.caFile));
  const client = connectTestService('TestService', `127.0.0.1:${between.tlsPort}`, trust, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    // The address is an IP address, which is no name for SNI (RFC 6066 section 3).
    'grpc.ssl_target_name_override': 'localhost',
  });
  try {
    await clientChecks[name](client);
    await serverChecks[name](server);
  } finally {
    client.close();
  }
}

const nothingToCheck = async (): Promise<void> => undefined;

const serverChecks: Readonly<Record<NegativeCase, (server: NegativeServer) => Promise<void>>> = {
  goaway: async (server) => assert.equal(server.connections(), 2, 'connections that carried a call'),
  rst_after_header: nothingToCheck,
  rst_during_data: nothingToCheck,
  rst_after_data: nothingToCheck,
  ping: async (server) => {
    await eventually('every PING is acknowledged', () => server.pings().outstanding === 0);
    assert.equal(server.pings().sent, 4);
  },
  max_streams: async (server) => assert.equal(server.mostStreams(), 1, 'calls open on one connection'),
  data_frame_padding: nothingToCheck,
};

const clientChecks: Readonly<Record<NegativeCase, (client: TestServiceClient) => Promise<void>>> = {
  goaway: async (client) => {
    assertSuccess(await largeUnary(client));
    assertSuccess(await largeUnary(client));
  },
  rst_after_header: assertFailure,
  rst_during_data: assertFailure,
  rst_after_data: assertFailure,
  ping: async (client) => assertSuccess(await largeUnary(client)),
  max_streams: async (client) => {
    assertSuccess(await largeUnary(client));
    const calls = Array.from({ length: parallelCalls }, () => largeUnary(client));
    for (const outcome of await Promise.all(calls)) assertSuccess(outcome);
  },
  data_frame_padding: async (client) => assertSuccess(await largeUnary(client)),
};

function largeUnary(client: TestServiceClient): Promise<Reply> {
  const request = { responseSize: responseBytes, payload: { body: Buffer.alloc(requestBytes) } };
  const options = { deadline: Date.now() + deadlineMs };
  return unaryOutcome<PayloadReply>((callback) =>
    client.unaryCall(request, new Metadata(), options, callback),
  );
}

function assertSuccess({ code, details, reply }: Reply): void {
  assert.equal(code, status.OK, `status ${code}: ${details}`);
  assert.equal(reply?.payload?.body.equals(Buffer.alloc(responseBytes)), true, 'the payload is not whole');
}

/** A stream that is reset without an error has failed all the same: it ended before its trailers. */
async function assertFailure(client: TestServiceClient): Promise<void> {
  const { code, details, reply } = await largeUnary(client);
  assert.equal(code, status.INTERNAL, `status ${code}: ${details}`);
  assert.equal(reply, undefined);
}
