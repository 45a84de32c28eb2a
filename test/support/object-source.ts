// A source for tests, as in ARCHITECTURE's recipe. Its configuration consists of named objects, as in Kubernetes, and its endpoints can
// change. It reads no file.

import assert from 'node:assert/strict';
import { type Address, parseAddress } from '../../src/config/address.ts';
import type { ConfigPath } from '../../src/config/config-path.ts';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { formatProblem, isFault, type Origin } from '../../src/config/problem.ts';
import type { Source, SourceSink, Verdict } from '../../src/sources/source.ts';

const KINDS: Readonly<Record<string, string>> = {
  listeners: 'Gateway',
  routes: 'GRPCRoute',
  upstreams: 'Service',
};

export class ObjectSource implements Source {
  readonly verdicts: Verdict[] = [];
  /** The errors and warnings so far, as the owner of the object would see them. */
  readonly findings: string[] = [];
  readonly #waiting: string[] = [];
  #sink: SourceSink | undefined = undefined;
  #version = 0;
  #isJudging = false;
  #endpointVersion = 0;

  start(sink: SourceSink): void {
    this.#sink = sink;
    this.#offer();
  }

  close(): void {
    this.#sink = undefined;
  }

  judged(verdict: Verdict, version: number): void {
    assert.equal(version, this.#version);
    this.verdicts.push(verdict);
    if ('findings' in verdict) this.findings.push(...verdict.findings.map(formatProblem));
    this.#isJudging = false;
    this.#offer();
  }

  /** Offers another configuration, after the verdict on the previous one. @param text YAML that stands for the objects */
  change(text: string): void {
    this.#waiting.push(text);
    this.#offer();
  }

  #offer(): void {
    if (this.#sink === undefined || this.#isJudging) return;
    const text = this.#waiting.shift();
    if (text === undefined) return;
    const loaded = parseConfig(text, 'objects');
    if ('problems' in loaded) assert.fail(loaded.problems.map(formatProblem).join('\n'));
    const version = ++this.#version;
    this.#isJudging = true;
    this.#sink.resources({ config: loaded.config, warnings: [], version, originOf: originOfObject });
  }

  /** Sends an update of endpoints. @param version an old version, for an update that arrives late */
  name(upstream: string, addresses: readonly string[], version = ++this.#endpointVersion): void {
    const endpoints = addresses.map((text) => endpointAt(addressOf(text)));
    this.#sink?.endpoints({ upstream, version, endpoints });
  }
}

function originOfObject([section = '', name = '']: ConfigPath): Origin {
  return { text: `${KINDS[section] ?? 'Proxy'} shop/${name}` };
}

export function addressOf(text: string): Address {
  const address = parseAddress(text, 'connect');
  if (isFault(address)) assert.fail(address.message);
  return address;
}
