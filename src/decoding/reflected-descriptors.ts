// Descriptors by the reflection of the services whose messages are decoded. A service is asked when its first message comes. Clients choose the
// names of services in paths, so only services that are listed are asked for.

import { isDeepStrictEqual } from 'node:util';
import { parseAddress } from '../config/address.ts';
import { listServices, reflectDescriptors } from './ask-reflection.ts';
import type { DescriptorFiles } from './descriptors.ts';
import type { DescriptorSource, SeenMessage } from './message-decoder.ts';
import type { ReflectionTarget } from './reflection-stream.ts';

/** A service that was not there, or has not had a method, is not asked again before this time is over. */
const AGAIN_AFTER_MS = 30_000;
/** How many upstreams are remembered. */
const MOST_UPSTREAMS = 256;
/** The files of all services. When there are more, all are forgotten and asked for again. */
const MOST_KEPT_BYTES = 64 * 1024 * 1024;

interface Asked<Answer> {
  readonly answer: Answer | string;
  readonly atMs: number;
}

interface Upstream {
  listed: Asked<ReadonlySet<string>> | undefined;
  readonly services: Map<string, Asked<DescriptorFiles>>;
}

export class ReflectedDescriptors implements DescriptorSource {
  readonly #target: ReflectionTarget | undefined;
  readonly #endpointOf: (upstream: string) => Promise<string>;
  readonly #now: () => number;
  readonly #upstreams = new Map<string, Upstream>();
  #keptBytes = 0;

  /**
   * @param target who is asked for everything. Undefined: the endpoint of each call is asked, in plaintext
   * @param endpointOf returns some endpoint of an upstream, or '', for calls that have no endpoint yet. Must not reject
   */
  constructor(
    target: ReflectionTarget | undefined,
    endpointOf: (upstream: string) => Promise<string>,
    now: () => number = () => performance.now(),
  ) {
    this.#target = target;
    this.#endpointOf = endpointOf;
    this.#now = now;
  }

  async find(service: string, { upstream, endpoint }: SeenMessage): Promise<DescriptorFiles | string> {
    const known = this.#upstreamOf(this.#target === undefined ? upstream : '');
    const found = known.services.get(service);
    if (found !== undefined && this.#isFresh(found)) return found.answer;
    const target = await this.#targetFor({ upstream, endpoint });
    if (target === undefined) return 'its call has no endpoint yet that could be asked for descriptors';
    if (known.listed === undefined || !this.#isFresh(known.listed))
      known.listed = await this.#ask(listServices(target));
    const { answer: listed } = known.listed;
    if (typeof listed === 'string') return listed;
    if (!listed.has(service)) return this.#unlisted(service, target, known);
    const asked = await this.#ask(reflectDescriptors(target, service));
    this.#keep(known, service, asked);
    return asked.answer;
  }

  /** What was found stays if there is nothing newer, or if the service cannot be asked now. */
  async renew(service: string, message: SeenMessage): Promise<DescriptorFiles | undefined> {
    const known = this.#upstreamOf(this.#target === undefined ? message.upstream : '');
    const found = known.services.get(service);
    if (found === undefined || typeof found.answer === 'string' || this.#isYoung(found)) return undefined;
    // Before the question, so that there is one at a time.
    known.services.set(service, { answer: found.answer, atMs: this.#now() });
    const target = await this.#targetFor(message);
    if (target === undefined) return undefined;
    const asked = await this.#ask(reflectDescriptors(target, service));
    if (typeof asked.answer === 'string' || isDeepStrictEqual(asked.answer, found.answer)) return undefined;
    this.#keep(known, service, asked);
    return asked.answer;
  }

  async #targetFor({
    upstream,
    endpoint,
  }: Pick<SeenMessage, 'upstream' | 'endpoint'>): Promise<ReflectionTarget | undefined> {
    return this.#target ?? targetOf(endpoint === '' ? await this.#endpointOf(upstream) : endpoint);
  }

  /** The service is asked again when the time is over. */
  onRefused(service: string, { upstream }: SeenMessage, why: string): void {
    const known = this.#upstreamOf(this.#target === undefined ? upstream : '');
    this.#keep(known, service, { answer: why, atMs: this.#now() });
  }

  #keep(known: Upstream, service: string, asked: Asked<DescriptorFiles>): void {
    this.#keptBytes += bytesOf(asked) - bytesOf(known.services.get(service));
    if (this.#keptBytes > MOST_KEPT_BYTES) {
      for (const { services } of this.#upstreams.values()) services.clear();
      this.#keptBytes = 0;
    }
    known.services.set(service, asked);
  }

  /** A deployment may have brought the service. */
  #unlisted(service: string, target: ReflectionTarget, known: Upstream): string {
    if (known.listed !== undefined && this.#now() - known.listed.atMs >= AGAIN_AFTER_MS)
      known.listed = undefined;
    return `${target.address.text} does not list ${service} by reflection`;
  }

  #isFresh(asked: Asked<unknown>): boolean {
    return typeof asked.answer !== 'string' || this.#isYoung(asked);
  }

  #isYoung({ atMs }: Asked<unknown>): boolean {
    return this.#now() - atMs < AGAIN_AFTER_MS;
  }

  async #ask<Answer>(answer: Promise<Answer>): Promise<Asked<Answer>> {
    return { answer: await answer.catch(whyNot), atMs: this.#now() };
  }

  #upstreamOf(name: string): Upstream {
    const known = this.#upstreams.get(name);
    if (known !== undefined) return known;
    if (this.#upstreams.size >= MOST_UPSTREAMS) this.#upstreams.clear();
    const made: Upstream = { listed: undefined, services: new Map() };
    this.#upstreams.set(name, made);
    return made;
  }
}

function bytesOf(asked: Asked<DescriptorFiles> | undefined): number {
  if (asked === undefined || typeof asked.answer === 'string') return 0;
  return asked.answer.files.reduce((sum, { length }) => sum + length, 0);
}

function targetOf(endpoint: string): ReflectionTarget | undefined {
  const address = endpoint === '' ? { message: '' } : parseAddress(endpoint, 'connect');
  return 'message' in address ? undefined : { address, isTls: false };
}

function whyNot(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
