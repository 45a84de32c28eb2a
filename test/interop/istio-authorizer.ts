// Istio's sample authorizer, which speaks Envoy's ext_authz v3 with Envoy's own Go library, built once and run as a process.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { goProgram } from './go-program.ts';

const PACKAGE = 'istio.io/istio/samples/extauthz/cmd/extauthz@v0.0.0-20260827124520-eed52ebb66ad';

export class IstioAuthorizer {
  /** Where it is asked by gRPC. It keeps it when it is started again. */
  readonly port: number;
  readonly #httpPort: number;
  readonly #program: string;
  #process: ChildProcess | undefined = undefined;

  private constructor(program: string, port: number, httpPort: number) {
    this.#program = program;
    this.port = port;
    this.#httpPort = httpPort;
  }

  /** The first time, Go builds it in under a minute. @returns undefined if there is no Go that can build it: then it says so */
  static async build(): Promise<IstioAuthorizer | undefined> {
    const program = goProgram('extauthz', PACKAGE);
    return program === undefined
      ? undefined
      : new IstioAuthorizer(program, await freePort(), await freePort());
  }

  /** Resolves when it accepts connections. */
  async start(): Promise<void> {
    const args = ['-grpc', String(this.port), '-http', String(this.#httpPort)];
    this.#process = spawn(this.#program, args, { stdio: 'ignore' });
    await eventually('the authorizer listens', () => this.#accepts());
  }

  #accepts(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = connect({ host: '127.0.0.1', port: this.port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    return promise.finally(() => socket.destroy());
  }

  /** Kills it. May be called twice. */
  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }
}
