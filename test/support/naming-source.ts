// A source for tests that names endpoints and offers no configuration, as DNS or a registry would.

import assert from 'node:assert/strict';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { Source, SourceSink } from '../../src/sources/source.ts';
import { addressOf } from './object-source.ts';

export class NamingSource implements Source {
  /** What it has named so far. It says so when it is started, since nobody has listened before. */
  readonly #endpoints = new Map<string, readonly string[]>();
  #sink: SourceSink | undefined = undefined;
  #version = 0;

  start(sink: SourceSink): void {
    this.#sink = sink;
    for (const upstream of this.#endpoints.keys()) this.#tell(upstream);
  }

  judged(): void {
    assert.fail('there is nothing to judge');
  }

  close(): void {
    this.#sink = undefined;
  }

  name(upstream: string, addresses: readonly string[]): void {
    this.#endpoints.set(upstream, addresses);
    this.#tell(upstream);
  }

  #tell(upstream: string): void {
    const endpoints = (this.#endpoints.get(upstream) ?? []).map((text) => endpointAt(addressOf(text)));
    this.#sink?.endpoints({ upstream, version: ++this.#version, endpoints });
  }
}
