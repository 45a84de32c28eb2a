// What follows when a worker has ended, or is about to end by what a client has sent: who is blamed, what is given back, and who is told.

import type { LogComplaints } from '../observability/log-complaints.ts';
import type { ConnectionDispatcher } from './connection-dispatcher.ts';
import type { EventRelays } from './event-relays.ts';
import type { RemoteEnd } from './last-words.ts';
import type { PrimaryLog } from './primary-log.ts';
import type { Suspects } from './suspects.ts';
import type { WorkerLoss } from './worker-load.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface WorkerEndsParts {
  readonly complaints: LogComplaints;
  readonly log: PrimaryLog;
  readonly suspects: Suspects;
  readonly dispatcher: ConnectionDispatcher;
  readonly events: EventRelays;
}

export class WorkerEnds {
  readonly #parts: WorkerEndsParts;

  constructor(parts: WorkerEndsParts) {
    this.#parts = parts;
  }

  lossOf(worker: WorkerProcess): WorkerLoss {
    return {
      connections: this.#parts.dispatcher.connectionsOf(worker),
      calls: worker.load.reportedStreams,
    };
  }

  /** If a client has ended the worker, its next connections are kept apart from those of other clients. */
  blame(worker: WorkerProcess, end: RemoteEnd): void {
    const { dispatcher, suspects, log } = this.#parts;
    const address = dispatcher.addressOf(worker, end);
    if (address === undefined) return;
    worker.hasFallenToSuspect = suspects.has(address);
    suspects.note(address);
    if (!worker.hasFallenToSuspect) log.endedBy(address, worker);
  }

  /** @param how why it has ended, for example 'signal SIGKILL' */
  gone(worker: WorkerProcess, how: string): void {
    const { complaints, log, dispatcher, events } = this.#parts;
    if (worker.hasDied) {
      const death = { worker: worker.number, pid: worker.pid, how, ...this.lossOf(worker) };
      log.workerDied(death);
      events.workerDied(death);
    }
    complaints.forget(worker);
    log.answers.gone(worker);
    log.figures.gone(worker);
    dispatcher.gone(worker);
  }
}
