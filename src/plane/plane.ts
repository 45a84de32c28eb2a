// What carries the calls, as the control of a proxy sees it: this process itself, or the workers it has started. Only the
// control knows files, signals and the admin server.

import type { Change } from '../config/change.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import type { EndpointUpdate, KnownEndpoints } from '../config/endpoint-update.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { OlderEpoch } from './older-epochs.ts';
import type { OverloadReport } from './overload-guard.ts';
import type { TlsUser } from './tls-users.ts';

export interface PlaneListener {
  readonly name: string;
  readonly config: ListenerConfig;
  /** Where it really listens. */
  readonly address: string;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
}

/** Runs now; `calls` are HTTP/1.1 requests as well. */
export interface Load {
  readonly connections: number;
  readonly calls: number;
}

export interface PlaneChange extends Change {
  readonly opened: readonly PlaneListener[];
}

/** One of several processes that carry calls. */
export interface WorkerReport {
  readonly worker: number;
  readonly pid: number;
  readonly state: string;
  /** Of the configuration it serves. */
  readonly epoch: number;
  readonly connections: number;
  readonly streams: number;
}

/** For `/api/config`. */
export interface PlaneReport {
  /** That run now, counted when asked. */
  readonly calls: number;
  /** Exchanges that are still on configurations before the current one, oldest first. */
  readonly olderEpochs: readonly OlderEpoch[];
  /** What each process that carries calls has, and what it may. */
  readonly processes: readonly OverloadReport[];
  /** Where there are any. */
  readonly workers?: readonly WorkerReport[];
  /** Numbers of workers whose part is missing, as they did not answer in time. */
  readonly unanswered?: readonly number[];
}

export interface Plane {
  readonly listeners: readonly PlaneListener[];
  readonly load: Load;
  /** How many processes carry calls, or are to. */
  readonly carriers: number;
  readonly tlsUsers: readonly TlsUser[];
  /** Why it takes no calls, where it takes none. */
  readonly obstacle: string | undefined;
  /**
   * All that can fail of a change, the first configuration's included. Rejects with UnusableConfig and everything that
   * is wrong, and then nothing has changed. Is followed by commit or discard before the next one begins.
   * @param known what sources have said of endpoints, asked for whenever it is needed: at the commit, and for each new process
   */
  prepare(config: Config, epoch: number, known?: () => KnownEndpoints): Promise<PlaneChange>;
  /** These are the endpoints of an upstream from now on: no new epoch, nobody is asked, and nothing that was decided is forgotten. */
  updateEndpoints(update: EndpointUpdate): void;
  diagnoses(): Promise<DiagnosisReport & Pick<PlaneReport, 'unanswered'>>;
  /** What its processes have counted and hold, the figures of the processes included. */
  metrics(): Promise<MetricsSnapshot>;
  report(): Promise<PlaneReport>;
  /** No new connection, two-step GOAWAY, running calls have drain.timeout; resolves when all is closed. */
  drain(): Promise<void>;
}
