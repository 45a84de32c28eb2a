// Reads proto/voice.proto and creates the service definition and the client from it. Only this file imports @grpc/proto-loader.

import { join } from 'node:path';
import {
  type AnyDefinition,
  loadSync,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';
import {
  type CallOptions,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type credentials,
  type Metadata,
  makeClientConstructor,
  type ServiceError,
} from './grpc.ts';
import type {
  AudioChunk,
  AudioEvent,
  FailReply,
  FailRequest,
  NarratedWord,
  NarrateRequest,
  SayReply,
  SayRequest,
  Transcript,
} from './voice-messages.ts';

/** proto/ is two folders above this file in src/, in dist/ and in the installed package alike. */
export const voiceProtoFile = join(import.meta.dirname, '../../proto/voice.proto');

export const voicePackage: PackageDefinition = loadSync(voiceProtoFile, { longs: Number, defaults: true });

export const voiceServiceName = 'voice.VoiceAssistant';

export const voiceServiceDefinition: ServiceDefinition = serviceIn(voicePackage, voiceServiceName);

export type UnaryCallback<Reply> = (error: ServiceError | null, reply?: Reply) => void;

/** A grpc-js client of the service, with the types that proto-loader cannot provide. */
export interface VoiceClient extends Client {
  say(
    request: Partial<SayRequest>,
    metadata: Metadata,
    options: CallOptions,
    callback: UnaryCallback<SayReply>,
  ): ClientUnaryCall;
  fail(
    request: Partial<FailRequest>,
    metadata: Metadata,
    options: CallOptions,
    callback: UnaryCallback<FailReply>,
  ): ClientUnaryCall;
  narrate(
    request: Partial<NarrateRequest>,
    metadata: Metadata,
    options: CallOptions,
  ): ClientReadableStream<NarratedWord>;
  transcribe(
    metadata: Metadata,
    options: CallOptions,
    callback: UnaryCallback<Transcript>,
  ): ClientWritableStream<Partial<AudioChunk>>;
  streamAudio(metadata: Metadata, options: CallOptions): ClientDuplexStream<Partial<AudioChunk>, AudioEvent>;
}

export type ChannelCredentials = ReturnType<typeof credentials.createInsecure>;

const VoiceClientConstructor = makeClientConstructor(voiceServiceDefinition, 'VoiceAssistant');

/**
 * Creates a client that connects at its first call. The caller must close() it. It accepts messages of any size unless `options`
 * say otherwise.
 */
export function createVoiceClient(
  address: string,
  channelCredentials: ChannelCredentials,
  options: ChannelOptions = {},
): VoiceClient {
  const client = new VoiceClientConstructor(address, channelCredentials, {
    'grpc.max_receive_message_length': -1,
    ...options,
  });
  if (!isVoiceClient(client)) throw new Error(`${voiceServiceName} has other methods than VoiceClient knows`);
  return client;
}

function isVoiceClient(client: object): client is VoiceClient {
  return ['say', 'fail', 'narrate', 'transcribe', 'streamAudio'].every((method) => method in client);
}

function serviceIn(definitions: PackageDefinition, name: string): ServiceDefinition {
  const definition = definitions[name];
  if (!isService(definition)) throw new Error(`${voiceProtoFile} has no service ${name}`);
  return definition;
}

/** Messages and enums have a `format`; a service is a plain map of its methods. */
function isService(definition: AnyDefinition | undefined): definition is ServiceDefinition {
  return definition !== undefined && !('format' in definition);
}
