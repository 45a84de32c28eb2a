// A service of Envoy's rate limit protocol v3 on grpc-js, with messages by protobufjs: another implementation of both than that of the
// proxy.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type AnyDefinition, loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { type handleUnaryCall, Server, ServerCredentials, type ServiceError } from '../../src/demo/grpc.ts';

export interface LimitQuestion {
  readonly domain: string;
  readonly descriptors: readonly {
    readonly entries: readonly { readonly key: string; readonly value: string }[];
  }[];
  readonly hitsAddend: number;
}

export interface HeaderValue {
  readonly key: string;
  readonly value?: string;
  readonly rawValue?: Buffer;
}

/** A RateLimitResponse, in the names of proto-loader. */
export interface LimitAnswer {
  readonly overallCode?: number;
  readonly statuses?: readonly {
    readonly code: number;
    readonly currentLimit?: { readonly requestsPerUnit: number; readonly unit: number };
    readonly durationUntilReset?: { readonly seconds?: number; readonly nanos?: number };
  }[];
  readonly responseHeaders?: readonly HeaderValue[];
  readonly requestHeaders?: readonly HeaderValue[];
  readonly rawBody?: Buffer;
}

export const WITHIN: LimitAnswer = { overallCode: 1, statuses: [{ code: 1 }] };

/** 3 each second, and 1.5 s until the next. */
export const BEYOND: LimitAnswer = {
  overallCode: 2,
  statuses: [
    {
      code: 2,
      currentLimit: { requestsPerUnit: 3, unit: 1 },
      durationUntilReset: { seconds: 1, nanos: 500_000_000 },
    },
  ],
};

/** 'silent': never answers. */
export type LimitReply = LimitAnswer | { readonly error: Partial<ServiceError> } | 'silent';

const definitions = loadSync(join(import.meta.dirname, 'protos', 'rate-limit.proto'), {
  defaults: true,
  longs: Number,
});

export class LimitService {
  readonly port: number;
  readonly address: string;
  readonly asked: LimitQuestion[] = [];
  /** How many questions were given up by the proxy. */
  cancelled = 0;
  reply: (question: LimitQuestion) => LimitReply = () => WITHIN;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(t: Pick<TestContext, 'after'>): Promise<LimitService> {
    const server = new Server();
    let limiter: LimitService | undefined;
    const shouldRateLimit: handleUnaryCall<LimitQuestion, LimitAnswer> = (call, done) => {
      if (limiter === undefined) return;
      limiter.asked.push(call.request);
      call.on('cancelled', () => {
        if (limiter !== undefined) limiter.cancelled++;
      });
      const reply = limiter.reply(call.request);
      if (reply === 'silent') return;
      if ('error' in reply) done(reply.error);
      else done(null, reply);
    };
    const service = definitions['envoy.service.ratelimit.v3.RateLimitService'];
    assert.ok(isService(service));
    server.addService(service, { shouldRateLimit });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, used) =>
        error === null ? resolve(used) : reject(error),
      ),
    );
    limiter = new LimitService(server, port);
    t.after(() => server.forceShutdown());
    return limiter;
  }

  /** Ends all its connections at once. */
  stop(): void {
    this.#server.forceShutdown();
  }
}

function isService(definition: AnyDefinition | undefined): definition is ServiceDefinition {
  return definition !== undefined && !('format' in definition);
}
