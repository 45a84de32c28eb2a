// Passes on to the control process which upstreams of this process have no endpoint left. A reload may replace an upstream; what the
// replaced one still reports is ignored.

import { diagnosisCode } from '../diagnosis/codes.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { OutageNews } from '../upstreams/outage.ts';

/** What became of an upstream in one process. */
export interface UpstreamOutage {
  readonly upstream: string;
  readonly news: OutageNews;
}

/** @param carrier the process that carries calls. @param outage undefined when the process has ended */
export type OutageTold = (carrier: object, outage: UpstreamOutage | undefined) => void;

/** What the log says of the reason. */
export function outageFields({ token, sentence }: Diagnosis): Diagnosis & { readonly code: string } {
  return { token, code: diagnosisCode(token), sentence };
}

export class Outages {
  /** By name, the upstream that has told last that it has nobody. */
  readonly #owners = new Map<string, object>();
  #tell: OutageTold | undefined = undefined;

  set onTold(tell: OutageTold) {
    this.#tell = tell;
  }

  /** @param owner stands for the upstream, of which there may be another with the same name */
  note(owner: object, upstream: string, news: OutageNews): void {
    if (news.state === 'out') this.#owners.set(upstream, owner);
    else if (this.#owners.get(upstream) !== owner) return;
    else this.#owners.delete(upstream);
    this.#tell?.(this, { upstream, news });
  }
}
