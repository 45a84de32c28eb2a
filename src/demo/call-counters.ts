// Counts the calls of the demo service by method and outcome, so that tests can see what reached the service.

import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from './grpc.ts';
import { voiceServiceDefinition } from './voice-proto.ts';

const methodNames = ['Say', 'Narrate', 'Transcribe', 'StreamAudio', 'Fail'] as const;

export type VoiceMethod = (typeof methodNames)[number];

/** Every started call is later counted in exactly one of the other three. */
export interface MethodCounters {
  readonly started: number;
  /** The service ended these calls with OK. */
  readonly completed: number;
  /** The service ended these calls with another status. */
  readonly failed: number;
  /** These calls were reset by the client, lost their connection or reached their deadline before the service ended them. */
  readonly cancelled: number;
}

export type CallCounters = Readonly<Record<VoiceMethod, MethodCounters>>;

export interface CallEvent {
  readonly kind: keyof MethodCounters;
  readonly method: VoiceMethod;
  /** The address of the peer, which is the proxy if there is one. */
  readonly peer: string;
  /** The gRPC status code. Undefined unless the service ended the call. */
  readonly statusCode: number | undefined;
  /** A copy of the metadata that the service received. */
  readonly metadata: Metadata;
}

type MutableCounters = { -readonly [Kind in keyof MethodCounters]: number };

const methodOfPath = new Map<string, VoiceMethod>(
  methodNames.map((name) => [voiceServiceDefinition[name].path, name]),
);

/** `counters` changes as calls start and end. `onEvent` is called after the counter has changed. */
export function createCallCounters(onEvent: (event: CallEvent) => void): {
  readonly counters: CallCounters;
  readonly interceptor: ServerInterceptor;
} {
  const counters: Record<VoiceMethod, MutableCounters> = {
    Say: createMethodCounters(),
    Narrate: createMethodCounters(),
    Transcribe: createMethodCounters(),
    StreamAudio: createMethodCounters(),
    Fail: createMethodCounters(),
  };

  const interceptor: ServerInterceptor = (definition, call) => {
    const method = methodOfPath.get(definition.path);
    if (method === undefined) return new ServerInterceptingCall(call);

    let received: Metadata | undefined;
    let isEnded = false;
    const count = (kind: CallEvent['kind'], statusCode: number | undefined) => {
      counters[method][kind] += 1;
      if (received !== undefined) {
        onEvent({ kind, method, peer: call.getPeer(), statusCode, metadata: received });
      }
    };
    const end = (kind: 'completed' | 'failed' | 'cancelled', statusCode: number | undefined) => {
      if (isEnded || received === undefined) return;
      isEnded = true;
      count(kind, statusCode);
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, nextMetadata) => {
            received = metadata.clone();
            count('started', undefined);
            nextMetadata(metadata);
          },
          // grpc-js calls this at the end of every call, even if the call ended normally.
          onCancel: () => end('cancelled', undefined),
        }),
      sendStatus: (sent, next) => {
        end(sent.code === status.OK ? 'completed' : 'failed', sent.code);
        next(sent);
      },
    });
  };
  return { counters, interceptor };
}

function createMethodCounters(): MutableCounters {
  return { started: 0, completed: 0, failed: 0, cancelled: 0 };
}
