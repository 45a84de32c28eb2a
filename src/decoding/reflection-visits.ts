// Lets another process ask services for descriptors, since a service may end, fill or hold up the process that reads its answers: Node's HTTP/2 client
// has aborted after what a service sent. Each visit has a process of its own, so it is known which service has ended it.

import { AskedProcess, NoAnswer, type PeerParts, type Question } from './asked-process.ts';
import type { DescriptorFiles } from './descriptors.ts';
import { InTurn } from './in-turn.ts';
import { type ReflectionQuestion, readDescribed, readListed } from './reflection-messages.ts';
import type { ReflectionTarget } from './reflection-stream.ts';
import type { Refusal } from './refusal.ts';

/** The process leaves a service after five seconds, and says so. On a busy machine that takes longer. */
const ANSWER_WITHIN_MS = 15_000;
/** How many processes one address may end. */
const MOST_ENDED_BY_ONE = 3;
/** How many processes may end in all: addresses come and go. */
const MOST_ENDED = 20;

/** A service while it is visited. The promises reject with an Error whose message is a sentence. */
export interface VisitedService {
  readonly list: () => Promise<ReadonlySet<string>>;
  /** @param service its full name */
  readonly describe: (service: string) => Promise<DescriptorFiles>;
}

/** Lets `use` ask a service until it resolves. One service is visited at a time. */
export type Visit = <Result>(
  target: ReflectionTarget,
  use: (visited: VisitedService) => Promise<Result>,
) => Promise<Result>;

export class ReflectionVisits {
  readonly #parts: PeerParts;
  readonly #turn = new InTurn();
  /** How many processes each address has ended, or held up until they were ended. */
  readonly #ended = new Map<string, number>();
  #endedInAll = 0;

  constructor(parts: PeerParts) {
    this.#parts = parts;
  }

  readonly visit: Visit = (target, use) =>
    this.#turn.run(async () => {
      const process = new AskedProcess(this.#parts);
      try {
        return await use(this.#visited(target, process));
      } finally {
        process.end();
      }
    });

  #visited({ address: { text: address }, isTls }: ReflectionTarget, process: AskedProcess): VisitedService {
    const ask = async <Answer>(
      question: ReflectionQuestion,
      read: Question<Answer | Refusal>['read'],
    ): Promise<Answer | Refusal> => {
      this.#refuseTooMany(address);
      const answer = await process.ask({ request: question, withinMs: ANSWER_WITHIN_MS, read });
      if (!(answer instanceof NoAnswer)) return answer;
      this.#endedInAll++;
      this.#ended.set(address, this.#endedBy(address) + 1);
      throw new Error(`${address} cannot be asked for descriptors: the process that asked it ${answer.what}`);
    };
    return {
      list: async () => {
        const answer = await ask({ kind: 'list', address, isTls }, readListed);
        if (answer.kind === 'refused') throw new Error(answer.why);
        return new Set(answer.services);
      },
      describe: async (service) => {
        const answer = await ask({ kind: 'describe', address, isTls, service }, readDescribed);
        if (answer.kind === 'refused') throw new Error(answer.why);
        return { areSets: false, files: answer.files };
      },
    };
  }

  #refuseTooMany(address: string): void {
    const ended = this.#endedBy(address);
    if (ended >= MOST_ENDED_BY_ONE)
      throw new Error(
        `${address} is not asked for descriptors any more, since it cost ${ended} processes that asked it`,
      );
    if (this.#endedInAll >= MOST_ENDED)
      throw new Error(
        `no service is asked for descriptors any more, since that cost ${this.#endedInAll} processes`,
      );
  }

  #endedBy(address: string): number {
    return this.#ended.get(address) ?? 0;
  }
}
