// Clients of @connectrpc/connect-web's gRPC-Web transport, with the types that a bare descriptor cannot give them.

import { type CallOptions, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import {
  type FailRequest,
  mirrorService,
  type NarratedWord,
  type NarrateRequest,
  type SayReply,
  type SayRequest,
  voiceService,
} from './voice.ts';

export interface VoiceClient {
  say(request: Partial<SayRequest>, options?: CallOptions): Promise<SayReply>;
  narrate(request: Partial<NarrateRequest>, options?: CallOptions): AsyncIterable<NarratedWord>;
  fail(request: Partial<FailRequest>, options?: CallOptions): Promise<object>;
}

export interface MirrorClient {
  answer(request: object, options?: CallOptions): Promise<object>;
}

export function connectVoice(baseUrl: string, credentials?: RequestCredentials): VoiceClient {
  const transport = createGrpcWebTransport({
    baseUrl,
    fetch: (input, init) => fetch(input, credentials === undefined ? init : { ...init, credentials }),
  });
  const client: object = createClient(voiceService, transport);
  if (!isVoiceClient(client)) throw new Error('the voice service has other methods than the page knows');
  return client;
}

export function connectMirror(baseUrl: string): MirrorClient {
  const client: object = createClient(mirrorService, createGrpcWebTransport({ baseUrl }));
  if (!isMirrorClient(client)) throw new Error('the mirror service has no method Answer');
  return client;
}

function isVoiceClient(client: object): client is VoiceClient {
  return ['say', 'narrate', 'fail'].every((method) => method in client);
}

function isMirrorClient(client: object): client is MirrorClient {
  return 'answer' in client;
}
