// A client that makes one call after another while an attacker is at work. Each call has its own name, and the client records how
// it ended.

import type { ProxyUnderTest } from './proxy-under-test.ts';
import type { RawClient } from './raw-client.ts';

export class SteadyClient {
  readonly failures: string[] = [];
  calls = 0;
  readonly #client: RawClient;
  readonly #name: string;
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  private constructor(client: RawClient, name: string) {
    this.#client = client;
    this.#name = name;
  }

  /** Starts a client with an address of its own. */
  static async start(
    proxy: ProxyUnderTest,
    path: string,
    options: { readonly lanes?: number; readonly localAddress?: string } = {},
  ): Promise<SteadyClient> {
    const { lanes = 8, localAddress = '127.0.0.7' } = options;
    const steady = new SteadyClient(await proxy.rawClient('clear', { localAddress }), localAddress);
    const running = Array.from({ length: lanes }, () => steady.#run(path));
    steady.#done = Promise.all(running).then(() => undefined);
    return steady;
  }

  async #run(path: string): Promise<void> {
    while (!this.#isStopped) {
      const name = `${this.#name} ${this.calls++}`;
      const body = Buffer.from([0, 0, 0, 0, 0]);
      try {
        const stream = this.#client.call({ path, fields: [['x-call', name]], body });
        const { grpcStatus, grpcMessage, resetCode } = await this.#client.outcome(stream);
        if (grpcStatus !== '0') this.failures.push(`${name}: ${grpcStatus} ${grpcMessage} ${resetCode}`);
      } catch (error) {
        this.failures.push(`${name}: ${String(error).slice(0, 200)}`);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}
