// grpc.health.v1.Health of the admin server: whether the proxy takes calls, and whether there is an endpoint for those of a service.

import { ProtobufWriter } from '../../grpc/protobuf-writer.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import type { Readiness } from '../admin-pages.ts';
import { readFields } from './message-fields.ts';
import {
  type OpenCall,
  type OpenCallEvents,
  RpcError,
  type RpcMethod,
  type RpcMethods,
} from './rpc-method.ts';

/** What the health of the proxy follows from. */
export interface HealthState {
  readiness(): Readiness;
  /** As RpcState has it. */
  services(): Promise<ReadonlyMap<string, boolean>>;
  /** As RpcState has it. */
  namesUsing(upstream: string): ReadonlySet<string>;
}

/** HealthCheckResponse.ServingStatus. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

const MOST_WATCHERS = 64;
const MOST_LISTED = 1000;
const LOOK_EVERY_MS = 1_000;
/** What says the same over HTTP/1.1. Probes of Kubernetes can send no token, and may ask for this one alone. */
const READY = '/ready';
const UPSTREAMS = '/api/upstreams';

interface Watcher {
  readonly service: string;
  readonly call: OpenCall;
  /** What the client was told last. Undefined until it was told something. */
  told: number | undefined;
}

export class HealthService {
  readonly methods: RpcMethods = new Map<string, RpcMethod>([
    [
      '/grpc.health.v1.Health/Check',
      {
        pageOf: (request) => (serviceOf(request) === '' ? READY : UPSTREAMS),
        answer: (request) => this.#check(serviceOf(request)),
      },
    ],
    ['/grpc.health.v1.Health/List', { pageOf: () => UPSTREAMS, answer: () => this.#list() }],
    [
      '/grpc.health.v1.Health/Watch',
      { pageOf: () => UPSTREAMS, begin: (request, call) => this.#watch(serviceOf(request), call) },
    ],
  ]);
  readonly #state: HealthState;
  readonly #onFault: (error: unknown) => void;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | undefined = undefined;
  /** The question that is being answered. */
  #asked: Promise<ReadonlyMap<string, boolean>> | undefined = undefined;

  constructor(state: HealthState, onFault: (error: unknown) => void) {
    this.#state = state;
    this.#onFault = onFault;
  }

  #check(service: string): Buffer | Promise<Buffer> {
    if (service === '') return response(this.#ownStatus);
    return this.#ask().then((services) => {
      const status = this.#statusOf(service, services);
      if (status !== SERVICE_UNKNOWN) return response(status);
      throw new RpcError(
        GrpcStatus.NOT_FOUND,
        'no route has this service in its path, and no upstream has this name',
      );
    });
  }

  async #list(): Promise<Buffer> {
    const services = await this.#ask();
    if (services.size > MOST_LISTED) {
      const text = `there are ${services.size} names, and at most ${MOST_LISTED} are listed`;
      throw new RpcError(GrpcStatus.RESOURCE_EXHAUSTED, text);
    }
    const list = new ProtobufWriter();
    for (const name of ['', ...services.keys()]) {
      const status = name === '' ? this.#ownStatus : this.#statusOf(name, services);
      list.message(1, new ProtobufWriter().text(1, name).blob(2, response(status)));
    }
    return list.bytes;
  }

  #watch(service: string, call: OpenCall): OpenCallEvents {
    if (this.#watchers.size >= MOST_WATCHERS) {
      const text = `there are ${MOST_WATCHERS} calls of Watch already, which is the most there may be`;
      throw new RpcError(GrpcStatus.RESOURCE_EXHAUSTED, text);
    }
    const watcher: Watcher = { service, call, told: undefined };
    this.#watchers.add(watcher);
    this.#timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
    this.look();
    return {
      onTaken: () => this.look(),
      onOver: () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  /**
   * An upstream has no endpoint any more. Those who watch it are told so, even if it has one again before the next look: a call may
   * try an endpoint again within a second. The next look tells them what is then.
   */
  upstreamIsOut(upstream: string): void {
    if (this.#watchers.size === 0) return;
    const names = this.#state.namesUsing(upstream);
    for (const watcher of this.#watchers) if (names.has(watcher.service)) tell(watcher, NOT_SERVING);
  }

  /** Tells those who watch what has changed: at once what is known here, and the rest when the processes that carry calls have answered. */
  look(): void {
    try {
      this.#look();
    } catch (error) {
      this.#onFault(error);
    }
  }

  #look(): void {
    const { ready } = this.#state.readiness();
    let isAskedFor = false;
    for (const watcher of this.#watchers) {
      if (watcher.service === '') tell(watcher, this.#ownStatus);
      else if (!ready && watcher.told === SERVING) tell(watcher, NOT_SERVING);
      else isAskedFor = true;
    }
    if (isAskedFor)
      this.#ask()
        .then((services) => this.#tellAll(services))
        .catch(this.#onFault);
  }

  #tellAll(services: ReadonlyMap<string, boolean>): void {
    for (const watcher of this.#watchers)
      if (watcher.service !== '') tell(watcher, this.#statusOf(watcher.service, services));
  }

  get #ownStatus(): number {
    return this.#state.readiness().ready ? SERVING : NOT_SERVING;
  }

  #statusOf(service: string, services: ReadonlyMap<string, boolean>): number {
    const hasEndpoint = services.get(service);
    if (hasEndpoint === undefined) return SERVICE_UNKNOWN;
    return hasEndpoint ? this.#ownStatus : NOT_SERVING;
  }

  /** However many ask at a time, the question is put once. */
  #ask(): Promise<ReadonlyMap<string, boolean>> {
    this.#asked ??= this.#state.services().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }
}

function serviceOf(request: Buffer): string {
  return readFields(request).texts.get(1) ?? '';
}

/** HealthCheckResponse. */
function response(status: number): Buffer {
  return new ProtobufWriter().number(1, status).bytes;
}

/** A client that does not read gets the newest status when it does. */
function tell(watcher: Watcher, status: number): void {
  if (watcher.told === status || !watcher.call.isTaken) return;
  watcher.told = status;
  watcher.call.send(response(status));
}
