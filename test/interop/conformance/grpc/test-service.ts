// A grpc-js client of testing.proto whose calls resolve to what happened, failures included, and never reject.

import type { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { type AnyDefinition, loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import {
  type CallOptions,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type credentials,
  Metadata,
  makeClientConstructor,
  type ServiceError,
  type StatusObject,
} from '../../../../src/demo/grpc.ts';

export interface Payload {
  readonly body: Buffer;
}

export interface SimpleRequest {
  readonly responseSize?: number;
  readonly payload?: Payload;
  readonly responseCompressed?: { readonly value: boolean };
  readonly expectCompressed?: { readonly value: boolean };
  readonly responseStatus?: { readonly code: number; readonly message: string };
}

export interface PayloadReply {
  readonly payload: Payload | null;
}

export interface InputRequest {
  readonly payload?: Payload;
}

export interface InputReply {
  readonly aggregatedPayloadSize: number;
}

export interface OutputRequest {
  readonly responseParameters?: readonly { readonly size: number }[];
  readonly payload?: Payload;
  readonly responseStatus?: { readonly code: number; readonly message: string };
}

type Callback<Reply> = (error: ServiceError | null, reply?: Reply) => void;
type UnaryMethod<Request, Reply> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: Callback<Reply>,
) => ClientUnaryCall;

export interface TestServiceClient extends Client {
  readonly emptyCall: UnaryMethod<object, object>;
  readonly unaryCall: UnaryMethod<SimpleRequest, PayloadReply>;
  readonly unimplementedCall: UnaryMethod<object, object>;
  streamingOutputCall(
    request: OutputRequest,
    metadata: Metadata,
    options: CallOptions,
  ): ClientReadableStream<PayloadReply>;
  streamingInputCall(
    metadata: Metadata,
    options: CallOptions,
    callback: Callback<InputReply>,
  ): ClientWritableStream<InputRequest>;
  fullDuplexCall(metadata: Metadata, options: CallOptions): ClientDuplexStream<OutputRequest, PayloadReply>;
}

const definitions = loadSync(join(import.meta.dirname, 'testing.proto'), { defaults: true });

export function connectTestService(
  service: 'TestService' | 'UnimplementedService',
  address: string,
  channelCredentials: ReturnType<typeof credentials.createInsecure>,
  options: ChannelOptions,
): TestServiceClient {
  const definition = definitions[`grpc.testing.${service}`];
  if (!isService(definition)) throw new Error(`testing.proto has no ${service}`);
  const Constructor = makeClientConstructor(definition, service);
  const client = new Constructor(address, channelCredentials, options);
  if (!isClient(client)) throw new Error(`${service} of testing.proto has other methods than expected`);
  return client;
}

function isService(definition: AnyDefinition | undefined): definition is ServiceDefinition {
  return definition !== undefined && !('format' in definition);
}

/** Both services have this one; only TestService is asked for more. */
function isClient(client: object): client is TestServiceClient {
  return 'unimplementedCall' in client;
}

export interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly initial: Metadata;
  readonly trailing: Metadata;
}

type AnyCall = EventEmitter & { cancel(): void };

export function outcomeOf(call: AnyCall): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  let initial = new Metadata();
  call.on('metadata', (metadata: Metadata) => {
    initial = metadata;
  });
  call.on('status', ({ code, details, metadata }: StatusObject) => {
    resolve({ code, details, initial, trailing: metadata });
  });
  // The same news as 'status', but unheard it would end the process.
  call.on('error', () => undefined);
  return promise;
}

export async function unaryOutcome<Reply>(
  start: (callback: Callback<Reply>) => AnyCall,
): Promise<Outcome & { readonly reply: Reply | undefined }> {
  let reply: Reply | undefined;
  const outcome = await outcomeOf(
    start((_error, received) => {
      reply = received;
    }),
  );
  return { ...outcome, reply };
}

/** Replies of a streaming call, one by one; undefined when there will be none. */
export function repliesOf<Reply>(call: AnyCall): () => Promise<Reply | undefined> {
  const received: Reply[] = [];
  const waiting: ((reply: Reply | undefined) => void)[] = [];
  let isEnded = false;
  call.on('data', (reply: Reply) => {
    const waiter = waiting.shift();
    if (waiter === undefined) received.push(reply);
    else waiter(reply);
  });
  call.on('status', () => {
    isEnded = true;
    for (const waiter of waiting.splice(0)) waiter(undefined);
  });
  return () => {
    if (received.length > 0 || isEnded) return Promise.resolve(received.shift());
    const { promise, resolve } = Promise.withResolvers<Reply | undefined>();
    waiting.push(resolve);
    return promise;
  };
}
