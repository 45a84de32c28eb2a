// One client sends 10,000 bad tokens each second, each a new one, and others with good tokens call beside it. The p99 of the others may
// at most double, compared with times in which the same client floods another proxy on the machine, as making and sending its calls takes
// processor time wherever they go. Both take turns.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyChild } from '../soak/processes.ts';
import { claimsFor, keySetText, type SigningKey, signingKey, signToken } from '../support/token-issuer.ts';
import { isFloodReport, isTokenReport, type TokenReport } from './flood-messages.ts';
import { type GuardedService, UNARY } from './guarded-proxy.ts';

const CLIENTS = 20;
const PER_SECOND = 10_000;
const WARM_UP_MS = 3000;
/** Of a flood before its effect is measured: the budget of failures is used up within milliseconds. */
const SETTLE_MS = 500;

export interface FloodSettings {
  readonly rounds: number;
  readonly secondsOfPart: number;
  readonly mostRatio: number;
}

interface Part {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: readonly string[];
  /** Of bad tokens. */
  readonly perSecond: number;
  readonly connected: number;
}

function forkOf(file: string): ChildProcess {
  return fork(join(import.meta.dirname, file), { stdio: 'inherit' });
}

async function ask(child: ChildProcess): Promise<unknown> {
  child.send('report');
  const [report]: unknown[] = await once(child, 'message');
  return report;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

class Trial {
  readonly #honest: ChildProcess;
  readonly #key: SigningKey;
  readonly #partMs: number;

  constructor(honest: ChildProcess, key: SigningKey, partMs: number) {
    this.#honest = honest;
    this.#key = key;
    this.#partMs = partMs;
  }

  async #honestReport(): Promise<TokenReport> {
    const report = await ask(this.#honest);
    if (!isTokenReport(report)) throw new Error('the clients with good tokens report something else');
    return report;
  }

  async #measure(): Promise<Pick<Part, 'p50Ms' | 'p99Ms' | 'failures'>> {
    await this.#honestReport();
    await sleep(this.#partMs);
    const { durationsMs, failures } = await this.#honestReport();
    return { p50Ms: quantile(durationsMs, 0.5), p99Ms: quantile(durationsMs, 0.99), failures };
  }

  async alone(): Promise<Part> {
    return { ...(await this.#measure()), perSecond: 0, connected: 0 };
  }

  async withFloodOf(proxy: ProxyChild): Promise<Part> {
    const flooding = forkOf('bad-token-client.ts');
    try {
      const order = { port: proxy.port('clear'), address: '127.66.6.1', path: UNARY };
      flooding.send({ ...order, tokens: badTokens(this.#key), perSecond: PER_SECOND });
      await sleep(SETTLE_MS);
      const before = await ask(flooding);
      const startedMs = performance.now();
      const measured = await this.#measure();
      const after = await ask(flooding);
      if (!isFloodReport(before) || !isFloodReport(after))
        throw new Error('the flood reports something else');
      const seconds = (performance.now() - startedMs) / 1000;
      const perSecond = (after.answered - before.answered) / seconds;
      return { ...measured, perSecond, connected: after.connected };
    } finally {
      const ended = once(flooding, 'exit');
      flooding.disconnect();
      await ended;
    }
  }
}

/** Each takes another way through the proxy. The signature of each call is changed, so that the first is forged. */
function badTokens(key: SigningKey): readonly string[] {
  const claims = claimsFor('mallory');
  return [
    signToken(key, claims),
    signToken(key, claims),
    signToken(key, claims, { kid: 'unknown' }),
    signToken(key, { ...claims, exp: 1 }),
  ];
}

/** @returns what is not as promised */
export async function flood(service: GuardedService, settings: FloodSettings): Promise<readonly string[]> {
  const key = signingKey('flooded');
  const jwks = join(service.folder, 'flooded-keys.json');
  writeFileSync(jwks, keySetText([key]));
  const [here, elsewhere] = [await service.startProxy({ jwks }), await service.startProxy({ jwks })];
  const honest = forkOf('good-token-clients.ts');
  try {
    const tokens = Array.from({ length: CLIENTS }, (_, index) => signToken(key, claimsFor(`user-${index}`)));
    honest.send({ port: here.port('clear'), path: UNARY, tokens });
    await sleep(WARM_UP_MS);
    const trial = new Trial(honest, key, settings.secondsOfPart * 1000);
    const rounds = [];
    for (let round = 0; round < settings.rounds; round++)
      rounds.push({
        alone: await trial.alone(),
        elsewhere: await trial.withFloodOf(elsewhere),
        here: await trial.withFloodOf(here),
      });
    return judge(rounds, settings.mostRatio, here);
  } finally {
    honest.disconnect();
  }
}

type Round = Readonly<Record<'alone' | 'elsewhere' | 'here', Part>>;

function judge(rounds: readonly Round[], mostRatio: number, here: ProxyChild): readonly string[] {
  for (const { alone, elsewhere, here: flooded } of rounds) {
    const told = [alone, elsewhere, flooded].map(
      ({ p50Ms, p99Ms }) => `${p50Ms.toFixed(1)} and ${p99Ms.toFixed(1)}`,
    );
    console.log(
      `flood: p50 and p99 of good calls in ms: ${told[0]} without it, ${told[1]} with it at another proxy (${elsewhere.perSecond.toFixed(0)}/s), ` +
        `${told[2]} with it here (${flooded.perSecond.toFixed(0)} bad tokens/s, ${flooded.connected} connections)`,
    );
  }
  const ratio = quantile(
    rounds.map((round) => round.here.p99Ms / round.elsewhere.p99Ms),
    0.5,
  );
  const ofAlone = quantile(
    rounds.map((round) => round.here.p99Ms / round.alone.p99Ms),
    0.5,
  );
  console.log(
    `flood: p99 of good calls is ${ratio.toFixed(2)} times that with the flood at another proxy, and ${ofAlone.toFixed(2)} times that without it (medians of ${rounds.length} rounds)`,
  );
  const parts = rounds.flatMap((round) => Object.values(round));
  const failures = parts.flatMap((part) => part.failures);
  const faults = failures.slice(0, 3).map((failure) => `a call with a good token failed: ${failure}`);
  if (!(ratio <= mostRatio)) faults.push(`the p99 of good calls has grown ${ratio.toFixed(2)} times`);
  if (!rounds.every(({ here: { perSecond } }) => perSecond > 0)) faults.push('no bad token was answered');
  if (here.hasExited) faults.push('the proxy has ended');
  return faults;
}
