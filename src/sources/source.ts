// Where a running proxy learns of another configuration, at two speeds: resources (listeners, routes, upstreams) change by prepare and
// commit and make a new epoch; endpoints change at once, and nothing else does.

import type { Config } from '../config/config.ts';
import type { ConfigChanges } from '../config/config-changes.ts';
import type { EndpointUpdate } from '../config/endpoint-update.ts';
import type { ConfigProblem, Origins } from '../config/problem.ts';

/** A whole configuration, with where its source has each part of it from. */
export interface ResourceUpdate extends Origins {
  /** The source's own count: what it said last is the highest. */
  readonly version: number;
  readonly config: Config;
  /** What the source itself has found, besides what keeps it from offering anything. */
  readonly warnings: readonly ConfigProblem[];
}

/** What has become of a configuration that a source has offered. */
export type Verdict =
  /** It is in force. */
  | {
      readonly outcome: 'accepted';
      readonly epoch: number;
      readonly changes: ConfigChanges;
      /** Warnings: those of the source, and what only the running proxy can find. */
      readonly findings: readonly ConfigProblem[];
    }
  /** It cannot be used, and the one before is in force. */
  | { readonly outcome: 'refused'; readonly findings: readonly ConfigProblem[] }
  /** A fault of ours; the one before is in force. */
  | { readonly outcome: 'failed'; readonly error: unknown };

/** Who listens to a source. */
export interface SourceSink {
  /** All or nothing. Is answered by `judged`, and the source offers its next one after that. */
  resources(update: ResourceUpdate): void;
  /** Holds at once, whatever is being prepared. Updates that come quickly one after the other are told as one, the last. */
  endpoints(update: EndpointUpdate): void;
}

export interface Source {
  /** From now on it may speak. */
  start(sink: SourceSink): void;
  /**
   * What has become of what it offered: a file has a line in the log for it, another protocol has an acknowledgement or a condition.
   * Called once for each version.
   */
  judged(verdict: Verdict, version: number): void;
  /** Nobody listens any more: it lets go of its timers and connections. What it has offered may still be judged. Harmless when closed. */
  close(): void;
}
