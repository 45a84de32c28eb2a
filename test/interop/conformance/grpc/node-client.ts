// The client with grpc-js, in the runner's own process: the cases as grpc/grpc's doc/interop-test-descriptions.md has them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type ChannelOptions, credentials, Metadata, status } from '../../../../src/demo/grpc.ts';
import type { InteropCaseName } from './cases.ts';
import type { ClientSetup, RunCase } from './pairing.ts';
import {
  connectTestService,
  type Outcome,
  type OutputRequest,
  outcomeOf,
  type PayloadReply,
  repliesOf,
  type SimpleRequest,
  type TestServiceClient,
  unaryOutcome,
} from './test-service.ts';

const largeRequestBytes = 271_828;
const largeResponseBytes = 314_159;
const requestSizes = [27_182, 8, 1828, 45_904];
const responseSizes = [31_415, 9, 2653, 58_979];
const deadlineMs = 30_000;
const gzip = 2;

interface CaseParts {
  readonly client: TestServiceClient;
  /** Another channel; closed when the case is over. */
  readonly connect: (
    service?: 'TestService' | 'UnimplementedService',
    options?: ChannelOptions,
  ) => TestServiceClient;
  readonly soakIterations: number;
}

type NodeCase = (parts: CaseParts) => Promise<void>;

export function nodeClient(setup: ClientSetup): RunCase {
  const ca = readFileSync(setup.caFile);
  return async (name) => {
    const run = cases.get(name);
    if (run === undefined) throw new Error(`there is no ${name} for grpc-js`);
    const clients: TestServiceClient[] = [];
    const connect: CaseParts['connect'] = (service = 'TestService', options = {}) => {
      const client = connectTestService(service, `127.0.0.1:${setup.tlsPort}`, credentials.createSsl(ca), {
        'grpc.use_local_subchannel_pool': 1,
        // The address is an IP address, which is no name for SNI (RFC 6066 section 3).
        'grpc.ssl_target_name_override': 'localhost',
        ...options,
      });
      clients.push(client);
      return client;
    };
    try {
      await run({ client: connect(), connect, soakIterations: setup.soakIterations });
    } finally {
      for (const client of clients) client.close();
    }
  };
}

function deadline(): { readonly deadline: number } {
  return { deadline: Date.now() + deadlineMs };
}

function payload(size: number): { readonly body: Buffer } {
  return { body: Buffer.alloc(size) };
}

function largeRequest(fields: SimpleRequest = {}): SimpleRequest {
  return { responseSize: largeResponseBytes, payload: payload(largeRequestBytes), ...fields };
}

function unary(client: TestServiceClient, request: SimpleRequest, metadata = new Metadata()) {
  return unaryOutcome<PayloadReply>((callback) => client.unaryCall(request, metadata, deadline(), callback));
}

function sizeOf(reply: PayloadReply | undefined): number | undefined {
  return reply?.payload?.body.length;
}

function assertCode(outcome: Outcome, code: number): void {
  assert.equal(outcome.code, code, `status ${outcome.code}: ${outcome.details}`);
}

async function largeUnary(client: TestServiceClient, fields: SimpleRequest = {}): Promise<void> {
  const outcome = await unary(client, largeRequest(fields));
  assertCode(outcome, status.OK);
  assert.equal(sizeOf(outcome.reply), largeResponseBytes);
}

function outputRequest(size: number, requestBytes: number): OutputRequest {
  return { responseParameters: [{ size }], payload: payload(requestBytes) };
}

async function clientCompressedUnary({ client, connect }: CaseParts): Promise<void> {
  const compressing = connect('TestService', { 'grpc.default_compression_algorithm': gzip });
  await largeUnary(compressing, { expectCompressed: { value: true } });
  await largeUnary(client, { expectCompressed: { value: false } });
}

async function clientStreaming({ client }: CaseParts): Promise<void> {
  const outcome = await unaryOutcome<{ aggregatedPayloadSize: number }>((callback) => {
    const call = client.streamingInputCall(new Metadata(), deadline(), callback);
    for (const size of requestSizes) call.write({ payload: payload(size) });
    call.end();
    return call;
  });
  assertCode(outcome, status.OK);
  assert.equal(outcome.reply?.aggregatedPayloadSize, 74_922);
}

async function serverStreaming({ client }: CaseParts): Promise<void> {
  const request = { responseParameters: responseSizes.map((size) => ({ size })) };
  const call = client.streamingOutputCall(request, new Metadata(), deadline());
  const sizes: (number | undefined)[] = [];
  call.on('data', (reply: PayloadReply) => sizes.push(sizeOf(reply)));
  assertCode(await outcomeOf(call), status.OK);
  assert.deepEqual(sizes, responseSizes);
}

async function pingPong({ client }: CaseParts): Promise<void> {
  const call = client.fullDuplexCall(new Metadata(), deadline());
  const ended = outcomeOf(call);
  const next = repliesOf<PayloadReply>(call);
  for (const [index, size] of responseSizes.entries()) {
    call.write(outputRequest(size, requestSizes[index]));
    assert.equal(sizeOf(await next()), size);
  }
  call.end();
  assert.equal(await next(), undefined);
  assertCode(await ended, status.OK);
}

