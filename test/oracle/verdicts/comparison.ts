// What both proxies have made of the same requests: the differences, and whether they are those that are known.

import type { AskedRequest, Outcome } from './asked-request.ts';
import type { KnownDifference } from './known-differences.ts';

const NOTHING = 'nothing';

interface Difference {
  readonly request: AskedRequest;
  readonly aspect: string;
  readonly framegate: string;
  readonly envoy: string;
}

export class Comparison {
  #requests = 0;
  #same = 0;
  #served = 0;
  readonly #unknown: Difference[] = [];
  readonly #known: ReadonlyMap<KnownDifference, Difference[]>;

  constructor(known: readonly KnownDifference[]) {
    this.#known = new Map(known.map((one) => [one, []]));
  }

  add(request: AskedRequest, framegate: Outcome, envoy: Outcome): void {
    this.#requests++;
    if (framegate.get('answer') === 'served') this.#served++;
    const found = differencesOf(request, framegate, envoy);
    if (found.length === 0) this.#same++;
    for (const difference of found) {
      const [, shown] = [...this.#known].find(([known]) => explains(known, difference)) ?? [];
      (shown ?? this.#unknown).push(difference);
    }
  }

  get isAsKnown(): boolean {
    return this.#unknown.length === 0 && this.#gone.length === 0 && this.#requests > 0;
  }

  /** Differences that no request of a protocol has shown. */
  get #gone(): readonly string[] {
    return [...this.#known].flatMap(([{ of, aspect, framegate }, shown]) =>
      Object.keys(framegate)
        .filter((protocol) => !shown.some(({ request }) => request.protocol === protocol))
        .map((protocol) => `NO LONGER A DIFFERENCE ${of.source} (${protocol}): ${aspect}`),
    );
  }

  lines(): readonly string[] {
    const refused = this.#requests - this.#served;
    return [
      'Known differences:',
      ...[...this.#known].flatMap(([known, shown]) => linesOf(known, shown)),
      '',
      ...this.#unknown.map(
        ({ request, aspect, framegate, envoy }) =>
          `UNKNOWN DIFFERENCE ${request.name} (${request.protocol}): ${aspect}: ${framegate}, with Envoy ${envoy}`,
      ),
      ...this.#gone,
      `${this.#requests} requests, ${this.#served} served and ${refused} refused by Framegate: ${this.#same} were treated alike, ` +
        `${this.#requests - this.#same} not; ${this.#unknown.length} differences are not known, ${this.#gone.length} known ones are gone`,
    ];
  }
}

function linesOf({ aspect, why }: KnownDifference, shown: readonly Difference[]): readonly string[] {
  const names = [...new Set(shown.map(({ request }) => request.name))];
  const texts = new Set(shown.map(({ framegate, envoy }) => `${framegate}, with Envoy ${envoy}`));
  return [
    `  ${names.join('; ')} (${shown.length} requests)`,
    `    ${aspect}: ${[...texts].join('; ')}`,
    `    ${why}`,
  ];
}

/** @returns where they differ. Fields are compared only if both have given the same answer */
function differencesOf(request: AskedRequest, framegate: Outcome, envoy: Outcome): readonly Difference[] {
  const compare = (aspect: string): readonly Difference[] => {
    const [ours, theirs] = [framegate.get(aspect) ?? NOTHING, envoy.get(aspect) ?? NOTHING];
    return ours === theirs ? [] : [{ request, aspect, framegate: ours, envoy: theirs }];
  };
  const answers = compare('answer');
  if (answers.length > 0) return answers;
  return [...new Set([...framegate.keys(), ...envoy.keys()])].flatMap((aspect) => compare(aspect));
}

function explains(known: KnownDifference, { request, aspect, framegate, envoy }: Difference): boolean {
  const { name, protocol } = request;
  return (
    known.of.test(name) &&
    known.aspect === aspect &&
    known.framegate[protocol] === framegate &&
    known.envoy[protocol] === envoy
  );
}
