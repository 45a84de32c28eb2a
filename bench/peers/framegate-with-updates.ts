// Framegate with a source that updates endpoints at a fixed rate: node framegate-with-updates.ts CONFIG UPDATES_PER_SECOND
// There are a hundred upstreams with two endpoints each, and all calls go to the first upstream. The source replaces the second endpoint
// of one upstream after the other. All endpoints are the same service at different addresses, so that every call is answered. If the rate
// is 0, each upstream is updated once.

import { type Address, parseAddress } from '../../src/config/address.ts';
import type { Config } from '../../src/config/config.ts';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { isFault } from '../../src/config/problem.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import { Proxy } from '../../src/control/proxy.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { DataPlane } from '../../src/plane/data-plane.ts';
import { loadAndVerify } from '../../src/sources/load-configuration.ts';
import type { Source, SourceSink } from '../../src/sources/source.ts';

const UPSTREAMS = 100;
const TICK_MS = 5;
/** Other ways to write 127.0.0.1, each of which counts as a different endpoint. */
const ANOTHER = ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]'];

class Rollout implements Source {
  readonly #upstreams: readonly string[];
  /** The two lists of endpoints between which each upstream changes. */
  readonly #endpoints: readonly (readonly EndpointState[])[];
  readonly #perSecond: number;
  #timer: NodeJS.Timeout | undefined = undefined;
  #sent = 0;

  constructor({ upstreams }: Config, perSecond: number) {
    const [known] = upstreams[0].endpoints;
    this.#upstreams = upstreams.map(({ name }) => name);
    this.#endpoints = ANOTHER.map((host) => [known, endpointAt(another(known.address.text, host))]);
    this.#perSecond = perSecond;
  }

  start(sink: SourceSink): void {
    while (this.#sent < UPSTREAMS) this.#name(sink);
    if (this.#perSecond === 0) return;
    const startMs = performance.now();
    this.#timer = setInterval(() => {
      const due = UPSTREAMS + ((performance.now() - startMs) / 1000) * this.#perSecond;
      while (this.#sent < due) this.#name(sink);
    }, TICK_MS);
  }

  #name(sink: SourceSink): void {
    const turn = Math.floor(this.#sent / UPSTREAMS);
    const upstream = this.#upstreams[this.#sent % UPSTREAMS];
    sink.endpoints({ upstream, version: ++this.#sent, endpoints: this.#endpoints[turn % 2] });
  }

  judged(): void {
    // This source offers no configuration, so there is nothing to judge.
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function another(text: string, host: string): Address {
  const address = parseAddress(text.replace('127.0.0.1', host), 'connect');
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
