// A service of Envoy's ext_authz v3 on grpc-js, with messages by protobufjs: another implementation of both than that of the proxy.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type AnyDefinition, loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { type handleUnaryCall, Server, ServerCredentials, type ServiceError } from '../../src/demo/grpc.ts';

export interface CheckedHttp {
  readonly id: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  readonly host: string;
  readonly scheme: string;
  readonly query: string;
  readonly size: number;
  readonly protocol: string;
}

interface CheckedPeer {
  readonly address?: {
    readonly socketAddress?: { readonly address: string; readonly portValue: number };
  };
  readonly principal: string;
}

export interface Checked {
  readonly source: CheckedPeer;
  readonly destination: CheckedPeer;
  readonly request: { readonly time: { readonly seconds: number }; readonly http: CheckedHttp };
  readonly contextExtensions: Readonly<Record<string, string>>;
  readonly tlsSession?: { readonly sni: string };
}

export interface HeaderOption {
  readonly header: { readonly key: string; readonly value?: string; readonly rawValue?: Buffer };
  readonly append?: { readonly value: boolean };
  readonly appendAction?: number;
}

/** A CheckResponse, in the names of proto-loader. */
export interface CheckAnswer {
  readonly status?: { readonly code: number; readonly message?: string };
  readonly deniedResponse?: DenialAnswer;
  readonly errorResponse?: DenialAnswer;
  readonly okResponse?: {
    readonly headers?: readonly HeaderOption[];
    readonly headersToRemove?: readonly string[];
    readonly responseHeadersToAdd?: readonly HeaderOption[];
  };
}

export interface DenialAnswer {
  readonly status?: { readonly code: number };
  readonly headers?: readonly HeaderOption[];
  readonly body?: string;
}

export const ALLOWED: CheckAnswer = { status: { code: 0 } };

export function deniedWith(code: number, body: string, headers: readonly HeaderOption[] = []): CheckAnswer {
  return { status: { code: 7 }, deniedResponse: { status: { code }, body, headers } };
}

export function setting(key: string, value: string, more: Partial<HeaderOption> = {}): HeaderOption {
  return { header: { key, value }, ...more };
}

const definitions = loadSync(join(import.meta.dirname, 'protos', 'ext-authz.proto'), {
  defaults: true,
  longs: Number,
});

/** 'silent': never answers. */
export type Judgement = CheckAnswer | { readonly error: Partial<ServiceError> } | 'silent';

export class Authorizer {
  readonly address: string;
  readonly asked: Checked[] = [];
  /** How many questions were given up by the proxy. */
  cancelled = 0;
  judge: (checked: Checked) => Judgement = () => ALLOWED;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(t: Pick<TestContext, 'after'>, port = 0): Promise<Authorizer> {
    const server = new Server();
    let authorizer: Authorizer | undefined;
    const check: handleUnaryCall<{ attributes: Checked }, CheckAnswer> = (call, done) => {
      if (authorizer === undefined) return;
      const { attributes } = call.request;
      authorizer.asked.push(attributes);
      call.on('cancelled', () => {
        if (authorizer !== undefined) authorizer.cancelled++;
      });
      const judgement = authorizer.judge(attributes);
      if (judgement === 'silent') return;
      if ('error' in judgement) done(judgement.error);
      else done(null, judgement);
    };
    const service = definitions['envoy.service.auth.v3.Authorization'];
    assert.ok(isService(service));
    server.addService(service, { check });
    const bound = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, used) =>
        error === null ? resolve(used) : reject(error),
      ),
    );
    authorizer = new Authorizer(server, bound);
    t.after(() => server.forceShutdown());
    return authorizer;
  }

  /** Ends all its connections at once. */
  stop(): void {
    this.#server.forceShutdown();
  }
}

function isService(definition: AnyDefinition | undefined): definition is ServiceDefinition {
  return definition !== undefined && !('format' in definition);
}
