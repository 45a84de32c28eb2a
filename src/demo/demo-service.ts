// The demo gRPC service: voice.VoiceAssistant, grpc.health.v1 and reflection on one plaintext HTTP/2 port.
// This folder imports nothing else in src, so that the service is independent of the proxy's own code.

import { type CallCounters, type CallEvent, createCallCounters } from './call-counters.ts';
import { Server, ServerCredentials } from './grpc.ts';
import { createHealthService } from './health-service.ts';
import { assertCanListen, isSomethingListening, parseListenAddress } from './listen-probe.ts';
import { metadataEcho } from './metadata-echo.ts';
import { createReflectionService } from './reflection-service.ts';
import { voiceServiceDefinition } from './voice-proto.ts';
import { createVoiceService } from './voice-service.ts';

export const defaultDemoAddress = '127.0.0.1:50051';

export interface DemoServiceOptions {
  /** 'host:port' (port 0 for any free one), '[ipv6]:port' or 'unix:/path'. */
  readonly address: string;
  /** Called when a call of the voice service starts and when it ends. */
  readonly onEvent?: (event: CallEvent) => void;
  /** How long `close` waits for running calls, by default 5000. Health watches and reflection streams may stay open that long. */
  readonly closeTimeoutMs?: number;
}

export interface DemoService {
  /** The address as given, with the actual port. */
  readonly address: string;
  /** The actual port; 0 for a Unix socket. */
  readonly port: number;
  /** The counters change as calls start and end. */
  readonly counters: CallCounters;
  /** Reports the service as unhealthy, takes no new calls, lets running ones finish, then stops. May be called twice. */
  close(): Promise<void>;
  /** Ends all calls and connections at once. May be called twice. */
  forceClose(): void;
}

/** Rejects if it cannot listen on the address; the error has Node's `code` (EADDRINUSE ...). */
export async function startDemoService(options: DemoServiceOptions): Promise<DemoService> {
  const { counters, interceptor } = createCallCounters(options.onEvent ?? (() => undefined));
  const health = createHealthService();
  const server = new Server({
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    interceptors: [metadataEcho, interceptor],
  });
  let address = options.address;
  server.addService(voiceServiceDefinition, { ...createVoiceService(() => address) });
  health.addToServer(server);
  createReflectionService().addToServer(server);

  await assertCanListen(options.address);
  const port = await bind(server, options.address);
  if (port > 0) address = options.address.replace(/:\d+$/, `:${port}`);

  let closing: Promise<void> | undefined;
  return {
    address,
    port,
    counters,
    close: () => {
      health.setServing(false);
      closing ??= closeGracefully(server, options.closeTimeoutMs ?? 5000);
      return closing;
    },
    forceClose: () => server.forceShutdown(),
  };
}

/** @returns undefined if something already accepts connections at the address; that is assumed to be the intended service */
export async function startDemoWhereNothingListens(address: string): Promise<DemoService | undefined> {
  if (await isSomethingListening(address)) return undefined;
  return startDemoService({ address });
}

function bind(server: Server, address: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const isUnix = parseListenAddress(address).path !== undefined;
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
    if (error === null) resolve(isUnix ? 0 : port);
    else reject(error);
  });
  return promise;
}

function closeGracefully(server: Server, timeoutMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => server.forceShutdown(), timeoutMs);
  server.tryShutdown(() => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
