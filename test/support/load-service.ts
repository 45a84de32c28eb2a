// A service that reports its load (xds.service.orca.v3.OpenRcaService) as it is told, on real sockets and frame by frame. Other calls
// succeed at once.

import type { TestContext } from 'node:test';
import { loadReportOf, type ReportedLoad } from './load-report.ts';
import { startRawUpstream } from './proxy-under-test.ts';
import type { RawRequest, RawServer } from './raw-server.ts';

const PATH = '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics';

export interface LoadServiceOptions {
  readonly port?: number;
  /** What it reports when it is asked. Undefined: nothing before it is told. */
  readonly load?: ReportedLoad;
  /** How it answers in place of reports. */
  readonly answer?: (request: RawRequest) => void;
}

export class LoadService {
  readonly server: RawServer;
  /** The requests for load reports. */
  readonly asked: RawRequest[] = [];
  /** How many other calls it has had. */
  calls = 0;
  readonly #answer: ((request: RawRequest) => void) | undefined;
  #load: ReportedLoad | undefined;

  private constructor(server: RawServer, { load, answer }: LoadServiceOptions) {
    this.server = server;
    this.#load = load;
    this.#answer = answer;
  }

  static async start(t: TestContext, options: LoadServiceOptions = {}): Promise<LoadService> {
    const early: RawRequest[] = [];
    let service: LoadService | undefined;
    const { port } = options;
    const server = await startRawUpstream(t, {
      ...(port === undefined ? {} : { port }),
      onRequestEnd: (request) => {
        if (service === undefined) early.push(request);
        else service.#receive(request);
      },
    });
    service = new LoadService(server, options);
    for (const request of early) service.#receive(request);
    return service;
  }

  get address(): string {
    return this.server.address;
  }

  /** Reports this now, and to whoever asks from now on. */
  report(load: ReportedLoad): void {
    this.#load = load;
    for (const request of this.asked) request.sendMessage(loadReportOf(load));
  }

  #receive(request: RawRequest): void {
    if (request.field(':path') !== PATH) {
      this.calls++;
      request.succeed();
      return;
    }
    this.asked.push(request);
    if (this.#answer !== undefined) {
      this.#answer(request);
      return;
    }
    request.sendHeaders();
    if (this.#load !== undefined) request.sendMessage(loadReportOf(this.#load));
  }
}

/** Answers as a gRPC server does that does not know the method. */
export function answerUnimplemented({ peer, streamId }: RawRequest): void {
  const fields = [
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['grpc-status', '12'],
  ] as const;
  peer.sendHeaders(streamId, fields, true);
}
