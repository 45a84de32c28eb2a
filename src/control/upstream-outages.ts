// Says once for this machine, however many processes carry calls, that an upstream has no endpoint left, and that it has one again. What
// becomes of calls meanwhile is not said: those of routes are refused, and those that an authorizer is asked about may pass. What is said
// of each endpoint may be left out where it repeats itself; this is not.

import { counted } from '../config/counted.ts';
import type { Logger } from '../observability/logger.ts';
import { LineBudget } from '../plane/line-budget.ts';
import { outageFields, type UpstreamOutage } from '../plane/outages.ts';

/** Of one upstream and kind, so that one whose only endpoint comes and goes does not fill the log. */
const LINES_IN_A_MINUTE = 10;

/**
 * How long other processes are waited for once one has an endpoint again, for the calls that have found none. A process without calls
 * does not find out, and one that drains may last for days.
 */
const GATHER_MS = 2000;

interface Outage {
  readonly sinceMs: number;
  /** The processes that have no endpoint. */
  readonly carriers: Set<object>;
  /** Calls, and questions of policies, that found none in processes that have one again. */
  refused: number;
  /** When the first process had an endpoint again. Undefined while none has. */
  backMs: number | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class UpstreamOutages {
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  readonly #onOut: (upstream: string) => void;
  readonly #budget = new LineBudget(LINES_IN_A_MINUTE);
  readonly #outages = new Map<string, Outage>();

  /** @param onOut is called whenever a process has lost its last endpoint of an upstream, with its name */
  constructor(logger: Pick<Logger, 'info' | 'warn'>, onOut: (upstream: string) => void = () => undefined) {
    this.#logger = logger;
    this.#onOut = onOut;
  }

  /** As a Plane tells it. */
  readonly told = (carrier: object, outage: UpstreamOutage | undefined): void => {
    if (outage === undefined) {
      for (const upstream of this.#outages.keys()) this.#over(carrier, upstream, 0, false);
      return;
    }
    const { upstream, news } = outage;
    if (news.state !== 'out') {
      this.#over(carrier, upstream, news.refused, news.state === 'back');
      return;
    }
    this.#onOut(upstream);
    const running = this.#outages.get(upstream);
    if (running !== undefined) {
      // Whoever was back is not: the outage goes on.
      running.carriers.add(carrier);
      running.backMs = undefined;
      clearTimeout(running.timer);
      return;
    }
    const [sinceMs, carriers] = [performance.now(), new Set([carrier])];
    this.#outages.set(upstream, { sinceMs, carriers, refused: 0, backMs: undefined, timer: undefined });
    const { sentence, ...known } = outageFields(news.why);
    const fields = this.#fieldsOf('out', upstream, known);
    if (fields === undefined) return;
    const outOfOrder = `no endpoint of upstream ${upstream} can be used, and no call is sent there: ${sentence}`;
    this.#logger.warn(fields, outOfOrder);
  };

  /** @param isBack whether an endpoint can be used again; else the process or its upstream has ended */
  #over(carrier: object, upstream: string, refused: number, isBack: boolean): void {
    const outage = this.#outages.get(upstream);
    if (outage?.carriers.delete(carrier) !== true) return;
    outage.refused += refused;
    if (isBack && outage.backMs === undefined) {
      outage.backMs = performance.now();
      outage.timer = setTimeout(() => this.#end(upstream, outage), GATHER_MS).unref();
    }
    if (outage.carriers.size === 0) this.#end(upstream, outage);
  }

  #end(upstream: string, outage: Outage): void {
    clearTimeout(outage.timer);
    this.#outages.delete(upstream);
    if (outage.backMs === undefined) return;
    const seconds = Math.round((outage.backMs - outage.sinceMs) / 100) / 10;
    const fields = this.#fieldsOf('back', upstream, { seconds, refused: outage.refused });
    if (fields === undefined) return;
    const calls = `${counted(outage.refused, 'call')} found none`;
    const backAgain = `an endpoint of upstream ${upstream} can be used again after ${seconds} s, in which ${calls}`;
    this.#logger.info(fields, backAgain);
  }

  #fieldsOf<Fields>(
    kind: string,
    upstream: string,
    fields: Fields,
  ): (Fields & { readonly upstream: string; readonly leftOut?: number }) | undefined {
    const leftOut = this.#budget.spend(`${kind} ${upstream}`);
    if (leftOut === undefined) return undefined;
    return { upstream, ...fields, ...(leftOut === 0 ? {} : { leftOut }) };
  }
}
