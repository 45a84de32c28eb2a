// The calls by which `npm start` learns whether a service is the one of the demo, and proves the way through the proxy.

import { existsSync, readFileSync } from 'node:fs';
import { credentials, Metadata, type ServiceError, status } from '../src/demo/grpc.ts';
import type { SayReply } from '../src/demo/voice-messages.ts';
import { createVoiceClient } from '../src/demo/voice-proto.ts';
import { quoted } from '../src/doctor/finding.ts';

const callTimeoutMs = 10_000;
/** A service on this machine answers within milliseconds. Some other program may never answer. */
const probeTimeoutMs = 2000;

/** @returns whether a service with voice.VoiceAssistant/Say answers at the address, without TLS */
export async function answersAsVoiceService(address: string): Promise<boolean> {
  const { reply } = await callSay(address, credentials.createInsecure(), probeTimeoutMs);
  return reply !== undefined;
}

export interface ProofParts {
  readonly caFile: string;
  /** The address of the service behind the proxy. */
  readonly service: string;
  readonly say: (line: string) => void;
}

/** @returns what went wrong, or undefined if nothing did */
export async function proveByOneCall(
  tls: string | undefined,
  { caFile, service, say }: ProofParts,
): Promise<string | undefined> {
  if (tls === undefined || !existsSync(caFile)) {
    const reason = tls === undefined ? 'no listener has TLS' : `there is no ${caFile}`;
    say(`makes no call to prove it, because ${reason}`);
    return undefined;
  }
  const call = `voice.VoiceAssistant/Say over TLS through ${tls}`;
  const startedAtMs = performance.now();
  const { reply, error } = await callSay(tls, credentials.createSsl(readFileSync(caFile)), callTimeoutMs);
  const tookMs = performance.now() - startedAtMs;
  if (reply !== undefined) {
    say(
      `called ${call}: "${quoted(reply.text)}", served by ${quoted(reply.servedBy)} (${tookMs.toFixed(1)} ms)`,
    );
    return undefined;
  }
  if (error?.code === status.UNIMPLEMENTED) {
    say(`called ${call}: the service on ${service} has no such method, so it is not the demo service`);
    return undefined;
  }
  return `${call} failed: ${quoted(error?.message ?? 'there was no reply')}`;
}

interface Outcome {
  readonly reply?: SayReply | undefined;
  readonly error?: ServiceError | undefined;
}

async function callSay(
  address: string,
  channel: ReturnType<typeof credentials.createInsecure>,
  timeoutMs: number,
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const client = createVoiceClient(address, channel);
  client.say({ text: 'hello' }, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, reply) =>
    resolve(error === null ? { reply } : { error }),
  );
  return promise.finally(() => client.close());
}