async function emptyStream({ client }: CaseParts): Promise<void> {
  const call = client.fullDuplexCall(new Metadata(), deadline());
  const ended = outcomeOf(call);
  const next = repliesOf<PayloadReply>(call);
  call.end();
  assert.equal(await next(), undefined);
  assertCode(await ended, status.OK);
}

const echoInitial = 'x-grpc-test-echo-initial';
const echoTrailing = 'x-grpc-test-echo-trailing-bin';

async function customMetadata({ client }: CaseParts): Promise<void> {
  const metadata = new Metadata();
  metadata.set(echoInitial, 'test_initial_metadata_value');
  metadata.set(echoTrailing, Buffer.from('ababab', 'hex'));
  const assertEcho = ({ initial, trailing }: Outcome) => {
    assert.deepEqual(initial.get(echoInitial), ['test_initial_metadata_value']);
    assert.deepEqual(trailing.get(echoTrailing), [Buffer.from('ababab', 'hex')]);
  };
  const outcome = await unary(client, largeRequest(), metadata);
  assertCode(outcome, status.OK);
  assertEcho(outcome);
  const call = client.fullDuplexCall(metadata, deadline());
  const ended = outcomeOf(call);
  const next = repliesOf<PayloadReply>(call);
  call.write(outputRequest(largeResponseBytes, largeRequestBytes));
  call.end();
  assert.equal(sizeOf(await next()), largeResponseBytes);
  assert.equal(await next(), undefined);
  assertCode(await ended, status.OK);
  assertEcho(await ended);
}

async function statusCodeAndMessage({ client }: CaseParts): Promise<void> {
  const responseStatus = { code: 2, message: 'test status message' };
  const outcome = await unary(client, { responseStatus });
  assertCode(outcome, status.UNKNOWN);
  assert.equal(outcome.details, responseStatus.message);
  const call = client.fullDuplexCall(new Metadata(), deadline());
  const ended = outcomeOf(call);
  call.resume();
  call.write({ responseStatus });
  call.end();
  assertCode(await ended, status.UNKNOWN);
  assert.equal((await ended).details, responseStatus.message);
}

async function specialStatusMessage({ client }: CaseParts): Promise<void> {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  const outcome = await unary(client, { responseStatus: { code: 2, message } });
  assertCode(outcome, status.UNKNOWN);
  assert.equal(outcome.details, message);
}

async function unimplemented(client: TestServiceClient): Promise<void> {
  const outcome = await unaryOutcome<object>((callback) =>
    client.unimplementedCall({}, new Metadata(), deadline(), callback),
  );
  assertCode(outcome, status.UNIMPLEMENTED);
}

async function cancelAfterBegin({ client }: CaseParts): Promise<void> {
  const outcome = await unaryOutcome<object>((callback) => {
    const call = client.streamingInputCall(new Metadata(), deadline(), callback);
    call.cancel();
    return call;
  });
  assertCode(outcome, status.CANCELLED);
}

async function cancelAfterFirstResponse({ client }: CaseParts): Promise<void> {
  const call = client.fullDuplexCall(new Metadata(), deadline());
  const ended = outcomeOf(call);
  const next = repliesOf<PayloadReply>(call);
  call.write(outputRequest(31_415, 27_182));
  assert.equal(sizeOf(await next()), 31_415);
  call.cancel();
  assertCode(await ended, status.CANCELLED);
}

async function timeoutOnSleepingServer({ client }: CaseParts): Promise<void> {
  const call = client.fullDuplexCall(new Metadata(), { deadline: Date.now() + 1 });
  const ended = outcomeOf(call);
  call.resume();
  call.write({ payload: payload(27_182) });
  assertCode(await ended, status.DEADLINE_EXCEEDED);
}

const cases: ReadonlyMap<InteropCaseName, NodeCase> = new Map<InteropCaseName, NodeCase>([
  [
    'empty_unary',
    async ({ client }) => {
      const outcome = await unaryOutcome<object>((callback) =>
        client.emptyCall({}, new Metadata(), deadline(), callback),
      );
      assertCode(outcome, status.OK);
      assert.deepEqual({ ...outcome.reply }, {});
    },
  ],
  ['large_unary', ({ client }) => largeUnary(client)],
  ['client_compressed_unary_noprobe', clientCompressedUnary],
  [
    'server_compressed_unary',
    async ({ client }) => {
      for (const value of [true, false]) await largeUnary(client, { responseCompressed: { value } });
    },
  ],
  ['client_streaming', clientStreaming],
  ['server_streaming', serverStreaming],
  ['ping_pong', pingPong],
  ['empty_stream', emptyStream],
  ['custom_metadata', customMetadata],
  ['status_code_and_message', statusCodeAndMessage],
  ['special_status_message', specialStatusMessage],
  ['unimplemented_method', ({ client }) => unimplemented(client)],
  ['unimplemented_service', ({ connect }) => unimplemented(connect('UnimplementedService'))],
  ['cancel_after_begin', cancelAfterBegin],
  ['cancel_after_first_response', cancelAfterFirstResponse],
  ['timeout_on_sleeping_server', timeoutOnSleepingServer],
  [
    'rpc_soak',
    async ({ client, soakIterations }) => {
      for (let index = 0; index < soakIterations; index++) await largeUnary(client);
    },
  ],
  [
    'channel_soak',
    async ({ connect, soakIterations }) => {
      for (let index = 0; index < soakIterations; index++) {
        const client = connect();
        await largeUnary(client);
        client.close();
      }
    },
  ],
]);
