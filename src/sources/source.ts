// A source tells a running proxy of changes, of two kinds. Resources (listeners, routes, upstreams) change by prepare and commit, and
// make a new epoch. Endpoints change at once, and only they do.

import type { Config } from '../config/config.ts';
import type { ConfigChanges } from '../config/config-changes.ts';
import type { EndpointUpdate } from '../config/endpoint-update.ts';
import type { ConfigProblem, Origins } from '../config/problem.ts';

/** A complete configuration, with the origin of each of its parts. */
export interface ResourceUpdate extends Origins {
  /** The source's own count, higher with each update. */
  readonly version: number;
  readonly config: Config;
  /** The source's own warnings. A source that finds errors offers nothing. */
  readonly warnings: readonly ConfigProblem[];
}

/** The result of offering a configuration. */
export type Verdict =
  /** It is in force. */
  | {
      readonly outcome: 'accepted';
      readonly epoch: number;
      readonly changes: ConfigChanges;
      /** The source's warnings and those that only the running proxy can give. */
      readonly findings: readonly ConfigProblem[];
    }
  /** It cannot be used, and the previous one stays in force. */
  | { readonly outcome: 'refused'; readonly findings: readonly ConfigProblem[] }
  /** The proxy stops, so it uses neither this one nor any later one. The previous one stays in force until the last call has ended. */
  | { readonly outcome: 'abandoned'; readonly reason: string }
  /** A fault of Framegate. The previous one stays in force. */
  | { readonly outcome: 'failed'; readonly error: unknown };

/** The receiver of what a source offers. */
export interface SourceSink {
  /**
   * Offers a configuration, to be used completely or not at all. `judged` brings the result, and the source must wait for it before
   * its next offer.
   */
  resources(update: ResourceUpdate): void;
  /** Applies at once, even while a configuration is being prepared. Of several updates in quick succession only the last is published. */
  endpoints(update: EndpointUpdate): void;
}

export interface Source {
  /** The source may send updates from now on. */
  start(sink: SourceSink): void;
  /**
   * The result of an offer, once for each version. The file source logs it; the source of another protocol may send an acknowledgement
   * or set a condition.
   */
  judged(verdict: Verdict, version: number): void;
  /** Ends the source, with its timers and connections. An earlier offer may still be judged. May be called twice. */
  close(): void;
}
