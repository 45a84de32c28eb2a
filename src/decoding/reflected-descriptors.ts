// Descriptors by the reflection of the services whose messages are decoded. A service is asked when its first message comes. Clients choose the
// names of services in paths, so only services that are listed are asked for.

import { isDeepStrictEqual } from 'node:util';
import { parseAddress } from '../config/address.ts';
import type { DescriptorFiles } from './descriptors.ts';
import type { DescriptorSource, SeenMessage } from './message-decoder.ts';
import { bytesOf } from './reflection-messages.ts';
import type { ReflectionTarget } from './reflection-stream.ts';
import type { Visit, VisitedService } from './reflection-visits.ts';

/** A service that was not there, or has not had a method, is not asked again before this time is over. */
const AGAIN_AFTER_MS = 30_000;
/** How many upstreams are remembered. */
const MOST_UPSTREAMS = 256;
/** What all services have said of themselves. When there is more, all is forgotten and asked for again. */
const MOST_KEPT_BYTES = 64 * 1024 * 1024;

/** Roughly what an entry of a map takes beside its text. */
const ENTRY_BYTES = 100;

type Answer = ReadonlySet<string> | DescriptorFiles;

/** `answer`: a sentence if there is none. */
interface Asked<Said extends Answer> {
  readonly answer: Said | string;
  readonly atMs: number;
}

interface Upstream {
  listed: Asked<ReadonlySet<string>> | undefined;
  readonly services: Map<string, Asked<DescriptorFiles>>;
}

export interface ReflectionParts {
  /** Who is asked for everything. Undefined: the endpoint of each call is asked, in plaintext. */
  readonly target: ReflectionTarget | undefined;
  /** @returns some endpoint of an upstream, or '', for calls that have no endpoint yet. Must not reject */
  readonly endpointOf: (upstream: string) => Promise<string>;
  readonly visit: Visit;
  /** In milliseconds. */
  readonly now?: () => number;
}

export class ReflectedDescriptors implements DescriptorSource {
  readonly #target: ReflectionTarget | undefined;
  readonly #endpointOf: (upstream: string) => Promise<string>;
  readonly #visit: Visit;
  readonly #now: () => number;
  readonly #upstreams = new Map<string, Upstream>();

  constructor({ target, endpointOf, visit, now = () => performance.now() }: ReflectionParts) {
    this.#target = target;
    this.#endpointOf = endpointOf;
    this.#visit = visit;
    this.#now = now;
  }

  async find(service: string, { upstream, endpoint }: SeenMessage): Promise<DescriptorFiles | string> {
    const known = this.#upstreamOf(this.#target === undefined ? upstream : '');
    const found = known.services.get(service);
    if (found !== undefined && this.#isFresh(found)) return found.answer;
    const target = await this.#targetFor({ upstream, endpoint });
    if (target === undefined) return 'its call has no endpoint yet that could be asked for descriptors';
    return this.#visit(target, async (visited) => {
      const listed = await this.#listed(known, visited);
      if (typeof listed === 'string') return listed;
      if (!listed.has(service)) return this.#unlisted(service, target, known);
      const asked = await this.#ask(visited.describe(service));
      this.#keep(known, service, asked);
      return asked.answer;
    });
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
    const asked = await this.#visit(target, (visited) => this.#ask(visited.describe(service)));
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

  async #listed(known: Upstream, visited: VisitedService): Promise<ReadonlySet<string> | string> {
    if (known.listed !== undefined && this.#isFresh(known.listed)) return known.listed.answer;
    const listed = await this.#ask(visited.list());
    this.#makeRoom(listed);
    known.listed = listed;
    return listed.answer;
  }

  #keep(known: Upstream, service: string, asked: Asked<DescriptorFiles>): void {
    known.services.delete(service);
    this.#makeRoom(asked);
    known.services.set(service, asked);
  }

  /** Services say how many others there are, so all that is kept counts. */
  #makeRoom(asked: Asked<Answer>): void {
    const kept = Array.from(this.#upstreams.values(), keptBytes);
    if (kept.reduce((sum, bytes) => sum + bytes, sizeOf(asked)) <= MOST_KEPT_BYTES) return;
    for (const upstream of this.#upstreams.values()) {
      upstream.services.clear();
      upstream.listed = undefined;
    }
  }

  /** A deployment may have brought the service. */
  #unlisted(service: string, target: ReflectionTarget, known: Upstream): string {
    if (known.listed !== undefined && this.#now() - known.listed.atMs >= AGAIN_AFTER_MS)
      known.listed = undefined;
    return `${target.address.text} does not list ${service} by reflection`;
  }

  #isFresh(asked: Asked<Answer>): boolean {
    return typeof asked.answer !== 'string' || this.#isYoung(asked);
  }

  #isYoung({ atMs }: Asked<Answer>): boolean {
    return this.#now() - atMs < AGAIN_AFTER_MS;
  }

  async #ask<Said extends Answer>(answer: Promise<Said>): Promise<Asked<Said>> {
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

function keptBytes({ listed, services }: Upstream): number {
  const ofServices = Array.from(services, ([name, asked]) => textBytes(name) + sizeOf(asked));
  return ofServices.reduce((sum, bytes) => sum + bytes, listed === undefined ? 0 : sizeOf(listed));
}

function sizeOf({ answer }: Asked<Answer>): number {
  if (typeof answer === 'string') return textBytes(answer);
  return 'files' in answer
    ? bytesOf(answer.files)
    : [...answer].reduce((sum, name) => sum + textBytes(name), 0);
}

function textBytes(text: string): number {
  return text.length * 2 + ENTRY_BYTES;
}

function targetOf(endpoint: string): ReflectionTarget | undefined {
  const address = endpoint === '' ? { message: '' } : parseAddress(endpoint, 'connect');
  return 'message' in address ? undefined : { address, isTls: false };
}

function whyNot(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
