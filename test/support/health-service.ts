// A service that answers grpc.health.v1 as it is told, on real sockets and frame by frame. Other calls succeed at once.

import type { TestContext } from 'node:test';
import { startRawUpstream } from './proxy-under-test.ts';
import type { RawRequest, RawServer } from './raw-server.ts';

export type ServingStatus = 0 | 1 | 2 | 3;

export const SERVING = 1;
export const NOT_SERVING = 2;
export const SERVICE_UNKNOWN = 3;

export interface HealthServiceOptions {
  readonly port?: number;
  /** The methods it has. The default is both. */
  readonly methods?: readonly ('Watch' | 'Check')[];
  readonly status?: ServingStatus;
}

export class HealthService {
  readonly server: RawServer;
  readonly #methods: readonly string[];
  #status: ServingStatus;
  #isSilent = false;
  readonly #watches: RawRequest[] = [];
  readonly asked: RawRequest[] = [];

  private constructor(
    server: RawServer,
    { methods = ['Watch', 'Check'], status = SERVING }: HealthServiceOptions,
  ) {
    this.server = server;
    this.#methods = methods;
    this.#status = status;
  }

  static async start(t: TestContext, options: HealthServiceOptions = {}): Promise<HealthService> {
    const early: RawRequest[] = [];
    let service: HealthService | undefined;
    const { port } = options;
    const server = await startRawUpstream(t, {
      ...(port === undefined ? {} : { port }),
      onRequestEnd: (request) => {
        if (service === undefined) early.push(request);
        else service.#answer(request);
      },
    });
    service = new HealthService(server, options);
    for (const request of early) service.#answer(request);
    return service;
  }

  get address(): string {
    return this.server.address;
  }

  /** How many calls that do not ask for health it has had. */
  get calls(): number {
    return this.server.requests.length - this.asked.length;
  }

  get watchCount(): number {
    return this.#watches.length;
  }

  /** Tells all that watch. */
  set(status: ServingStatus): void {
    this.#status = status;
    for (const watch of this.#watches) watch.sendMessage(responseOf(status));
  }

  /** From now on calls for health get no answer. */
  fallSilent(): void {
    this.#isSilent = true;
  }

  endWatches(grpcStatus: string): void {
    for (const watch of this.#watches.splice(0)) watch.sendTrailers([['grpc-status', grpcStatus]]);
  }

  #answer(request: RawRequest): void {
    const [, method] = /^\/grpc\.health\.v1\.Health\/(\w+)$/.exec(request.field(':path') ?? '') ?? [];
    if (method === undefined) {
      request.succeed();
      return;
    }
    this.asked.push(request);
    if (this.#isSilent) return;
    if (!this.#methods.includes(method)) {
      request.peer.sendHeaders(
        request.streamId,
        [
          [':status', '200'],
          ['content-type', 'application/grpc'],
          ['grpc-status', '12'],
        ],
        true,
      );
    } else if (method === 'Check') request.succeed(responseOf(this.#status));
    else {
      request.sendHeaders();
      request.sendMessage(responseOf(this.#status));
      this.#watches.push(request);
    }
  }
}

function responseOf(status: ServingStatus): Buffer {
  return Buffer.from(status === 0 ? [] : [0x08, status]);
}
