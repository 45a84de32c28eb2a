// `framegate top`: shows what the routes and endpoints of a running proxy do, again and again.

import { setTimeout as delay } from 'node:timers/promises';
import { type AdminTarget } from '../control/admin-target.ts';
import { fieldOf, numberOf } from '../control/answer-fields.ts';
import { askAdmin } from '../control/ask-admin.ts';
import { harmlessJson } from '../observability/json-text.ts';
import { ADMIN_OPTIONS_HELP, adminOptions, describeOtherProxy, findAdmin } from './admin-client.ts';
import { FullScreen } from './full-screen.ts';
import { MetricsReading } from './metrics-reading.ts';
import { readOptions } from './options.ts';
import { PatientOutput } from './patient-output.ts';
import { topFigures } from './top-figures.ts';
import { type InFlight, type TopPage, topLines } from './top-page.ts';

const usage = `Usage: framegate top [--admin ADDRESS | -c FILE] [--token-file FILE]
                     [--once] [--interval N] [--json]

Shows the routes and endpoints of a running proxy, the busiest first, every
second until Ctrl-C: calls and errors per second, how long half and 99 % of
the calls took at most, and how many calls each side blocks.

      --once           shows one interval, and ends
      --interval N     seconds between two looks, 1 to 3600 (default: 1)
      --json           one JSON object per interval
${ADMIN_OPTIONS_HELP}
  -h, --help           show this help

Exit code: 0, or 1 when there is no such proxy.
`;

const options = {
  ...adminOptions,
  once: { type: 'boolean', default: false },
  interval: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
} as const;

/** Another look follows soon, so this is the time in which a proxy that is well answers. */
const ANSWER_WITHIN_MS = 5000;
const BLOCKERS = ['client', 'service', 'framegate'] as const;
interface Look {
  readonly reading: MetricsReading;
  readonly inFlight: InFlight;
}

interface TopParts {
  readonly admin: AdminTarget;
  readonly isOnce: boolean;
  readonly isJson: boolean;
  readonly intervalMs: number;
}

export async function top(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(argv, options);
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage.trimEnd()}`);
  const { values } = parsed;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const seconds = /^\d{1,4}$/.test(values.interval) ? Number(values.interval) : 0;
  if (seconds < 1 || seconds > 3600) return fail('--interval must be a whole number of seconds, 1 to 3600');
  const found = findAdmin(values);
  if (typeof found === 'string') return fail(found);
  if (found.fault !== undefined) process.stderr.write(`framegate top: ${found.fault}\n`);
  const other = await describeOtherProxy(found);
  if (other !== undefined) process.stderr.write(`framegate top: ${other}\n`);
  const { once: isOnce, json: isJson } = values;
  return new Top({ admin: found, isOnce, isJson, intervalMs: seconds * 1000 }).run();
}

class Top {
  readonly #parts: TopParts;
  /** Aborted at Ctrl-C, or when nobody reads the output. */
  readonly #end = new AbortController();
  readonly #output = new PatientOutput(process.stdout, () => this.#end.abort());
  /** Undefined where the output is no terminal, or ends after one page. */
  readonly #screen: FullScreen | undefined;
  #shown: readonly string[] | TopPage = [];

  constructor(parts: TopParts) {
    this.#parts = parts;
    const { stdout } = process;
    const hasScreen = stdout.isTTY && !parts.isJson && !parts.isOnce;
    this.#screen = hasScreen ? new FullScreen(stdout, this.#output, () => void this.#draw()) : undefined;
  }

  /** Resolves to the exit code. */
  async run(): Promise<number> {
    const { admin } = this.#parts;
    const stop = (): void => this.#end.abort();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    const first = await lookAt(admin);
    if (typeof first === 'string') return fail(first);
    this.#screen?.enter();
    try {
      return await this.#repeat(first);
    } finally {
      this.#screen?.leave();
    }
  }

  async #repeat(first: Look): Promise<number> {
    const { admin, isOnce, intervalMs } = this.#parts;
    const { signal } = this.#end;
    let before = first;
    for (;;) {
      await delay(intervalMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return 0;
      const now = await lookAt(admin);
      if (signal.aborted) return 0;
      if (typeof now === 'string' && isOnce) return fail(now);
      if (typeof now === 'string') await this.#showGone(now);
      else {
        await this.#show(pageOf(admin, before, now));
        if (isOnce) return 0;
        before = now;
      }
    }
  }

  #show(page: TopPage): Promise<void> | undefined {
    if (this.#parts.isJson) return this.#output.write(`${harmlessJson(JSON.stringify(jsonOf(page)))}\n`);
    this.#shown = page;
    if (this.#screen !== undefined) return this.#draw();
    return this.#output.write(`${topLines(page, undefined, process.stdout).join('\n')}\n\n`);
  }

  /** The proxy may come back, as after a restart. */
  #showGone(why: string): Promise<void> | undefined {
    if (this.#screen === undefined) {
      process.stderr.write(`framegate top: ${why}\n`);
      return undefined;
    }
    this.#shown = [`${why}; waiting for it to come back`];
    return this.#draw();
  }

  /** Draws what is shown once more, as at a change of the terminal's size. */
  #draw(): Promise<void> | undefined {
    const screen = this.#screen;
    if (screen === undefined) return undefined;
    const { size } = screen;
    const shown = this.#shown;
    return screen.show(
      'figures' in shown
        ? topLines(shown, size, process.stdout)
        : shown.flatMap((line) => line.match(new RegExp(`.{1,${Math.max(1, size.columns)}}`, 'g')) ?? []),
    );
  }
}

function pageOf({ address }: AdminTarget, before: Look, now: Look): TopPage {
  const figures = topFigures(before.reading, now.reading);
  return { address: address.text, time: new Date(), figures, inFlight: now.inFlight };
}

function jsonOf({ time, figures, inFlight }: TopPage): unknown {
  return { time: time.toISOString(), inFlight, ...figures };
}

/** @returns a sentence if the proxy cannot be asked */
async function lookAt(admin: AdminTarget): Promise<Look | string> {
  const [metrics, ...blocked] = await Promise.all([
    askAdmin(admin, 'GET', '/metrics', { timeoutMs: ANSWER_WITHIN_MS }),
    ...BLOCKERS.map((blocker) =>
      askAdmin(admin, 'GET', `/api/exchanges?limit=1&blocked=${blocker}`, { timeoutMs: ANSWER_WITHIN_MS }),
    ),
  ]);
  if (typeof metrics === 'string') return metrics;
  const counts: number[] = [];
  let total = 0;
  for (const answer of blocked) {
    if (typeof answer === 'string') return answer;
    counts.push(numberOf(fieldOf(answer.body, 'matching')));
    total = numberOf(fieldOf(answer.body, 'total'));
  }
  const [client, service, framegate] = counts;
  const text = typeof metrics.body === 'string' ? metrics.body : '';
  if (!text.includes('framegate_exchanges_active') || Number.isNaN(total + client + service + framegate))
    return `what answers on ${admin.address.text} is no admin server of a Framegate that lists its calls`;
  const reading = new MetricsReading(text, performance.now());
  return { reading, inFlight: { total, blocked: { client, service, framegate } } };
}

function fail(message: string): number {
  process.stderr.write(`framegate top: ${message}\n`);
  return 1;
}
