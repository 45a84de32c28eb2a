// Framegate with a source that names endpoints a thousand times a second: node framegate-with-updates.ts CONFIG UPDATES_PER_SECOND
// There are a hundred upstreams, each told in its turn of the endpoints it has, by turns one and two of them; the calls go to the first.
// Both endpoints are the same service by two addresses, so that calls to either are answered. With 0 updates per second the source is silent.

import { parseAddress } from '../../src/config/address.ts';
import type { Config } from '../../src/config/config.ts';
import type { EndpointState } from '../../src/config/endpoint-update.ts';
import { isFault } from '../../src/config/problem.ts';
import { Proxy } from '../../src/control/proxy.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { DataPlane } from '../../src/plane/data-plane.ts';
import { loadAndVerify } from '../../src/sources/load-configuration.ts';
import type { Source, SourceSink } from '../../src/sources/source.ts';

const UPSTREAMS = 100;
const TICK_MS = 5;

class Rollout implements Source {
  readonly #upstreams: readonly string[];
  /** One endpoint, and two. */
  readonly #endpoints: readonly (readonly EndpointState[])[];
  readonly #perSecond: number;
  #timer: NodeJS.Timeout | undefined = undefined;
  #sent = 0;

  constructor({ upstreams }: Config, perSecond: number) {
    const [address] = upstreams[0].endpoints;
    this.#upstreams = upstreams.map(({ name }) => name);
    this.#endpoints = [[{ address: another(address.text) }, { address }], [{ address }]];
    this.#perSecond = perSecond;
  }

  start(sink: SourceSink): void {
    if (this.#perSecond === 0) return;
    const startMs = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startMs) / 1000) * this.#perSecond;
      while (this.#sent < due) this.#name(sink);
    }, TICK_MS);
  }

  #name(sink: SourceSink): void {
    const turn = Math.floor(this.#sent / UPSTREAMS);
    const upstream = this.#upstreams[this.#sent % UPSTREAMS];
    sink.endpoints({ upstream, version: ++this.#sent, endpoints: this.#endpoints[turn % 2] });
  }

  judged(): void {
    // It offers no configuration.
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function another(text: string): EndpointState['address'] {
  const address = parseAddress(text.replace('127.0.0.1', '[::ffff:127.0.0.1]'), 'connect');
  if (isFault(address)) throw new Error(address.message);
  return address;
}

const [, , file = '', perSecond = '0'] = process.argv;
const loaded = loadAndVerify(file);
if ('problems' in loaded) throw new Error(loaded.problems.map(({ message }) => message).join('; '));
const [service] = loaded.config.upstreams;
const config: Config = {
  ...loaded.config,
  upstreams: Array.from({ length: UPSTREAMS }, (_, index) =>
    index === 0 ? service : { ...service, name: `other-${index}` },
  ),
};
const destination = new LogDestination({ fd: 1 });
const logger = createLogger(config.log, destination);
const plane = new DataPlane({ config, logger, destination });
const proxy = await Proxy.start(plane, config, logger, { sources: [new Rollout(config, Number(perSecond))] });
process.once('SIGTERM', () => {
  void proxy
    .drain()
    .then(() => destination.close())
    .then(() => process.exit());
});
